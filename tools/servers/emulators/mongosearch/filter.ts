// The filter of $vectorSearch: the operators of mongodb.com/docs, "Pre-Filter Search Data", on fields that the index declares.
import type { Document } from 'mongodb'
import { isObject } from '../shared/http.ts'
import { refusedBySearch } from './errors.ts'
import { valuesAt } from './vectors.ts'

export type Test = (document: Document) => boolean

type Kind = 'string' | 'number' | 'boolean' | 'date' | 'objectId' | 'uuid' | 'null'

/** The BSON types that can be filtered by. */
const kindOf = (value: unknown): Kind | undefined => {
  if (value === null) return 'null'
  if (value instanceof Date) return 'date'
  if (isObject(value)) {
    if (value._bsontype === 'ObjectId') return 'objectId'
    return value._bsontype === 'UUID' || (value._bsontype === 'Binary' && value.sub_type === 4) ? 'uuid' : undefined
  }
  const type = typeof value
  return type === 'string' || type === 'number' || type === 'boolean' ? type : undefined
}

const comparable = (value: unknown): string | number | boolean | null => {
  if (value instanceof Date) return value.getTime()
  if (isObject(value)) return String(value)
  return value as string | number | boolean | null
}

const compare = (a: string | number, b: string | number): number =>
  typeof a === 'string' && typeof b === 'string'
    ? Buffer.compare(Buffer.from(a), Buffer.from(b))
    : a < b
      ? -1
      : a > b
        ? 1
        : 0

/** The filter as a test of documents. @param fields what the index declares to filter by */
export const compileFilter = (filter: unknown, fields: ReadonlySet<string>): Test => {
  if (!isObject(filter)) throw refusedBySearch('"filter" must be a document')
  const tests = Object.entries(filter).map(([key, value]) =>
    key.startsWith('$') ? logical(key, value, fields) : field(key, value, fields),
  )
  return (document) => tests.every((test) => test(document))
}

const logical = (operator: string, value: unknown, fields: ReadonlySet<string>): Test => {
  if (operator !== '$and' && operator !== '$or' && operator !== '$nor')
    throw refusedBySearch(`"filter" Unrecognized operator "${operator}"`)
  if (!Array.isArray(value) || value.length === 0) throw refusedBySearch(`"${operator}" cannot be empty`)
  const tests = value.map((part) => compileFilter(part, fields))
  if (operator === '$and') return (document) => tests.every((test) => test(document))
  return (document) => tests.some((test) => test(document)) === (operator === '$or')
}

const field = (path: string, value: unknown, fields: ReadonlySet<string>): Test => {
  if (!fields.has(path)) throw refusedBySearch(`Path '${path}' needs to be indexed as filter`)
  const operators = isObject(value) && Object.keys(value).some((key) => key.startsWith('$')) ? value : { $eq: value }
  return conditions(path, operators)
}

const conditions = (path: string, operators: Record<string, unknown>): Test => {
  const tests = Object.entries(operators).map(([operator, operand]) => condition(path, operator, operand))
  return (document) => tests.every((test) => test(document))
}

/** One of a document's values at the path, lists taken apart. */
const some =
  (path: string, test: (value: unknown) => boolean): Test =>
  (document) =>
    valuesAt(document, path).some(test)

const condition = (path: string, operator: string, operand: unknown): Test => {
  switch (operator) {
    case '$eq':
      return among(path, [operand])
    case '$ne':
      return not(among(path, [operand]))
    case '$in':
    case '$nin': {
      if (!Array.isArray(operand) || operand.length === 0) throw refusedBySearch(`"${operator}" cannot be empty`)
      const test = among(path, operand)
      return operator === '$in' ? test : not(test)
    }
    case '$exists': {
      if (typeof operand !== 'boolean') throw refusedBySearch('"$exists" must be a boolean')
      return (document) => valuesAt(document, path).length > 0 === operand
    }
    case '$not':
      if (!isObject(operand)) throw refusedBySearch('"$not" must be a document')
      return not(conditions(path, operand))
    case '$gt':
    case '$gte':
    case '$lt':
    case '$lte':
      return order(path, operator, operand)
    default:
      throw refusedBySearch(`"${path}" Unrecognized operator "${operator}"`)
  }
}

const not =
  (test: Test): Test =>
  (document) =>
    !test(document)

const among = (path: string, values: readonly unknown[]): Test => {
  const kinds = new Set(values.map(kindOf))
  const [kind] = kinds
  if (kind === undefined)
    throw refusedBySearch(`"${path}" must be a boolean, objectId, number, string, date, uuid or null`)
  if (kinds.size > 1) throw refusedBySearch(`"${path}" must have elements of the same type`)
  const wanted = new Set(values.map(comparable))
  return some(path, (value) => kindOf(value) === kind && wanted.has(comparable(value)))
}

const order = (path: string, operator: string, operand: unknown): Test => {
  const kind = kindOf(operand)
  if (kind === undefined || kind === 'boolean' || kind === 'null')
    throw refusedBySearch(`"${operator}" must be a number, string, date, objectId or uuid`)
  const limit = comparable(operand) as string | number
  return some(path, (value) => {
    if (kindOf(value) !== kind) return false
    const place = compare(comparable(value) as string | number, limit)
    return operator === '$gt'
      ? place > 0
      : operator === '$gte'
        ? place >= 0
        : operator === '$lt'
          ? place < 0
          : place <= 0
  })
}
