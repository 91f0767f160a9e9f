// Queries and their cursors: docs.arangodb.com/3.12/develop/http-api/queries/aql-queries.
import { isObject, type Reply } from '../shared/http.ts'
import { ArangoFailure } from './aql/errors.ts'
import { type QueryResult, runQuery } from './aql/execute.ts'
import { parseQuery } from './aql/parse.ts'
import { isObjectValue, type ObjectValue, own, toBool, toNumber, toText, type Value } from './aql/values.ts'
import { type ArangoRequest, bodyObject, type Handler, ok, param } from './request.ts'
import { tick } from './store.ts'

interface Cursor {
  id: string
  rest: Value[]
  batchSize: number
  ttlMs: number
  expiresAt: number
  count: number | undefined
  extra: ObjectValue
  retry: boolean
  batch: number
  last: { id: string; body: ObjectValue } | undefined
}

const defaultBatch = 1000

export class Cursors {
  readonly #all = new Map<string, Cursor>()

  open(result: Value[], options: Pick<Cursor, 'batchSize' | 'ttlMs' | 'count' | 'extra' | 'retry'>): ObjectValue {
    const cursor: Cursor = { ...options, id: tick(), rest: result, expiresAt: 0, batch: 0, last: undefined }
    const body = this.#next(cursor)
    if (body.hasMore === true || options.retry) this.#all.set(cursor.id, cursor)
    return body
  }

  next(id: string, batchId?: string): ObjectValue {
    const cursor = this.#find(id)
    if (batchId !== undefined && cursor.last?.id === batchId) return cursor.last.body
    if (batchId !== undefined && batchId !== String(cursor.batch + 1)) throw new ArangoFailure(1600, `batch ${batchId}`)
    const body = this.#next(cursor)
    // With allowRetry the last batch can be asked for again until the cursor is deleted.
    if (body.hasMore !== true && !cursor.retry) this.#all.delete(id)
    return body
  }

  remove(id: string): void {
    this.#find(id)
    this.#all.delete(id)
  }

  #find(id: string): Cursor {
    const now = performance.now()
    for (const cursor of this.#all.values()) if (cursor.expiresAt < now) this.#all.delete(cursor.id)
    const found = this.#all.get(id)
    if (!found) throw new ArangoFailure(1600)
    return found
  }

  #next(cursor: Cursor): ObjectValue {
    const result = cursor.rest.slice(0, cursor.batchSize)
    cursor.rest = cursor.rest.slice(cursor.batchSize)
    cursor.expiresAt = performance.now() + cursor.ttlMs
    cursor.batch++
    const hasMore = cursor.rest.length > 0
    const body: ObjectValue = {
      result,
      hasMore,
      ...(hasMore || cursor.retry ? { id: cursor.id } : {}),
      ...(cursor.retry && hasMore ? { nextBatchId: String(cursor.batch + 1) } : {}),
      ...(cursor.count === undefined ? {} : { count: cursor.count }),
      cached: false,
      extra: cursor.extra,
    }
    cursor.last = { id: String(cursor.batch), body }
    return body
  }
}

const statsOf = (outcome: QueryResult, milliseconds: number, fullCount: boolean): ObjectValue => ({
  writesExecuted: outcome.writesExecuted,
  writesIgnored: outcome.writesIgnored,
  // The emulator has no indexes to look things up in, so the rest is not counted.
  documentLookups: 0,
  seeks: 0,
  scannedFull: 0,
  scannedIndex: 0,
  cursorsCreated: 0,
  cursorsRearmed: 0,
  cacheHits: 0,
  cacheMisses: 0,
  filtered: 0,
  httpRequests: 0,
  executionTime: milliseconds / 1000,
  peakMemoryUsage: 0,
  intermediateCommits: 0,
  ...(fullCount ? { fullCount: outcome.fullCount ?? outcome.result.length } : {}),
})

const create = (request: ArangoRequest): Reply => {
  const body = bodyObject(request)
  const options = own(body, 'options')
  const binds = own(body, 'bindVars')
  const started = performance.now()
  const outcome = runQuery(request.session, toText(own(body, 'query')), isObjectValue(binds) ? binds : {})
  const [warning] = outcome.warnings
  if (warning && toBool(own(options, 'failOnWarning'))) throw new ArangoFailure(1542, warning.message)
  const opened = request.cursors.open(outcome.result, {
    batchSize: toNumber(own(body, 'batchSize') ?? defaultBatch),
    ttlMs: toNumber(own(body, 'ttl') ?? 30) * 1000,
    count: toBool(own(body, 'count')) ? outcome.result.length : undefined,
    extra: {
      warnings: outcome.warnings.map(({ code, message }) => ({ code, message })),
      stats: statsOf(outcome, performance.now() - started, toBool(own(options, 'fullCount'))),
    },
    retry: toBool(own(options, 'allowRetry')),
  })
  return ok(opened, 201)
}

const collectNames = (query: string): { collections: string[]; binds: string[] } => {
  const names = new Set<string>()
  const binds = new Set<string>()
  const variables = new Set(['OLD', 'NEW', 'CURRENT'])
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) for (const item of node) visit(item)
    if (!isObject(node)) return
    if (node.kind === 'fixed' || node.type === 'name') names.add(String(node.name))
    if (node.type === 'bind') binds.add(String(node.name))
    // The name of a collection parameter keeps its second @.
    if (node.kind === 'bind') binds.add(String(node.name))
    for (const key of ['variable', 'vertex', 'edge', 'path', 'count'])
      if (typeof node[key] === 'string') variables.add(node[key])
    for (const value of Object.values(node)) visit(value)
  }
  visit(parseQuery(query))
  return { collections: [...names].filter((name) => !variables.has(name)), binds: [...binds] }
}

export const cursorHandlers: Record<string, Handler> = {
  createAqlQueryCursor: create,
  getNextAqlQueryCursorBatch: (request) => ok(request.cursors.next(param(request, 'id'))),
  getPreviousAqlQueryCursorBatch: (request) => ok(request.cursors.next(param(request, 'id'), param(request, 'batch'))),
  deleteAqlQueryCursor: (request) => {
    request.cursors.remove(param(request, 'id'))
    return ok({ id: param(request, 'id') }, 202)
  },
  parseAqlQuery: (request) => {
    const { collections, binds } = collectNames(toText(own(bodyObject(request), 'query')))
    return ok({ parsed: true, collections, bindVars: binds, ast: [] })
  },
}
