import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { sqliteConfig } from '../src/config.js'

const at = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const readme = await readFile(at('../README.md'), 'utf8')

describe('the README', () => {
  it('has an example by the contract alone that runs as written', async () => {
    const example = [...readme.matchAll(/```js\n(.*?)```/gs)]
      .map((match) => match[1] ?? '')
      .find((code) => code.includes(':memory:'))
    const args = ['--no-warnings', '--import', at('children/hooks.mjs'), '--input-type=module', '--eval', example ?? '']
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: at('..'), timeout: 30_000 })
    expect(stdout).toContain("documentId: 'dune'")
    expect(stdout).toContain('score: 0.7071')
    expect(stdout).not.toContain('emma')
  }, 40_000)

  it('names every option', async () => {
    const result = await sqliteConfig['~standard'].validate({})
    const names = result.issues ? [] : [...Object.keys(result.value), 'client']
    expect(names.length).toBeGreaterThan(5)
    for (const name of names) expect(readme).toContain(`| \`${name}\` `)
  })
})
