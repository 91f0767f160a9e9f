import {
  checkCollection,
  checkLimit,
  checkUpsertMode,
  checkVectorPatch,
  checkVectorQuery,
  FULL_FILTER,
  issuesOf,
  pageOf,
  type RecordHead,
  refuseMistakes,
  type ScanOptions,
  type ScopedOptions,
  throwIfAborted,
  type VectorCapabilities,
  type VectorMatch,
  type VectorRecord,
  type VectorRole,
} from '@veritas-db/core/contract'
import { keysAtOnce, limits, splitEvery, vectorLimits, writeBatches } from './batches.js'
import type { Catalog, Place } from './catalog.js'
import { checkDirection, checkVectorRecord } from './checks.js'
import type { CozoConfig } from './config.js'
import type { Connection, Rows } from './connection.js'
import { backendName, missing } from './errors.js'
import { complete } from './fill.js'
import { compileFilter } from './filter.js'
import { Bindings } from './script.js'
import { inKeyOrder, matching } from './select.js'
import { hitRules, wordsOf } from './text.js'
import {
  type Collection,
  collectionOf,
  distances,
  identity,
  isIndexed,
  mergeCollections,
  relationsOf,
  sourceOf,
  toHead,
  toMatch,
  toRecord,
  vectorLayout,
} from './vector/model.js'
import {
  after,
  deleteScript,
  exactScript,
  getScript,
  nearScript,
  type PreparedPatch,
  type PreparedVector,
  patchScript,
  prepare,
  preparePatch,
  sizeOf,
  upsertScript,
} from './vector/scripts.js'

/** What the vector role can do. */
export const vectorCapabilities: VectorCapabilities = {
  limits: vectorLimits,
  filter: FULL_FILTER,
  upsertModes: ['replace', 'ifNewer', 'ifAbsent'],
  conditionalUpsert: 'atomic',
  readAfterWrite: 'immediate',
  scan: { order: 'key', resume: 'cursor', snapshot: false },
  metrics: ['cosine', 'dot', 'euclidean'],
  maxDimensions: 4096,
  maxTopK: 1000,
  exact: 'optional',
  fullText: true,
  patch: true,
  deleteByFilter: true,
}

