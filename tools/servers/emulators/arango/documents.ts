// Documents, one by one and in bulk: docs.arangodb.com/3.12/develop/http-api/documents, …/graphs/edges.
import type { Reply } from '../shared/http.ts'
import { ArangoFailure } from './aql/errors.ts'
import { isArray, isObjectValue, type ObjectValue, toText, type Value } from './aql/values.ts'
import { type ArangoRequest, asFailure, failureBody, type Handler, ok, on, param } from './request.ts'
import type { Doc, View } from './store.ts'
import { defaultWrite, insert, modify, remove, staleRevision, type WriteOptions, type Written } from './write.ts'

const viewOf = (request: ArangoRequest): View => request.session.view(param(request, 'collection'))

const quoted = (header: string | undefined): string | undefined => header?.replace(/^"|"$/g, '')

const optionsOf = ({ query, headers }: ArangoRequest): WriteOptions => ({
  ...defaultWrite,
  overwriteMode:
    query.overwriteMode === 'ignore' || query.overwriteMode === 'replace' || query.overwriteMode === 'update'
      ? query.overwriteMode
      : query.overwriteMode === undefined && on(query.overwrite)
        ? 'replace'
        : 'conflict',
  keepNull: on(query.keepNull, true),
  mergeObjects: on(query.mergeObjects, true),
  ignoreRevs: on(query.ignoreRevs, true),
  versionAttribute: query.versionAttribute,
  ifMatch: quoted(headers['if-match']),
})

const answer = ({ query }: ArangoRequest, written: Written): ObjectValue => {
  const shown = written.new ?? written.old ?? {}
  return {
    _id: shown._id ?? null,
    _key: shown._key ?? null,
    _rev: shown._rev ?? null,
    ...(written.old && written.new && !written.ignored ? { _oldRev: written.old._rev ?? null } : {}),
    ...(on(query.returnNew) && written.new ? { new: written.new } : {}),
    ...(on(query.returnOld) && written.old ? { old: written.old } : {}),
  }
}

const status = (request: ArangoRequest, synced: number): number =>
  on(request.query.waitForSync) || viewOf(request).collection.properties.waitForSync === true ? synced : 202

const one = (request: ArangoRequest, synced: number, work: () => Written): Reply => {
  const written = work()
  const body = answer(request, written)
  const silent = on(request.query.silent)
  return {
    status: status(request, synced),
    body: silent ? {} : body,
    headers: { etag: `"${toText(body._rev ?? null)}"` },
  }
}

/** Each part stands for itself: what fails is told in its place, and counted in a header. */
const many = (request: ArangoRequest, synced: number, items: Value[], work: (item: Value) => Written): Reply => {
  const codes = new Map<number, number>()
  const parts = items.map((item): ObjectValue => {
    try {
      return answer(request, work(item))
    } catch (error) {
      const failure = asFailure(error)
      codes.set(failure.errorNum, (codes.get(failure.errorNum) ?? 0) + 1)
      return failureBody(failure)
    }
  })
  const header = [...codes].map(([code, count]) => `${code}:${count}`).join(',')
  return {
    status: status(request, synced),
    body: on(request.query.silent) ? parts.filter((part) => part.error === true) : parts,
    ...(header === '' ? {} : { headers: { 'x-arango-error-codes': header } }),
  }
}

const create: Handler = (request) => {
  const view = viewOf(request)
  const options = optionsOf(request)
  const { body } = request
  if (body !== null && isArray(body)) return many(request, 201, body, (item) => insert(view, item, options))
  return one(request, 201, () => insert(view, body, options))
}

const stored = (request: ArangoRequest): Doc => {
  const doc = viewOf(request).get(param(request, 'key'))
  if (!doc) throw new ArangoFailure(1202)
  const match = quoted(request.headers['if-match'])
  if (match !== undefined && match !== doc._rev) throw staleRevision(doc)
  return doc
}

const read: Handler = (request) => {
  const doc = stored(request)
  const headers = { etag: `"${toText(doc._rev ?? null)}"` }
  if (quoted(request.headers['if-none-match']) === doc._rev) return { status: 304, headers }
  return { status: 200, body: doc, headers }
}

/** The key that a part of a bulk request names: a key, an id, or an object with either. */
const keyIn = (view: View, item: Value): string => {
  const given = isObjectValue(item) ? (item._key ?? item._id ?? null) : item
  if (given === null) throw new ArangoFailure(1226)
  if (typeof given !== 'string') throw new ArangoFailure(1221)
  const prefix = `${view.collection.name}/`
  if (!given.includes('/')) return given
  if (!given.startsWith(prefix)) throw new ArangoFailure(1221)
  return given.slice(prefix.length)
}

const list = (body: Value): Value[] => {
  if (body === null || !isArray(body)) throw new ArangoFailure(10, 'an array is expected')
  return body
}

const readMany = (request: ArangoRequest): Reply => {
  const view = viewOf(request)
  const result = list(request.body).map((item): ObjectValue => {
    try {
      const doc = view.get(keyIn(view, item))
      if (!doc) throw new ArangoFailure(1202)
      if (
        !on(request.query.ignoreRevs, true) &&
        isObjectValue(item) &&
        item._rev !== undefined &&
        item._rev !== doc._rev
      )
        throw staleRevision(doc)
      return doc
    } catch (error) {
      return failureBody(asFailure(error))
    }
  })
  return { status: 200, body: result }
}

const change =
  (how: 'replace' | 'update'): Handler =>
  (request) => {
    if (on(request.query.onlyget)) return readMany(request)
    const view = viewOf(request)
    const options = optionsOf(request)
    if (request.params.key !== undefined)
      return one(request, 201, () => modify(view, param(request, 'key'), request.body, options, how))
    return many(request, 201, list(request.body), (item) => modify(view, keyIn(view, item), item, options, how))
  }

const removeOne: Handler = (request) => {
  const view = viewOf(request)
  return one(request, 200, () => remove(view, param(request, 'key'), undefined, optionsOf(request)))
}

const removeMany: Handler = (request) => {
  const view = viewOf(request)
  const options = optionsOf(request)
  return many(request, 200, list(request.body), (item) =>
    remove(view, keyIn(view, item), isObjectValue(item) ? item : undefined, options),
  )
}

const edges: Handler = (request) => {
  const view = viewOf(request)
  if (view.collection.type !== 3) throw new ArangoFailure(1218, view.collection.name)
  const { vertex = '', direction = 'any' } = request.query
  const outgoing = direction === 'in' ? [] : view.edges('OUTBOUND', vertex)
  const incoming = direction === 'out' ? [] : view.edges('INBOUND', vertex)
  const all = [...new Map([...outgoing, ...incoming].map((edge) => [edge._id, edge])).values()]
  return ok({ edges: all, stats: {} })
}

export const documentHandlers: Record<string, Handler> = {
  createDocument: create,
  getDocument: read,
  getDocumentHeader: (request) => {
    const { status: code, headers = {} } = read(request)
    return { status: code, headers }
  },
  replaceDocument: change('replace'),
  updateDocument: change('update'),
  deleteDocument: removeOne,
  replaceDocuments: change('replace'),
  updateDocuments: change('update'),
  deleteDocuments: removeMany,
  getNodeEdges: edges,
}
