import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codeBlocks } from './code-blocks.js'

const run = promisify(execFile)
const root = path.resolve(import.meta.dirname, '../..')

/** Pages whose TypeScript is executed as it stands, in a folder of its own from which the workspace's packages are found. */
const PAGES = ['README.md', 'packages/core/README.md', 'packages/backends/sqlite/README.md']

describe('examples in the documentation', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(path.join(root, 'tests', '.examples-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  for (const page of PAGES) {
    it(`of ${page} run as written`, async () => {
      const blocks = codeBlocks(await readFile(path.join(root, page), 'utf8'))
      expect(blocks.length).toBeGreaterThan(0)
      for (const [i, { code }] of blocks.entries()) {
        const own = await mkdtemp(path.join(folder, 'example-'))
        await writeFile(path.join(own, 'package.json'), '{ "type": "module" }')
        await writeFile(path.join(own, `example-${i}.ts`), code)
        // A failing example rejects with its output.
        await run(process.execPath, [`example-${i}.ts`], { cwd: own })
      }
    })
  }

  it('compile', async () => {
    const config = {
      extends: '../../tsconfig.base.json',
      compilerOptions: { noEmit: true, declaration: false, isolatedDeclarations: false },
      include: ['typed'],
    }
    await writeFile(path.join(folder, 'tsconfig.json'), JSON.stringify(config))
    await cp(path.join(root, 'tests', 'package.json'), path.join(folder, 'package.json'))
    for (const [i, page] of PAGES.entries())
      for (const [j, { code }] of codeBlocks(await readFile(path.join(root, page), 'utf8')).entries()) {
        await cp(path.join(root, 'tests', 'package.json'), path.join(folder, 'typed', 'package.json'))
        await writeFile(path.join(folder, 'typed', `page-${i}-${j}.ts`), code)
      }
    await run(path.join(root, 'node_modules', '.bin', 'tsc'), ['-p', folder]).catch((error: { stdout?: string }) => {
      throw new Error(error.stdout)
    })
  })
})