/** The vector role. */
export const createVectorRole = (connection: Connection, catalog: Catalog, hnsw: CozoConfig['hnsw']): VectorRole => {
  const layout = vectorLayout(hnsw)
  const call = <T>(operation: string, options: Partial<ScopedOptions>, work: () => Promise<T>): Promise<T> =>
    connection.call('vector', operation, options as ScopedOptions, work)

  const placeOf = ({ scope, signal }: ScopedOptions): Place =>
    catalog.at(
      catalog.vector(scope),
      () => missing(`The vector collection "${scope.collection}"`, 'ensureCollection'),
      signal,
    )

  /** A call that reads a collection. */
  const reading = <T>(operation: string, options: ScopedOptions, read: (c: Collection) => Promise<T>): Promise<T> =>
    call(operation, options, async () => placeOf(options).read((space) => read(collectionOf(space))))

  /** Runs a script that deletes what a rule chooses, and answers how many records that were. */
  const remove = async (
    options: ScopedOptions,
    choose: (c: Collection, bindings: Bindings) => string,
  ): Promise<number> => {
    throwIfAborted(options.signal)
    const [row] = await placeOf(options).write((space) => {
      const bindings = new Bindings()
      const c = collectionOf(space)
      return { script: deleteScript(c, choose(c, bindings)), parameters: bindings.values }
    })
    return Number(row?.[0] ?? 0)
  }

  const scan = ((options: ScanOptions & { readonly fields?: 'keys' | 'all' }) =>
    reading('scan', options, async (c) => {
      const { filter, cursor, limit = 1000, signal } = options
      checkLimit(limit, 'limit')
      const bindings = new Bindings()
      const keysOnly = options.fields === 'keys'
      const answer = keysOnly
        ? { columns: ['v'], head: 'k, o, v' }
        : { columns: ['v', 'd', 't', 'm'], head: 'k, o, v, d, t, m, x', more: `, *${c.vectors}{k, o, x}` }
      const page = { ...answer, filter, after: after(cursor, bindings), limit: limit + 1 }
      const rows = await connection.read(inKeyOrder(sourceOf(c), page, bindings), bindings.values, signal)
      return pageOf<readonly unknown[], RecordHead | VectorRecord>(
        rows,
        limit,
        ([k, o]) => [k as string, o as number],
        keysOnly ? toHead : toRecord,
      )
    })) as VectorRole['scan']

  return {
    capabilities: vectorCapabilities,

    check: (records, definition) => issuesOf(records, (record) => checkVectorRecord(record, definition)),

    ensureCollection: (options) =>
      call('ensureCollection', options, async () => {
        const { scope, signal } = options
        checkCollection(options, vectorCapabilities, backendName)
        const name = catalog.vector(scope)
        const space = await catalog.ensure(layout, name, scope, (before) => mergeCollections(before, options), signal)
        const records = { relation: relationsOf(space.base).records, keys: ['k', 'o'] }
        await complete(connection, catalog, layout, space, records, signal)
      }),

    dropCollection: (options) =>
      call('dropCollection', options, () => catalog.drop(layout, catalog.vector(options.scope), options.signal)),

    listCollections: (options = {}) =>
      call('listCollections', options, async () => {
        const spaces = await catalog.list('vector', options.signal)
        return spaces.map(({ scope, definition }) => ({
          scope,
          dimensions: definition.dimensions ?? 0,
          metric: definition.metric ?? 'cosine',
          ...(definition.fields && { fields: definition.fields }),
        }))
      }),

    upsert: (options) =>
      call('upsert', options, async () => {
        const { records, mode = 'replace', signal } = options
        checkUpsertMode(mode, vectorCapabilities, backendName, 'vector')
        const place = placeOf(options)
        const c = collectionOf(await place.space())
        refuseMistakes(records, (record) => checkVectorRecord(record, c))
        const size = { limits: vectorLimits, of: sizeOf }
        const write = (batch: readonly PreparedVector[]): Promise<Rows> =>
          place.write((now) => upsertScript(collectionOf(now), batch, mode))
        const prepared = records.map(prepare)
        return { outcomes: await writeBatches(prepared, ({ record }) => identity(record), mode, size, signal, write) }
      }),

    get: (options) =>
      reading('get', options, async (c) => {
        const include = { metadata: true, text: true, ...options.include }
        const script = getScript(c, { include })
        const found: Omit<VectorMatch, 'score'>[] = []
        for (const keys of splitEvery([...new Set(options.keys)], keysAtOnce)) {
          throwIfAborted(options.signal)
          for (const row of await connection.read(script, { keys }, options.signal)) found.push(toMatch(row, include))
        }
        return found
      }),

    query: (options) =>
      reading('query', options, async (c) => {
        const { vector, topK, include = {}, signal } = options
        checkVectorQuery(options, c, vectorCapabilities, backendName)
        if (c.metric === 'cosine') checkDirection(vector, 'vector')
        const ask = (make: (bindings: Bindings) => string): Promise<Rows> => {
          const bindings = new Bindings()
          return connection.read(make(bindings), bindings.values, signal)
        }
        const indexed = isIndexed(c.metric) && !options.exact
        let rows = indexed ? await ask((bindings) => nearScript(c, options, hnsw.ef, bindings)) : []
        // Fewer than asked for: the index gave too few that match, or there are no more.
        if (rows.length < topK) rows = await ask((bindings) => exactScript(c, options, bindings))
        const { score } = distances[c.metric]
        return rows.map(([dist, ...row]) => ({ ...toMatch(row, include), score: score(dist as number) }))
      }),

    delete: (options) =>
      call('delete', options, async () => {
        if (!('keys' in options)) {
          const { filter } = options
          const deleted = await remove(
            options,
            (c, bindings) => `gone[k, o] := ${matching(sourceOf(c), { filter, columns: [] }, bindings)}`,
          )
          return { deleted }
        }
        let deleted = 0
        for (const keys of splitEvery([...new Set(options.keys)], keysAtOnce))
          deleted += await remove(
            options,
            (c, bindings) => `gone[k, o] := k in ${bindings.add(keys)}, *${c.records}{k, o}`,
          )
        return { deleted }
      }),

    deleteByDocument: (options) =>
      call('deleteByDocument', options, async () => {
        let deleted = 0
        for (const documents of splitEvery(options.documents, keysAtOnce)) {
          const rows = documents.map(({ key, versionBelow }) => [key, versionBelow])
          deleted += await remove(
            options,
            (c, bindings) =>
              `wanted[k, below] <- ${bindings.add(rows)}\ngone[k, o] := wanted[k, below], *${c.records}{k, o, v}, v < below`,
          )
        }
        return { deleted }
      }),

    count: (options) =>
      reading('count', options, async (c) => {
        const bindings = new Bindings()
        const body = matching(sourceOf(c), { filter: options.filter, columns: [] }, bindings)
        const [row] = await connection.read(`?[count(o)] := ${body}`, bindings.values, options.signal)
        return Number(row?.[0] ?? 0)
      }),

    scan,

    searchText: (options) =>
      reading('searchText', options, async (c) => {
        checkLimit(options.limit, 'limit')
        const words = wordsOf(options.query)
        if (words.length === 0 || options.limit === 0) return []
        const bindings = new Bindings()
        const rules = hitRules(c.texts, ['k', 'o'], ['k', 'o'], words, bindings, '1')
        const conditions = compileFilter(options.filter, bindings, sourceOf(c).slots)
        const columns = [...new Set(['k', 'o', 'v', 'd', 't', 'm', ...conditions.columns])].join(', ')
        const rows = await connection.read(
          `${rules}
?[s, k, o, v, d, t, m] := hit[k, o, s], *${c.records}{${columns}}${conditions.atoms} :order -s, k, o :limit ${options.limit}`,
          bindings.values,
          options.signal,
        )
        return rows.map(([s, ...row]) => ({ ...toMatch(row, { text: true, metadata: true }), score: s as number }))
      }),

    patch: (options) =>
      call('patch', options, async () => {
        const place = placeOf(options)
        await place.space()
        refuseMistakes(options.records, checkVectorPatch)
        const size = { limits, of: (patch: PreparedPatch) => 300 + 2 * Buffer.byteLength(patch.text) }
        const write = (batch: readonly PreparedPatch[]): Promise<Rows> =>
          place.write((now) => patchScript(collectionOf(now), batch))
        const prepared = options.records.map(preparePatch)
        const name = ({ patch }: PreparedPatch): string => identity(patch)
        return { outcomes: await writeBatches(prepared, name, 'ifNewer', size, options.signal, write) }
      }),
  }
}
