import {
  APPLIED,
  type CollectionInfo,
  type Key,
  STALE,
  type VectorMatch,
  type VectorRecord,
  VeritasError,
} from '@veritas-db/core/contract'
import type { Declared } from '../memory/index.js'
import type { Mutant } from './mutant.js'

const at = (suite: string, name: string, methods: NonNullable<Mutant['methods']>, declared?: Declared): Mutant => ({
  name: `vector: ${name}`,
  suite: `vector.${suite}`,
  role: 'vector',
  methods,
  ...(declared && { declared }),
})
/** A query whose scores are changed. */
const scored = (change: (score: number) => number): NonNullable<Mutant['methods']> => ({
  query: async (o, call) => {
    const found = (await call(o)) as readonly VectorMatch[]
    return found.map((m) => ({ ...m, score: change(m.score) }))
  },
})
const records = (o: { records?: readonly object[] }): readonly VectorRecord[] =>
  (o.records ?? []) as readonly VectorRecord[]
const matches = async (call: Promise<unknown>): Promise<readonly VectorMatch[]> =>
  (await call) as readonly VectorMatch[]

let making = false

export const vectorMutants: readonly Mutant[] = [
  at('collections', 'two callers at once collide', {
    ensureCollection: async (o, call) => {
      if (making) throw new VeritasError({ code: 'CONFLICT', message: 'already exists' })
      making = true
      try {
        await new Promise((resolve) => setTimeout(resolve, 1))
        return await call(o)
      } finally {
        making = false
      }
    },
  }),
  at('collections', 'making it again empties it', {
    ensureCollection: async (o, call, of) => {
      if (!('fields' in o) || Object.keys(o.fields as object).length === 0) return call(o)
      await call(o)
      await of('dropCollection')(o)
      return call(o)
    },
  }),
  at('collections', 'other dimensions are taken in silence', {
    ensureCollection: (o, call) => call(o).catch(() => undefined),
  }),
  at('collections', 'dropping what is not there fails', {
    dropCollection: async (o, call, of) => {
      await of('count')(o)
      return call(o)
    },
  }),
  at('collections', 'the list forgets the tenant', {
    listCollections: async (o, call) =>
      ((await call(o)) as readonly CollectionInfo[]).map((c) => ({ ...c, scope: { collection: c.scope.collection } })),
  }),
  at('collections', 'a collection that was never ensured is empty', {
    count: (o, call) => call(o).catch(() => 0),
    get: (o, call) => call(o).catch(() => []),
  }),
  at('collections', 'a write makes the collection', {
    upsert: async (o, call, of) => {
      const options = { ...o, dimensions: 8, metric: 'cosine' }
      await of('ensureCollection')(options).catch(() => undefined)
      return call(o)
    },
  }),
  at(
    'collections',
    'a metric that is not declared works in silence',
    { ensureCollection: (o, call) => call({ ...o, metric: 'cosine' }) },
    { vector: { metrics: ['cosine'] } },
  ),
  at('collections', 'dropping keeps the records', { dropCollection: (o, _call, of) => of('count')(o).catch(() => 0) }),

  at('records', 'one passage a document', {
    upsert: (o, call) => call({ ...o, records: records(o).map((r) => ({ ...r, ordinal: 0 })) }),
  }),
  at('records', 'the old text stays where the new record has none', {
    upsert: async (o, call, of) => {
      const keys = records(o).map((r) => r.key)
      const there = (await of('get')({ scope: o.scope, keys })) as readonly VectorRecord[]
      const text = (r: VectorRecord): string | undefined =>
        r.text ?? there.find((x) => x.key === r.key && x.ordinal === r.ordinal)?.text
      return call({
        ...o,
        records: records(o).map((r) => ({ ...r, ...(text(r) !== undefined && { text: text(r) as string }) })),
      })
    },
  }),
  at('records', 'no text comes back as an empty one', {
    get: async (o, call) => (await matches(call(o))).map((m) => ({ ...m, text: m.text ?? '' })),
  }),
  at(
    'query',
    'a zero vector has no similarity',
    scored((s) => (s === 0 ? Number.NaN : s)),
  ),
  at('records', 'delete removes the first passage only', {
    delete: async (o, call, of) => {
      if (!o.keys) return call(o)
      const there = (await of('get')({
        scope: o.scope,
        keys: o.keys,
        include: { vector: true },
      })) as readonly VectorRecord[]
      const result = await call(o)
      const kept = there.filter((r) => r.ordinal > 0).map((r) => ({ ...r, metadata: {} }))
      await of('upsert')({ scope: o.scope, records: kept })
      return result
    },
  }),
  at('records', 'deleteByDocument takes the version itself too', {
    deleteByDocument: (o, call) =>
      call({
        ...o,
        documents: (o.documents ?? []).map((d) => ({
          ...d,
          versionBelow: `${d.versionBelow}0` as typeof d.versionBelow,
        })),
      }),
  }),
  at('records', 'deleteByDocument takes all versions', {
    deleteByDocument: (o, _call, of) => of('delete')({ scope: o.scope, keys: (o.documents ?? []).map((d) => d.key) }),
  }),
  at('records', 'deleteByDocument does nothing', { deleteByDocument: async () => ({ deleted: 0 }) }),
  at('records', 'count is off by one', { count: async (o, call) => Number(await call(o)) + 1 }),
  at('records', 'delete says a wrong number', {
    delete: async (o, call) => ({ ...((await call(o)) as object), deleted: 1 }),
  }),
  at('records', 'vectors come back when nobody asked', {
    get: (o, call) => call({ ...o, include: { metadata: true, text: true, vector: true } }),
  }),
  at('records', 'vectors come back normalised', {
    get: async (o, call) =>
      (await matches(call(o))).map((m) =>
        m.vector ? { ...m, vector: m.vector.map((x) => x / Math.hypot(...(m.vector ?? []))) } : m,
      ),
  }),
  at('records', 'include is ignored by query', { query: (o, call) => call({ ...o, include: {} }) }),
  at('records', 'get gives placeholders for what is missing', {
    get: async (o, call) => {
      const found = await matches(call(o))
      const missing = (o.keys ?? []).filter((key) => !found.some((m) => m.key === key))
      return [...found, ...missing.map((key) => ({ key, documentId: '', metadata: {} }))]
    },
  }),
  at(
    'records',
    'delete by a filter that is not declared works in silence',
    { delete: (o, call) => (o.filter ? { deleted: 0 } : call(o)) },
    { vector: { deleteByFilter: false } },
  ),
  at('records', 'delete by a declared filter deletes everything', {
    delete: async (o, call, of) => {
      if (!o.filter) return call(o)
      return call({ ...o, filter: { op: 'and', nodes: [] } }).finally(() => of('count')(o))
    },
  }),

  at(
    'query',
    'returns distances',
    scored((s) => 1 - s),
  ),
  at(
    'query',
    'cosine from 0 to 1',
    scored((s) => (1 + s) / 2),
  ),
  at(
    'query',
    'scores in per cent',
    scored((s) => s * 100),
  ),
  at(
    'query',
    'dot products turned round',
    scored((s) => -s),
  ),
  at(
    'query',
    'scores rounded',
    scored((s) => Math.round(s * 50) / 50),
  ),
  at(
    'query',
    'cosine a little above 1',
    scored((s) => (s > 0.999 && s <= 1 ? 1.0000001 : s)),
  ),
  at('query', 'worst first', {
    query: async (o, call) => (await matches(call(o))).slice().reverse(),
  }),
  at('query', 'nothing where nothing is asked for, and no error', {
    query: async (o, call) => (o.topK === 0 ? [] : matches(call(o))),
  }),
  at('query', 'one more than asked for', { query: (o, call) => call({ ...o, topK: (o.topK ?? 1) + 1 }) }),
  at('query', 'one fewer than asked for', {
    query: async (o, call) => (await matches(call(o))).slice(0, Math.max(1, (o.topK ?? 1) - 1)),
  }),
  at('query', 'misses one in ten while it says it is exact', {
    query: async (o, call) => {
      const found = await matches(call({ ...o, topK: (o.topK ?? 1) + 2 }))
      return found.filter((m) => !m.key.startsWith('7')).slice(0, o.topK)
    },
  }),
  at(
    'query',
    'an approximate search with a recall below 95 %',
    {
      query: async (o, call) => {
        const found = await matches(call({ ...o, topK: (o.topK ?? 1) * 2 }))
        return found.filter((m) => !/^[0-3]/.test(m.key)).slice(0, o.topK)
      },
    },
    { vector: { exact: 'never' } },
  ),
  at(
    'query',
    'an exact query that is not declared works in silence',
    { query: (o, call) => call({ ...o, exact: false }) },
    { vector: { exact: 'never' } },
  ),
  at('query', 'filters the nearest instead of finding the nearest that match', {
    query: async (o, call) => {
      const { filter, ...rest } = o
      if (!filter) return call(o)
      const near = await matches(call({ ...rest, topK: 40 }))
      const right = new Set((await matches(call({ ...o, topK: 1000 }))).map((m) => m.key))
      return near.filter((m) => right.has(m.key)).slice(0, o.topK)
    },
  }),
  at('query', 'equal scores in order of insertion', {
    query: async (o, call) =>
      (await matches(call(o))).slice().sort((a, b) => b.score - a.score || (a.documentId < b.documentId ? -1 : 1)),
  }),
  at('query', 'a vector of other dimensions is padded', {
    query: (o, call) => {
      const vector = new Float32Array(o.vector && o.vector.length > 16 ? 32 : 8)
      vector.set((o.vector ?? new Float32Array(0)).subarray(0, vector.length))
      return call({ ...o, vector })
    },
  }),
  at('query', 'an empty collection is an error', {
    query: async (o, call, of) => {
      if ((await of('count')({ scope: o.scope })) === 0) throw new VeritasError({ code: 'INTERNAL', message: 'empty' })
      return call(o)
    },
  }),

  at('patch', 'merges the metadata', {
    patch: async (o, call, of) => {
      const keys = records(o).map((r) => r.key)
      const there = (await of('get')({ scope: o.scope, keys })) as readonly VectorRecord[]
      const old = (key: Key): VectorRecord['metadata'] => there.find((r) => r.key === key)?.metadata ?? {}
      return call({ ...o, records: records(o).map((r) => ({ ...r, metadata: { ...old(r.key), ...r.metadata } })) })
    },
  }),
  at('patch', 'an older one wins', {
    patch: async (o, call, of) => {
      const keys = records(o).map((r) => r.key)
      const there = (await of('get')({ scope: o.scope, keys, include: { vector: true } })) as readonly VectorRecord[]
      if (there.length === 0) return call(o)
      await of('upsert')({
        scope: o.scope,
        records: there.map((r) => ({ ...r, metadata: records(o)[0]?.metadata ?? {} })),
      })
      return { outcomes: [APPLIED] }
    },
  }),
  at('patch', 'keeps the old version', { patch: async () => ({ outcomes: [APPLIED] }) }),
  at('patch', 'is answered and not done', { patch: async (o) => ({ outcomes: records(o).map(() => STALE) }) }),
  at(
    'patch',
    'what is not declared works in silence',
    { patch: async () => ({ outcomes: [APPLIED] }) },
    { vector: { patch: false } },
  ),

  {
    name: 'vector: a vector with NaN is taken',
    suite: 'vector.check',
    role: 'vector',
    methods: {
      upsert: (o, call) =>
        call({
          ...o,
          records: records(o).map((r) => ({
            ...r,
            vector: r.vector instanceof Float32Array ? r.vector.map((x) => (Number.isFinite(x) ? x : 0)) : r.vector,
          })),
        }),
    },
  },
  {
    name: 'vector: a vector of other dimensions is taken',
    suite: 'vector.check',
    role: 'vector',
    methods: {
      upsert: (o, call) =>
        call({
          ...o,
          records: records(o).map((r) => (r.vector?.length === 9 ? { ...r, vector: r.vector.slice(0, 8) } : r)),
        }),
    },
  },
  {
    name: 'vector: a late write overwrites though record ids should hold the version',
    suite: 'vector.versions',
    role: 'vector',
    declared: { vector: { conditionalUpsert: 'none', upsertModes: [] } },
    methods: {
      upsert: async (o, call, of) => {
        await of('delete')({ scope: o.scope, keys: records(o).map((r) => r.key) })
        return call(o)
      },
    },
  },
]
