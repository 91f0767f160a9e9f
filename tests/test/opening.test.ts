import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { type Embedder, openDatabase } from '@veritas-db/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { memoryDatabase, track } from './helpers.js'

const run = promisify(execFile)
const from = import.meta.dirname

describe('opening a database', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'veritas-open-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  it('takes a config file, with references to the environment', async () => {
    const file = path.join(folder, 'own.config.mjs')
    await writeFile(
      file,
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference to the environment is written so
      "export default { backend: { type: 'sqlite', config: { path: '${VERITAS_TEST_FOLDER}/own.db' } } }",
    )
    process.env.VERITAS_TEST_FOLDER = folder
    const db = track(await openDatabase({ file }, { from }))
    await db.storeDocument({ id: 'a', text: 'x' }, 'docs')
    delete process.env.VERITAS_TEST_FOLDER
    const again = track(
      await openDatabase({ backend: { type: 'sqlite', config: { path: path.join(folder, 'own.db') } } }, { from }),
    )
    expect((await again.getDocument('a', 'docs'))?.text).toBe('x')
  })

  it('names every mistake in the options of a backend', async () => {
    const opening = openDatabase({ relational: { type: 'sqlite', config: { pth: 'x', cacheSizeKb: -1 } } }, { from })
    await expect(opening).rejects.toMatchObject({ code: 'CONFIGURATION' })
    await expect(opening).rejects.toThrow('relational.config.pth: unknown option. Did you mean "path"?')
    await expect(opening).rejects.toThrow('relational.config.cacheSizeKb: ')
  })

  it('imports the configured backend and no other', async () => {
    const script = `
      import { registerHooks } from 'node:module'
      const seen = []
      registerHooks({ resolve(specifier, context, next) { const found = next(specifier, context); seen.push(found.url); return found } })
      const { openDatabase } = await import('@veritas-db/core')
      const db = await openDatabase({ backend: { type: 'sqlite', config: { path: ':memory:' } } })
      await db.close()
      console.log(JSON.stringify(seen))`
    const file = path.join(from, `opening-${process.pid}.mjs`)
    await writeFile(file, script)
    try {
      const { stdout } = await run(process.execPath, [file], { cwd: from })
      const urls = JSON.parse(stdout) as string[]
      const backends = new Set(urls.flatMap((url) => /packages\/backends\/([a-z0-9]+)\//.exec(url)?.[1] ?? []))
      expect([...backends]).toEqual(['sqlite'])
    } finally {
      await rm(file)
    }
  })
})

describe('embeddings of queries', () => {
  const counting = (): { embedder: Embedder; queries: () => number } => {
    let queries = 0
    const embedder: Embedder = {
      id: 'counting',
      dimensions: 2,
      kind: 'neural',
      embed: async (texts, { purpose }) => {
        if (purpose === 'query') queries += texts.length
        return texts.map(() => Float32Array.of(1, 0))
      },
    }
    return { embedder, queries: () => queries }
  }

  it.each([
    [300, 1],
    [0, 3],
  ])('are kept for performance.cacheTtlSeconds = %i: %i calls for three searches', async (cacheTtlSeconds, calls) => {
    const { embedder, queries } = counting()
    const db = await memoryDatabase({ embedder, performance: { cacheTtlSeconds } })
    await db.storeDocument({ id: 'a', text: 'x' }, 'docs')
    for (let i = 0; i < 3; i++) await db.searchDocuments({ query: 'x', collection: 'docs', mode: 'semantic' })
    expect(queries()).toBe(calls)
  })
})
