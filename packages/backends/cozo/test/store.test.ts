import { type Backend, documentKey, type FilterNode, type Key, version } from '@veritas-db/core/contract'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CozoRole } from '../src/index.js'
import { cleanUp, open, run, testConfig, url } from './server.js'

const scope = { collection: 'store' }
const key = (id: string): Key => documentKey(scope, id)
const at = { scope, table: 'rows' }
const row = (id: string, n: number, s = id) => ({ key: key(id), documentId: id, version: version(n), values: { n, s } })

describe.skipIf(!url)(url ? 'what CozoDB makes different' : 'not run: VERITAS_COZO_URL is not set', () => {
  const config = testConfig()
  let backend: Backend<CozoRole>
  let other: Backend<CozoRole>
  beforeAll(async () => {
    backend = await open(config)
    other = await open(config)
    await Promise.all([backend.connect(), other.connect()])
    const columns = { n: { type: 'number' }, s: { type: 'string' } } as const
    await backend.roles.relational.ensureTable({ ...at, columns, fullText: ['s'] })
  }, 30_000)
  afterAll(async () => {
    await backend.roles.relational.dropTable(at)
    await Promise.all([backend.close(), other.close()])
    const left = (await run('::relations'))
      .map(([name]) => String(name))
      .filter((name) => name.startsWith(`${config.prefix}_`))
    await cleanUp(config)
    expect(left).toEqual([`${config.prefix}_catalog`])
  }, 30_000)

  it('writers of two processes at the same moment end with the newest, and no record fails', async () => {
    const ids = Array.from({ length: 20 }, (_, i) => `race-${i}`)
    const results = await Promise.all(
      [5, 1, 4, 2, 6, 3].map((n, i) =>
        (i % 2 ? backend : other).roles.relational.upsert({
          ...at,
          records: ids.map((id) => row(id, n)),
          mode: 'ifNewer',
        }),
      ),
    )
    for (const { outcomes } of results) expect(outcomes.every((o) => o.status !== 'failed')).toBe(true)
    const found = await backend.roles.relational.get({ ...at, keys: ids.map(key) })
    expect(found.map((r) => r.values.n)).toEqual(ids.map(() => 6))
  })

  it('vectors inserted by two processes at the same moment are all found', async () => {
    await backend.roles.vector.ensureCollection({ scope, dimensions: 4, metric: 'euclidean' })
    const records = Array.from({ length: 60 }, (_, i) => ({
      key: key(`v${i}`),
      documentId: `v${i}`,
      version: version(1),
      ordinal: 0,
      vector: Float32Array.of(i, i % 7, i % 5, 1),
      metadata: { n: i },
    }))
    await Promise.all([
      backend.roles.vector.upsert({ scope, records: records.slice(0, 30) }),
      other.roles.vector.upsert({ scope, records: records.slice(30) }),
    ])
    for (const { vector, documentId } of records) {
      const [match] = await backend.roles.vector.query({ scope, vector, topK: 1 })
      expect([match?.documentId, match?.score]).toEqual([documentId, 1])
    }
    await backend.roles.vector.dropCollection({ scope })
  }, 60_000)

  it('nodes deleted while edges to them are written leave none of them behind', async () => {
    const { graph } = backend.roles
    const at = { scope: { collection: 'edges' } }
    const node = (id: string) => ({
      key: key(id),
      documentId: id,
      version: version(1),
      label: 'D',
      placeholder: false,
      properties: {},
    })
    const edge = (source: string, target: string) => ({
      source: key(source),
      target: key(target),
      type: 'R',
      ordinal: 0,
      version: version(1),
      properties: {},
    })
    const ids = Array.from({ length: 30 }, (_, i) => `n${i}`)
    await graph.ensureSchema({ ...at, labels: ['D'], edgeTypes: ['R'] })
    await graph.upsertNodes({ ...at, nodes: ['hub', ...ids].map(node) })
    const written = ids.map((id, i) =>
      i % 2
        ? graph.upsertEdges({ ...at, edges: [edge('hub', id), edge(id, 'hub')] })
        : graph.replaceEdges({ ...at, sets: [{ source: key(id), version: version(1), edges: [edge(id, 'hub')] }] }),
    )
    await Promise.all([...written, ...ids.map((id) => graph.deleteNodes({ ...at, keys: [key(id)] }))])
    expect(await graph.count({ ...at, of: 'nodes' })).toBe(1)
    expect(await graph.count({ ...at, of: 'edges' })).toBe(0)
    await graph.dropSchema(at)
  })

  it('words of a text that was written over find nothing, though the index alone would keep them', async () => {
    const search = async (query: string): Promise<string[]> =>
      (await backend.roles.relational.searchText({ ...at, query, limit: 10 })).map((hit) => hit.documentId)
    await backend.roles.relational.upsert({ ...at, records: [row('words', 1, 'wombat AND koala')] })
    await backend.roles.relational.upsert({ ...at, records: [row('words', 2, 'numbat')] })
    expect([await search('wombat'), await search('and'), await search('numbat')]).toEqual([[], [], ['words']])
  })

  it('searches the texts that were there before a column was declared for it', async () => {
    const table = { scope, table: 'grown' }
    const columns = { s: { type: 'string' }, t: { type: 'string' } } as const
    await backend.roles.relational.ensureTable({ ...table, columns })
    const values = { s: 'first', t: 'second' }
    await backend.roles.relational.upsert({ ...table, records: [{ ...row('a', 1), values }] })
    await backend.roles.relational.ensureTable({ ...table, columns, fullText: ['s'] })
    await backend.roles.relational.ensureTable({ ...table, columns, fullText: ['t', 's'] })
    for (const query of ['first', 'second'])
      expect(await backend.roles.relational.searchText({ ...table, query, limit: 5 })).toHaveLength(1)
    await backend.roles.relational.dropTable(table)
  })

  it('takes filters as large as the language allows', async () => {
    await backend.roles.relational.upsert({ ...at, records: [row('one', 7)] })
    const count = (filter: FilterNode): Promise<number> => backend.roles.relational.count({ ...at, filter })
    const or: FilterNode = {
      op: 'or',
      nodes: Array.from({ length: 1000 }, (_, i) => ({ op: 'eq', path: 'n', value: i })),
    }
    expect(await count(or)).toBe(await count({ op: 'exists', path: 'n', value: true }))
    const many: FilterNode = {
      op: 'in',
      path: 's',
      values: Array.from({ length: 10_000 }, (_, i) => `${i}`).concat('one'),
    }
    expect(await count(many)).toBe(1)
    let deep: FilterNode = { op: 'eq', path: 's', value: 'one' }
    for (let i = 0; i < 16; i++) deep = { op: 'not', node: { op: 'and', nodes: [deep] } }
    expect(await count(deep)).toBe(1)
  })

  it('refuses cursors that no page gave, whatever is in them', async () => {
    const forged = Buffer.from('{"value":{"a":1},"key":"0"}').toString('base64url')
    const order = { column: 'n', direction: 'ascending' } as const
    for (const cursor of ['x', forged, Buffer.from('{"key":[1]}').toString('base64url')])
      for (const options of [
        { ...at, limit: 5, cursor },
        { ...at, limit: 5, cursor, order },
      ])
        await expect(backend.roles.relational.find(options)).rejects.toMatchObject({ code: 'VALIDATION' })
  })

  it('raw reads, and writes nothing', async () => {
    const { relational, graph } = backend.roles
    const counted = await relational.raw({ scope, query: '?[count(k)] := *%{rows}{k}' })
    expect(counted).toEqual([[await relational.count(at)]])
    const query = '?[k] := *%{rows}{k} :rm %{rows} {k}'
    await expect(relational.raw({ scope, query })).rejects.toMatchObject({ backend: 'cozo' })
    expect(await relational.raw({ scope, query: '?[count(k)] := *%{rows}{k}' })).toEqual(counted)
    await expect(graph.raw({ scope, query: '?[k] := *%{others}{k}' })).rejects.toMatchObject({ code: 'VALIDATION' })
  })

  it('sees a column that another process has added, and refuses another type for one that is there', async () => {
    await backend.roles.relational.count(at)
    await other.roles.relational.ensureTable({ ...at, columns: { later: { type: 'json' } } })
    const record = { ...row('later', 1), values: { n: 1, s: 'x', later: { deep: [1] } } }
    await backend.roles.relational.upsert({ ...at, records: [record] })
    expect((await backend.roles.relational.get({ ...at, keys: [record.key] }))[0]?.values).toEqual(record.values)
    await expect(
      backend.roles.relational.ensureTable({ ...at, columns: { n: { type: 'string' } } }),
    ).rejects.toMatchObject({ code: 'CONFLICT', path: 'columns.n' })
  })

  it('refuses a vector of zeros under cosine, and takes it under other metrics', async () => {
    const zero = {
      key: key('z'),
      documentId: 'z',
      version: version(1),
      ordinal: 0,
      vector: new Float32Array(3),
      metadata: {},
    }
    const { vector } = backend.roles
    expect(vector.check([zero], { dimensions: 3, metric: 'cosine' })).toMatchObject([{ index: 0, path: 'vector' }])
    for (const metric of ['dot', 'euclidean'] as const)
      expect(vector.check([zero], { dimensions: 3, metric })).toEqual([])
  })
})
