import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codeBlocks } from './code-blocks.js'

const run = promisify(execFile)
const root = path.resolve(import.meta.dirname, '../..')

/** Pages whose examples need no server: they are run as they stand, in a folder of their own from which the packages are found. */
const EMBEDDED = ['README.md', 'packages/core/README.md', 'packages/backends/sqlite/README.md']

describe('examples in the documentation', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(path.join(root, 'tests', '.examples-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  for (const page of EMBEDDED) {
    it(`of ${page} run as written`, async () => {
      const blocks = codeBlocks(await readFile(path.join(root, page), 'utf8'))
      expect(blocks.length).toBeGreaterThan(0)
      for (const [i, { code, language }] of blocks.entries()) {
        const own = await mkdtemp(path.join(folder, 'example-'))
        await writeFile(path.join(own, 'package.json'), '{ "type": "module" }')
        const file = `example-${i}.${language}`
        await writeFile(path.join(own, file), code)
        // A failing example rejects with its output.
        await run(process.execPath, [file], { cwd: own })
      }
    })
  }

  it('compile, those that need a server too', async () => {
    const backends = await readdir(path.join(root, 'packages', 'backends'))
    const pages = [...EMBEDDED.slice(0, 2), ...backends.map((name) => `packages/backends/${name}/README.md`)]
    const typed = path.join(folder, 'typed')
    await mkdir(typed)
    const compilerOptions = { noEmit: true, declaration: false, isolatedDeclarations: false }
    await writeFile(
      path.join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: '../../tsconfig.base.json', compilerOptions, include: ['typed'] }),
    )
    await cp(path.join(root, 'tests', 'package.json'), path.join(typed, 'package.json'))
    for (const page of pages) {
      const blocks = codeBlocks(await readFile(path.join(root, page), 'utf8'))
      // A page tells one story: a later block goes on where the one before it ended.
      const code = blocks.filter((block) => block.language === 'ts').map((block) => block.code)
      await writeFile(path.join(typed, `${page.replace(/[^a-z0-9]+/gi, '-')}.ts`), `${code.join('\n')}\nexport {}\n`)
    }
    await run(path.join(root, 'node_modules', '.bin', 'tsc'), ['-p', folder]).catch(
      (error: { readonly stdout?: string }) => {
        throw new Error(error.stdout)
      },
    )
  })
})
