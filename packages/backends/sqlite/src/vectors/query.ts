import { bestFirst, checkVectorQuery, type VectorMatch, type VectorQuery } from '@veritas-db/core/contract'
import { backendName, missing } from '../errors.js'
import { compileJsonFilter } from '../fields.js'
import type { Access, Session } from '../session.js'
import type { MatrixCache } from './cache.js'
import { needsEmbeddings, recordColumns, toRecord } from './records.js'
import { type Found, searchCodes, searchFloats } from './search.js'
import { findCollection, readState, type VectorSpace, type VectorTables, vectorTables } from './store.js'

/** The largest `topK`. */
export const maxTopK = 10_000
/** Above this, the candidates by codes would be most of what a scan of all floats reads anyway. */
const maxTopKByCodes = 2000

/** The nearest records, best first: by the code matrix where it can answer, else by a scan in SQL. */
export const runQuery = (access: Access, cache: MatrixCache, query: VectorQuery): Promise<readonly VectorMatch[]> => {
  const byCodes = query.exact !== true && query.topK <= maxTopKByCodes
  // Inside a unit of work the matrix would miss what the unit has written.
  if (!byCodes || access.transaction) return access.read(query.signal, (session) => answer(session, query))
  return access.readSteps(query.signal, async (session) => {
    for (;;) {
      const result = session.snapshot(() => answer(session, query, cache))
      if (!(result instanceof NeedsLoad)) return result
      await cache.load(session, result.space)
    }
  })
}

class NeedsLoad {
  readonly space: VectorSpace
  constructor(space: VectorSpace) {
    this.space = space
  }
}

function answer(session: Session, query: VectorQuery): VectorMatch[]
function answer(session: Session, query: VectorQuery, cache: MatrixCache): VectorMatch[] | NeedsLoad
function answer(session: Session, query: VectorQuery, cache?: MatrixCache): VectorMatch[] | NeedsLoad {
  const { scope, vector, topK } = query
  const space = findCollection(session, scope)
  if (!space) throw missing(`The collection "${scope.collection}"`, 'ensureCollection')
  checkVectorQuery(query, space.definition, { exact: 'optional', maxTopK }, backendName)
  const state = readState(session, space.id)
  if (!state) return []
  const input = { vector, topK, filter: compileJsonFilter(query.filter, 'r', 'metadata', space.definition.paths) }
  const entry = cache?.current(session, space, state)
  if (entry === 'load') return new NeedsLoad(space)
  const found =
    entry === undefined || entry === 'too large' ? undefined : searchCodes(session, space, state, entry, input)
  return toMatches(session, vectorTables(space), found ?? searchFloats(session, space, input), query)
}

/** The records of what was found: best first, equal scores in order of key and ordinal. */
const toMatches = (
  session: Session,
  tables: VectorTables,
  found: readonly Found[],
  { topK, include = {} }: VectorQuery,
): VectorMatch[] => {
  // The floats are at hand already.
  const wanted = { ...include, vector: false }
  const bySlot = new Map(found.map((f) => [f.slot, f]))
  const matches = session
    .all(
      `SELECT ${recordColumns(wanted)} FROM json_each(?) j CROSS JOIN ${tables.records} r ON r.slot = j.value
       ${needsEmbeddings(wanted) ? `JOIN ${tables.embeddings} e ON e.slot = r.slot` : ''}`,
      JSON.stringify(found.map((f) => f.slot)),
    )
    .map((row): VectorMatch => {
      const { score, vector } = bySlot.get(row.slot as number) as Found
      return { ...toRecord(row), score, ...(include.vector && { vector }) }
    })
  return matches.sort(bestFirst).slice(0, topK)
}
