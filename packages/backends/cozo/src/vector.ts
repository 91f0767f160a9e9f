import {
  checkDimensions,
  checkLimit,
  checkVector,
  checkVectorPatch,
  encodeMetadata,
  FULL_FILTER,
  invalid,
  isMatchAll,
  issuesOf,
  type Metric,
  pageOf,
  type RecordHead,
  refuseMistakes,
  type ScanOptions,
  type ScopedOptions,
  throwIfAborted,
  unsupported,
  type VectorCapabilities,
  type VectorMatch,
  type VectorQuery,
  type VectorRecord,
  type VectorRole,
} from '@veritas-db/core/contract'
import { limits, vectorLimits, writeBatches } from './batches.js'
import { type Catalog, conflict, type Definition, plainScope } from './catalog.js'
import { checkDirection, checkVectorRecord } from './checks.js'
import type { CozoConfig } from './config.js'
import type { Connection, Rows } from './connection.js'
import { backendName, missing } from './errors.js'
import { encodeFields } from './fields.js'
import { keysAtOnce, splitEvery } from './lists.js'
import { Bindings } from './script.js'
import { hitRules, wordsOf } from './text.js'
import {
  type Collection,
  collectionOf,
  distances,
  encodeVector,
  identity,
  isIndexed,
  relationsOf,
  store,
  toHead,
  toMatch,
  toRecord,
} from './vector/model.js'
import {
  after,
  columns,
  deleteScript,
  included,
  patchScript,
  statements,
  upsertScript,
  where,
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
  const call = <T>(operation: string, options: Partial<ScopedOptions>, work: () => Promise<T>): Promise<T> =>
    connection.call('vector', operation, options as ScopedOptions, work)

  const find = async ({ scope, signal }: ScopedOptions): Promise<Collection> => {
    const space = await catalog.find(catalog.vector(scope), signal)
    if (!space) throw missing(`The vector collection "${scope.collection}"`, 'ensureCollection')
    return collectionOf(space)
  }

  const scan = ((options: ScanOptions & { readonly fields?: 'keys' | 'all' }) =>
    call('scan', options, async () => {
      const { records, vectors } = await find(options)
      const limit = options.limit ?? 1000
      checkLimit(limit, 'limit')
      const bindings = new Bindings()
      const conditions = after(options.cursor, bindings) + where(options.filter, bindings)
      const keysOnly = options.fields === 'keys'
      const head = keysOnly ? 'k, o, v' : 'k, o, v, d, t, m, x'
      const vector = keysOnly ? '' : `, *${vectors}{k, o, x}`
      // Key and ordinal come first, and the relation is read in their order, so that `:limit` ends the reading.
      const rows = await connection.read(
        `?[${head}] := *${records}{${columns}}${conditions}${vector} :limit ${limit + 1}`,
        bindings.values,
        options.signal,
      )
      return pageOf<readonly unknown[], RecordHead | VectorRecord>(
        rows,
        limit,
        ([k, o]) => [k as string, o as number],
        keysOnly ? toHead : toRecord,
      )
    })) as VectorRole['scan']

  /** The nearest among all, or among those that match: every vector is compared. */
  const exactly = (c: Collection, query: VectorQuery): Promise<Rows> => {
    const bindings = new Bindings()
    const matching =
      query.filter && !isMatchAll(query.filter) ? `*${c.records}{k, o, j}${where(query.filter, bindings)}, ` : ''
    const vector = bindings.add(encodeVector(query.vector))
    return connection.read(
      `wanted[w] := w = vec(${vector})
near[k, o, dist] := wanted[w], ${matching}*${c.vectors}{k, o, x}, dist = ${distances[c.metric].call}(x, w)
best[k, o, dist] := near[k, o, dist]
?[dist, k, o${included(query).head}] := best[k, o, dist]${included(query).atoms(c)} :order dist, k, o :limit ${query.topK}`,
      bindings.values,
      query.signal,
    )
  }

  /** The nearest as the index finds them. A filter sees only what the index gave, so it is asked for more. */
  const byIndex = (c: Collection, query: VectorQuery): Promise<Rows> => {
    const bindings = new Bindings()
    const filtered = query.filter !== undefined && !isMatchAll(query.filter)
    const candidates = Math.max(hnsw.ef, query.topK * 4)
    const k = bindings.add(filtered ? candidates : query.topK)
    const search = `~${c.vectors}:i{k, o | query: w, k: ${k}, ef: ${bindings.add(candidates)}, bind_distance: dist}`
    const matching = filtered ? `, *${c.records}{k, o, j}${where(query.filter, bindings)}` : ''
    return connection.read(
      `wanted[w] := w = vec(${bindings.add(encodeVector(query.vector))})
near[k, o, dist] := wanted[w], ${search}${matching}
?[dist, k, o${included(query).head}] := near[k, o, dist]${included(query).atoms(c)} :order dist, k, o :limit ${query.topK}`,
      bindings.values,
      query.signal,
    )
  }

  return {
    capabilities: vectorCapabilities,

    check: (records, definition) => issuesOf(records, (record) => checkVectorRecord(record, definition)),

    ensureCollection: (options) =>
      call('ensureCollection', options, async () => {
        const { scope, dimensions, metric, fields, signal } = options
        checkDefinition(dimensions, metric)
        const name = catalog.vector(scope)
        const definition: Definition = { dimensions, metric, ...(fields && { fields }) }
        await catalog.ensure(
          'vector',
          { name, scope: plainScope(scope), definition },
          (before) => {
            if (before.dimensions !== dimensions) throw conflict('dimensions', before.dimensions, dimensions)
            if (before.metric !== metric) throw conflict('metric', before.metric, metric)
            return { ...definition, fields: { ...before.fields, ...fields } }
          },
          () => statements(relationsOf(name), dimensions, metric, hnsw),
          signal,
        )
      }),

    dropCollection: (options) =>
      call('dropCollection', options, async () => {
        const name = catalog.vector(options.scope)
        const { records, vectors, texts } = relationsOf(name)
        const indexes = [`::hnsw drop ${vectors}:i`, `::fts drop ${texts}:f`]
        await catalog.drop(name, indexes, [records, vectors, texts], options.signal)
      }),

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
        const c = await find(options)
        const { records, mode = 'replace', signal } = options
        refuseMistakes(records, (record) => checkVectorRecord(record, c))
        const script = upsertScript(c, mode)
        const outcomes = await writeBatches(
          records,
          identity,
          mode,
          {
            limits: vectorLimits,
            of: (record) =>
              300 +
              record.vector.byteLength * 1.4 +
              3 * (record.text?.length ?? 0) +
              JSON.stringify(record.metadata).length * 3,
          },
          signal,
          async (batch) => {
            const written = await connection.write(c.name, script, { rows: batch.map(store) }, signal)
            return new Set(written.map(([k, o]) => `${k} ${o}`))
          },
        )
        return { outcomes }
      }),

    get: (options) =>
      call('get', options, async () => {
        const c = await find(options)
        const include = { metadata: true, text: true, ...options.include }
        const { head, atoms } = included({ include })
        const found: Omit<VectorMatch, 'score'>[] = []
        for (const keys of splitEvery([...new Set(options.keys)], keysAtOnce)) {
          throwIfAborted(options.signal)
          const rows = await connection.read(
            `wanted[k] <- $keys
at[k, o] := wanted[k], *${c.records}{k, o}
?[k, o${head}] := at[k, o]${atoms(c)}`,
            { keys: keys.map((key) => [key]) },
            options.signal,
          )
          for (const row of rows) found.push(toMatch(row, include))
        }
        return found
      }),

    query: (options) =>
      call('query', options, async () => {
        const c = await find(options)
        const { vector, topK, include = {} } = options
        checkVector(vector, c.dimensions)
        if (c.metric === 'cosine') checkDirection(vector, 'vector')
        checkLimit(topK, 'topK')
        if (topK > vectorCapabilities.maxTopK) throw invalid('topK', `is at most ${vectorCapabilities.maxTopK}`)
        if (topK === 0) return []
        const indexed = isIndexed(c.metric) && !options.exact
        let rows = indexed ? await byIndex(c, options) : await exactly(c, options)
        // Fewer than asked for: the index gave too few that match, or there are no more.
        if (indexed && rows.length < topK) rows = await exactly(c, options)
        const { score } = distances[c.metric]
        return rows.map(([dist, ...row]) => ({ ...toMatch(row, include), score: score(dist as number) }))
      }),

    delete: (options) =>
      call('delete', options, async () => {
        const c = await find(options)
        const remove = async (choose: string, bindings: Bindings): Promise<number> => {
          throwIfAborted(options.signal)
          const [row] = await connection.write(c.name, deleteScript(c, choose), bindings.values, options.signal)
          return Number(row?.[0] ?? 0)
        }
        if (!('keys' in options)) {
          const bindings = new Bindings()
          return {
            deleted: await remove(`gone[k, o] := *${c.records}{k, o, j}${where(options.filter, bindings)}`, bindings),
          }
        }
        let deleted = 0
        for (const keys of splitEvery([...new Set(options.keys)], keysAtOnce)) {
          const bindings = new Bindings()
          const wanted = `wanted[k] <- ${bindings.add(keys.map((key) => [key]))}`
          deleted += await remove(`${wanted}\ngone[k, o] := wanted[k], *${c.records}{k, o}`, bindings)
        }
        return { deleted }
      }),

    deleteByDocument: (options) =>
      call('deleteByDocument', options, async () => {
        const c = await find(options)
        let deleted = 0
        for (const documents of splitEvery(options.documents, keysAtOnce)) {
          throwIfAborted(options.signal)
          const rows = documents.map(({ key, versionBelow }) => [key, versionBelow])
          const choose = `wanted[k, below] <- $rows\ngone[k, o] := wanted[k, below], *${c.records}{k, o, v}, v < below`
          const [row] = await connection.write(c.name, deleteScript(c, choose), { rows }, options.signal)
          deleted += Number(row?.[0] ?? 0)
        }
        return { deleted }
      }),

    count: (options) =>
      call('count', options, async () => {
        const c = await find(options)
        const bindings = new Bindings()
        const [row] = await connection.read(
          `?[count(o)] := *${c.records}{k, o, j}${where(options.filter, bindings)}`,
          bindings.values,
          options.signal,
        )
        return Number(row?.[0] ?? 0)
      }),

    scan,

    searchText: (options) =>
      call('searchText', options, async () => {
        const c = await find(options)
        checkLimit(options.limit, 'limit')
        const words = wordsOf(options.query)
        if (words.length === 0 || options.limit === 0) return []
        const bindings = new Bindings()
        const rules = hitRules(c.texts, ['k', 'o'], ['k', 'o'], words, bindings, '1')
        const rows = await connection.read(
          `${rules}
?[s, k, o, v, d, t, m] := hit[k, o, s], *${c.records}{${columns}}${where(options.filter, bindings)} :order -s, k, o :limit ${options.limit}`,
          bindings.values,
          options.signal,
        )
        return rows.map(([s, ...row]) => ({ ...toMatch(row, { text: true, metadata: true }), score: s as number }))
      }),

    patch: (options) =>
      call('patch', options, async () => {
        const c = await find(options)
        refuseMistakes(options.records, checkVectorPatch)
        const outcomes = await writeBatches(
          options.records,
          identity,
          'ifNewer',
          { limits, of: (record) => 200 + JSON.stringify(record.metadata).length * 3 },
          options.signal,
          async (batch) => {
            const rows = batch.map(({ key, ordinal, version, metadata }) => [
              key,
              ordinal,
              version,
              encodeMetadata(metadata),
              encodeFields(metadata),
            ])
            const written = await connection.write(c.name, patchScript(c), { rows }, options.signal)
            return new Set(written.map(([k, o]) => `${k} ${o}`))
          },
        )
        return { outcomes }
      }),
  }
}

const checkDefinition = (dimensions: number, metric: Metric): void => {
  checkDimensions(dimensions, vectorCapabilities.maxDimensions)
  if (!vectorCapabilities.metrics.includes(metric)) throw unsupported(backendName, 'vector', `the metric ${metric}`)
}
