// Insert, replace, update and remove of one document: what the HTTP API and AQL have in common.
// docs.arangodb.com/3.12/develop/http-api/documents, …/concepts/data-structure/documents (keys).
import { ArangoFailure } from './aql/errors.ts'
import { isObjectValue, type ObjectValue, type Value } from './aql/values.ts'
import { type Doc, revise, tick, type View } from './store.ts'

export interface WriteOptions {
  overwriteMode: 'ignore' | 'replace' | 'update' | 'conflict'
  keepNull: boolean
  mergeObjects: boolean
  ignoreRevs: boolean
  versionAttribute: string | undefined
  ifMatch: string | undefined
}

export const defaultWrite: WriteOptions = {
  overwriteMode: 'conflict',
  keepNull: true,
  mergeObjects: true,
  ignoreRevs: true,
  versionAttribute: undefined,
  ifMatch: undefined,
}

export interface Written {
  old: Doc | null
  new: Doc | null
  /** Whether an existing document was left as it was. */
  ignored: boolean
}

// Letters, digits and these signs, at most 254 bytes.
const keyPattern = /^[A-Za-z0-9_\-:.@()+,=;$!*'%]{1,254}$/

export const isKey = (key: unknown): key is string => typeof key === 'string' && keyPattern.test(key)

const endpoint = (value: Value | undefined): boolean => {
  const [collection = '', key, more] = typeof value === 'string' ? value.split('/') : []
  return more === undefined && /^[A-Za-z0-9_][^/\s]{0,255}$/.test(collection) && isKey(key)
}

const edgeOf = (view: View, content: ObjectValue, before: Doc | undefined): ObjectValue | undefined => {
  if (view.collection.type !== 3) return undefined
  const ends = { _from: content._from ?? before?._from ?? null, _to: content._to ?? before?._to ?? null }
  if (!endpoint(ends._from) || !endpoint(ends._to)) throw new ArangoFailure(1233)
  return ends
}

export const mustBeObject = (value: Value): ObjectValue => {
  if (!isObjectValue(value)) throw new ArangoFailure(1227, 'invalid document type')
  return value
}

const withoutNulls = (value: ObjectValue): ObjectValue =>
  Object.fromEntries(
    Object.entries(value)
      .filter(([, v]) => v !== null)
      .map(([name, v]) => [name, isObjectValue(v) ? withoutNulls(v) : v]),
  )

const patch = (into: ObjectValue, change: ObjectValue, keepNull: boolean, mergeObjects: boolean): ObjectValue => {
  const result = { ...into }
  for (const [name, value] of Object.entries(change)) {
    const before = result[name] ?? null
    if (value === null && !keepNull) delete result[name]
    else if (isObjectValue(value) && isObjectValue(before) && mergeObjects)
      result[name] = patch(before, value, keepNull, mergeObjects)
    else result[name] = isObjectValue(value) && !keepNull ? withoutNulls(value) : value
  }
  return result
}

const version = (value: Value | undefined): number | undefined =>
  typeof value === 'number' && value >= 0 ? Math.floor(value) : undefined

/** docs, versionAttribute: an equal or lower number leaves the stored document, silently. */
const outdated = (stored: Doc, content: ObjectValue, name: string | undefined): boolean => {
  if (name === undefined || name === '') return false
  const next = version(content[name])
  const last = version(stored[name])
  return next !== undefined && last !== undefined && next <= last
}

export const staleRevision = ({ _id, _key, _rev }: Doc): ArangoFailure =>
  new ArangoFailure(1200, '=conflict, _rev values do not match', 412, {
    _id: String(_id),
    _key: String(_key),
    _rev: String(_rev),
  })

const checkRevision = (stored: Doc, content: ObjectValue | undefined, options: WriteOptions): void => {
  const wanted = options.ifMatch ?? (options.ignoreRevs ? undefined : content?._rev)
  if (typeof wanted === 'string' && wanted !== '' && wanted !== stored._rev) throw staleRevision(stored)
}

const write = (view: View, key: string, content: ObjectValue, before: Doc | undefined): Doc => {
  const doc = revise(view.collection.name, key, content, edgeOf(view, content, before))
  view.put(key, doc)
  return doc
}

const change = (
  view: View,
  stored: Doc,
  content: ObjectValue,
  options: WriteOptions,
  how: 'replace' | 'update',
): Written => {
  if (outdated(stored, content, options.versionAttribute)) return { old: stored, new: stored, ignored: true }
  const next = how === 'replace' ? content : patch(stored, content, options.keepNull, options.mergeObjects)
  return {
    old: stored,
    new: write(view, String(stored._key), next, how === 'update' ? stored : undefined),
    ignored: false,
  }
}

export const insert = (view: View, value: Value, options: WriteOptions): Written => {
  const content = mustBeObject(value)
  let key = tick()
  if (content._key !== undefined) {
    if (!isKey(content._key)) throw new ArangoFailure(1221)
    key = content._key
  }
  const stored = view.get(key)
  if (!stored) return { old: null, new: write(view, key, content, undefined), ignored: false }
  if (options.overwriteMode === 'conflict')
    throw new ArangoFailure(1210, `in index primary of type primary over '_key'; conflicting key: ${key}`)
  if (options.overwriteMode === 'ignore') return { old: stored, new: null, ignored: true }
  return change(view, stored, content, options, options.overwriteMode)
}

const find = (view: View, key: string): Doc => {
  const stored = view.get(key)
  if (!stored) throw new ArangoFailure(1202)
  return stored
}

export const modify = (
  view: View,
  key: string,
  value: Value,
  options: WriteOptions,
  how: 'replace' | 'update',
): Written => {
  const content = mustBeObject(value)
  const stored = find(view, key)
  checkRevision(stored, content, options)
  return change(view, stored, content, options, how)
}

export const remove = (view: View, key: string, content: ObjectValue | undefined, options: WriteOptions): Written => {
  const stored = find(view, key)
  checkRevision(stored, content, options)
  view.put(key, null)
  return { old: stored, new: null, ignored: false }
}
