import {
  APPLIED,
  checkCollection,
  checkLimit,
  checkUpsertMode,
  checkVectorPatch,
  checkVectorRecord,
  FULL_FILTER,
  issuesOf,
  type Outcome,
  pageOf,
  refuseMistakes,
  type ScanOptions,
  STALE,
  type VectorCapabilities,
  type VectorQuery,
  type VectorRecord,
  type VectorRole,
} from '@veritas-db/core/contract'
import { batchRecords, deleteInBatches, inBatches, sum, writeResult } from './batches.js'
import { backendName, guarded, missing, refuse } from './errors.js'
import { compileJsonFilter } from './fields.js'
import type { CompiledFilter } from './filter.js'
import { encodeJson } from './json.js'
import { positionOf } from './pages.js'
import type { Access, Session, SqlRow, Transaction } from './session.js'
import type { MatrixCache } from './vectors/cache.js'
import { maxTopK, runQuery } from './vectors/query.js'
import { needsEmbeddings, recordColumns, recordWriter, toRecord } from './vectors/records.js'
import {
  dropCollection,
  ensureCollection,
  findCollection,
  isEnsured,
  listCollections,
  type VectorSpace,
  vectorTables,
} from './vectors/store.js'

/** What the embedded vector role can do. */
export const vectorCapabilities: VectorCapabilities = {
  limits: { batchRecords },
  filter: FULL_FILTER,
  upsertModes: ['replace', 'ifNewer', 'ifAbsent'],
  conditionalUpsert: 'atomic',
  readAfterWrite: 'immediate',
  scan: { order: 'key', resume: 'cursor', snapshot: false },
  metrics: ['cosine', 'dot', 'euclidean'],
  maxDimensions: 16_384,
  maxTopK,
  exact: 'optional',
  fullText: false,
  patch: true,
  deleteByFilter: true,
}

type Include = NonNullable<VectorQuery['include']>

type ScanArguments = ScanOptions & { readonly fields?: 'keys' | 'all' }

const slotsOf = (rows: readonly SqlRow[]): number[] => rows.map((row) => row.slot as number)

const collectionOf = (session: Session, scope: VectorQuery['scope']): VectorSpace => {
  const space = findCollection(session, scope)
  if (!space) throw missing(`The collection "${scope.collection}"`, 'ensureCollection')
  return space
}

const filterOf = (space: VectorSpace, filter: VectorQuery['filter']): CompiledFilter =>
  compileJsonFilter(filter, 'r', 'metadata', space.definition.paths)

