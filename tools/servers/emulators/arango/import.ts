// Import of JSON: docs.arangodb.com/3.12/develop/http-api/import.
import { messageOf } from '../shared/http.ts'
import { ArangoFailure } from './aql/errors.ts'
import { isArray, isObjectValue, type ObjectValue, toText, type Value } from './aql/values.ts'
import { asFailure, atomically, type Handler, on } from './request.ts'
import { defaultWrite, insert } from './write.ts'

const parseLine = (line: string): Value => {
  try {
    const value: Value = JSON.parse(line)
    return value
  } catch (error) {
    throw new ArangoFailure(600, messageOf(error))
  }
}

interface Input {
  documents: (Value | ArangoFailure)[]
  empty: number
}

const lines = (raw: string, headline: boolean): Input => {
  const all = raw.split(/\r?\n/)
  if (all.at(-1) === '') all.pop()
  const filled = all.filter((line) => line.trim() !== '')
  const parsed = filled.map((line): Value | ArangoFailure => {
    try {
      return parseLine(line)
    } catch (error) {
      return asFailure(error)
    }
  })
  const empty = all.length - filled.length
  if (!headline) return { documents: parsed, empty }
  const [names, ...rows] = parsed
  if (names === undefined || names === null || names instanceof ArangoFailure || !isArray(names))
    throw new ArangoFailure(400, 'no JSON array found in the first line')
  const documents = rows.map((row): Value | ArangoFailure => {
    if (row === null || row instanceof ArangoFailure || !isArray(row))
      return new ArangoFailure(400, 'no JSON array in line')
    if (row.length !== names.length) return new ArangoFailure(400, 'wrong number of JSON values')
    // What is null is left out.
    return Object.fromEntries(
      row.map((value, i) => [toText(names[i] ?? null), value]).filter(([, value]) => value !== null),
    )
  })
  return { documents, empty }
}

const read = (raw: string, type: string): Input => {
  const whole = type === 'array' || type === 'list' || (type === 'auto' && raw.trimStart().startsWith('['))
  if (!whole) return lines(raw, type === '')
  const value = parseLine(raw)
  if (value === null || !isArray(value)) throw new ArangoFailure(400, 'expecting a JSON array in the request')
  return { documents: value, empty: 0 }
}

const prefixed = (
  document: ObjectValue,
  name: '_from' | '_to',
  prefix: string | undefined,
  always: boolean,
): ObjectValue => {
  const end = document[name]
  if (typeof end !== 'string' || prefix === undefined || prefix === '') return document
  const slash = end.indexOf('/')
  if (slash >= 0 && !always) return document
  return { ...document, [name]: `${prefix.replace(/\/$/, '')}/${end.slice(slash + 1)}` }
}

const importAll: Handler = (request) => {
  const { query, raw, session } = request
  const view = session.view(query.collection ?? '')
  const { documents, empty } = read(raw, query.type ?? '')
  if (on(query.overwrite)) for (const doc of view.all()) view.put(toText(doc._key ?? null), null)
  const onDuplicate = query.onDuplicate ?? 'error'
  const overwriteMode =
    onDuplicate === 'update' || onDuplicate === 'replace' || onDuplicate === 'ignore' ? onDuplicate : 'conflict'
  const counts = { created: 0, errors: 0, empty, updated: 0, ignored: 0 }
  const details: string[] = []
  const always = on(query.overwriteCollectionPrefix)
  documents.forEach((value, i) => {
    try {
      if (value instanceof ArangoFailure) throw value
      if (!isObjectValue(value)) throw new ArangoFailure(1227, 'expecting a JSON object')
      const document = prefixed(prefixed(value, '_from', query.fromPrefix, always), '_to', query.toPrefix, always)
      const written = insert(view, document, { ...defaultWrite, overwriteMode })
      if (written.ignored) counts.ignored++
      else if (written.old) counts.updated++
      else counts.created++
    } catch (error) {
      const failure = asFailure(error)
      // Without `complete` the rest is imported all the same.
      if (on(query.complete)) throw failure
      if (onDuplicate === 'ignore' && failure.errorNum === 1210) counts.ignored++
      else counts.errors++
      details.push(`at position ${i + 1}: ${failure.message}`)
    }
  })
  return { status: 201, body: { error: false, ...counts, ...(on(query.details) ? { details } : {}) } }
}

export const importHandlers: Record<string, Handler> = {
  importData: (request) => atomically(request, () => importAll(request)),
}
