import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { resolvePlugin } from '../src/registry/resolve.js'
import { emptyPlugin } from './helpers.js'

const MODULE = (name: string, contract = 1): string =>
  `export default { name: '${name}', package: 'veritas-${name}', contract: ${contract}, roles: ['vector'], config: { '~standard': { version: 1, vendor: 'x', validate: value => ({ value }) } }, create() {} }`

describe('the registry', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'veritas-registry-'))
    const install = async (name: string, files: Record<string, string>): Promise<void> => {
      for (const [file, text] of Object.entries(files)) {
        const target = path.join(folder, 'node_modules', name, file)
        await mkdir(path.dirname(target), { recursive: true })
        await writeFile(target, text)
      }
    }
    await install('@strangers/db', {
      'package.json': '{"name":"@strangers/db","type":"module","exports":{"import":"./main.js"}}',
      'main.js': MODULE('stranger'),
    })
    await install('not-a-plugin', {
      'package.json': '{"name":"not-a-plugin","type":"module","exports":"./main.js"}',
      'main.js': 'export default {}',
    })
    await install('broken-plugin', {
      'package.json': '{"name":"broken-plugin","type":"module","exports":"./main.js"}',
      'main.js': 'throw new Error("no luck")',
    })
    await writeFile(path.join(folder, 'own.mjs'), MODULE('own'))
    await writeFile(path.join(folder, 'pnpm-lock.yaml'), '')
  })
  afterAll(() => rm(folder, { recursive: true }))

  it("finds a stranger's package from the user's folder, by its import condition", async () => {
    expect((await resolvePlugin('@strangers/db', { role: 'vector', from: [folder] })).name).toBe('stranger')
  })

  it('finds a path', async () => {
    expect((await resolvePlugin('./own.mjs', { role: 'vector', from: [folder] })).name).toBe('own')
  })

  it('takes a plugin object', async () => {
    const plugin = emptyPlugin()
    expect(await resolvePlugin(plugin, { role: 'relational' })).toBe(plugin)
  })

  it.each([
    ['chroma', '@veritas-db/chroma'],
    ['chromadb', '@veritas-db/chroma'],
    ['postgresql', '@veritas-db/postgres'],
    ['arangodb', '@veritas-db/arango'],
    ['mongodb', '@veritas-db/mongo'],
    ['cozodb', '@veritas-db/cozo'],
  ])('says how to install what %s means, with the package manager of the folder', async (type, name) => {
    await expect(resolvePlugin(type, { role: 'vector', from: [folder] })).rejects.toThrow(
      `vector.type: the package ${name} is not installed. Install it:\n  pnpm add ${name}`,
    )
  })

  it('guesses what a misspelt name means', async () => {
    await expect(resolvePlugin('postgers', { role: 'relational', from: [folder] })).rejects.toThrow(
      'Did you mean "postgres"?',
    )
  })

  it('names both versions of the contract and the package to upgrade', async () => {
    await expect(resolvePlugin(emptyPlugin({ contract: 2 }), { role: 'relational' })).rejects.toThrow(
      'veritas-empty was made for contract 2, @veritas-db/core speaks contract 1: upgrade @veritas-db/core.',
    )
    await expect(resolvePlugin(emptyPlugin({ contract: 0 }), { role: 'relational' })).rejects.toThrow(
      'upgrade veritas-empty.',
    )
  })

  it('says which roles a plugin serves instead', async () => {
    await expect(resolvePlugin(emptyPlugin(), { role: 'vector' })).rejects.toThrow(
      'vector.type: empty serves relational, not vector.',
    )
  })

  it('refuses a module that is no plugin, and passes on why one does not load', async () => {
    await expect(resolvePlugin('not-a-plugin', { role: 'vector', from: [folder] })).rejects.toThrow(
      'not-a-plugin is no VERITAS plugin',
    )
    await expect(resolvePlugin('broken-plugin', { role: 'vector', from: [folder] })).rejects.toThrow(
      'broken-plugin could not be loaded: no luck',
    )
  })
})