/** The vector role, over one connection or one unit of work. */
export const createVectorRole = (access: Access, cache: MatrixCache): VectorRole => {
  const guard = <T>(
    operation: string,
    options: Parameters<typeof guarded>[3],
    work: () => T | Promise<T>,
  ): Promise<T> => guarded(access, 'vector', operation, options, work)

  const removeSlots = (transaction: Transaction, space: VectorSpace, slots: readonly number[]): number => {
    const writer = recordWriter(transaction, space)
    for (const slot of slots) writer.remove(slot)
    return slots.length
  }

  const scan: VectorRole['scan'] = ((options: ScanArguments) =>
    guard('scan', options, () =>
      access.read(options.signal, (session) => {
        const space = collectionOf(session, options.scope)
        const { records, embeddings } = vectorTables(space)
        const limit = options.limit ?? 1000
        checkLimit(limit, 'limit')
        const [key, ordinal] = positionOf(options.cursor, ['', -1])
        const filter = filterOf(space, options.filter)
        const keysOnly = options.fields === 'keys'
        const rows = session.all(
          `SELECT ${keysOnly ? 'r.key, r.version, r.ordinal' : recordColumns({ metadata: true, text: true, vector: true })}
           FROM ${records} r ${keysOnly ? '' : `JOIN ${embeddings} e ON e.slot = r.slot`}
           WHERE (r.key, r.ordinal) > (?, ?) AND (${filter.sql}) ORDER BY r.key, r.ordinal LIMIT ?`,
          key,
          ordinal,
          ...filter.params,
          limit + 1,
        )
        return pageOf(
          rows,
          limit,
          (row) => [row.key as string, row.ordinal as number],
          (row) => (keysOnly ? { key: row.key, version: row.version, ordinal: row.ordinal } : toRecord(row)),
        )
      }),
    )) as VectorRole['scan']

  return {
    capabilities: vectorCapabilities,

    check: (records, definition) => issuesOf(records, (record) => checkVectorRecord(record, definition)),

    ensureCollection: (options) =>
      guard('ensureCollection', options, async () => {
        checkCollection(options, vectorCapabilities, backendName)
        // Most calls find everything in place, and need no turn as the writer.
        if (await access.read(options.signal, (session) => isEnsured(findCollection(session, options.scope), options)))
          return
        await access.write(options.signal, ({ session }) => ensureCollection(session, options.scope, options))
      }),

    dropCollection: (options) =>
      guard('dropCollection', options, () =>
        access.write(options.signal, ({ session }) => {
          const space = findCollection(session, options.scope)
          if (space) dropCollection(session, space)
        }),
      ),

    listCollections: (options) =>
      guard('listCollections', options, () => access.read(options?.signal, (session) => listCollections(session))),

    upsert: (options) =>
      guard('upsert', options, async () => {
        const { signal, scope, records, mode = 'replace' } = options
        checkUpsertMode(mode, vectorCapabilities, backendName, 'vector')
        const write = (transaction: Transaction, batch: readonly VectorRecord[]): Outcome[] => {
          const writer = recordWriter(transaction, collectionOf(transaction.session, scope))
          return batch.map((record) => writer.write(record, mode))
        }
        const check = (session: Session): void => {
          const { definition } = collectionOf(session, scope)
          refuseMistakes(records, (record) => checkVectorRecord(record, definition))
        }
        return writeResult(await inBatches(access, signal, records, write, check))
      }),

    get: (options) =>
      guard('get', options, () =>
        access.read(options.signal, (session) => {
          const space = collectionOf(session, options.scope)
          const { records, embeddings } = vectorTables(space)
          const include: Include = options.include ?? { metadata: true, text: true }
          return session
            .all(
              `SELECT ${recordColumns(include)} FROM json_each(?) j CROSS JOIN ${records} r ON r.key = j.value
               ${needsEmbeddings(include) ? `JOIN ${embeddings} e ON e.slot = r.slot` : ''} ORDER BY j.key, r.ordinal`,
              JSON.stringify([...new Set(options.keys)]),
            )
            .map(toRecord)
        }),
      ),

    query: (options) => guard('query', options, () => runQuery(access, cache, options)),

    delete: (options) =>
      guard('delete', options, async () => {
        if ('keys' in options) {
          const counts = await inBatches(access, options.signal, options.keys, (transaction, keys) => {
            const space = collectionOf(transaction.session, options.scope)
            const slots = transaction.session.all(
              `SELECT r.slot FROM json_each(?) j CROSS JOIN ${vectorTables(space).records} r ON r.key = j.value`,
              JSON.stringify([...new Set(keys)]),
            )
            return [removeSlots(transaction, space, slotsOf(slots))]
          })
          return { deleted: sum(counts) }
        }
        const deleted = await deleteInBatches(access, options.signal, (transaction) => {
          const space = collectionOf(transaction.session, options.scope)
          const filter = filterOf(space, options.filter)
          const slots = transaction.session.all(
            `SELECT r.slot FROM ${vectorTables(space).records} r WHERE ${filter.sql} LIMIT ?`,
            ...filter.params,
            batchRecords,
          )
          return removeSlots(transaction, space, slotsOf(slots))
        })
        return { deleted }
      }),

    deleteByDocument: (options) =>
      guard('deleteByDocument', options, async () => {
        const counts = await inBatches(access, options.signal, options.documents, (transaction, documents) => {
          const space = collectionOf(transaction.session, options.scope)
          const slots = transaction.session.all(
            `SELECT DISTINCT r.slot FROM json_each(?) j CROSS JOIN ${vectorTables(space).records} r
             ON r.key = j.value ->> 0 AND r.version < j.value ->> 1`,
            JSON.stringify(documents.map(({ key, versionBelow }) => [key, versionBelow])),
          )
          return [removeSlots(transaction, space, slotsOf(slots))]
        })
        return { deleted: sum(counts) }
      }),

    count: (options) =>
      guard('count', options, () =>
        access.read(options.signal, (session) => {
          const space = collectionOf(session, options.scope)
          const filter = filterOf(space, options.filter)
          const { records } = vectorTables(space)
          return session.get(`SELECT count(*) AS n FROM ${records} r WHERE ${filter.sql}`, ...filter.params)
            ?.n as number
        }),
      ),

    scan,

    searchText: (options) =>
      guard('searchText', options, () => {
        throw refuse('vector', 'full text over vector records', 'use the relational role, which has it.')
      }),

    patch: (options) =>
      guard('patch', options, async () => {
        refuseMistakes(options.records, checkVectorPatch)
        const outcomes = await inBatches(access, options.signal, options.records, ({ session }, batch) => {
          const { records } = vectorTables(collectionOf(session, options.scope))
          return batch.map(({ key, ordinal, version, metadata }): Outcome => {
            const patched = session.run(
              `UPDATE ${records} SET version = ?, metadata = jsonb(?) WHERE key = ? AND ordinal = ? AND version <= ?`,
              version,
              encodeJson(metadata),
              key,
              ordinal,
              version,
            )
            return patched > 0 ? APPLIED : STALE
          })
        })
        return writeResult(outcomes)
      }),
  }
}
