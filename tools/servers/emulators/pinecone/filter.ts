// Pinecone's metadata filter language (docs.pinecone.io, "Filter by metadata"): $eq $ne $gt $gte $lt $lte $in $nin
// $exists on fields, $and $or at any level. Everything else is refused, as the service does.
import { isObject, type JsonObject } from '../shared/http.ts'
import { invalid } from './errors.ts'

export type MetadataValue = string | number | boolean | string[]
export type Metadata = Record<string, MetadataValue>
export type Predicate = (metadata: Metadata) => boolean

export interface FilterRules {
  /**
   * Whether $ne and $nin also match a record that lacks the field. Undocumented; the service has been seen to answer
   * both ways over time, so a client has to be right under either.
   */
  neMatchesMissing: boolean
}

const maxListLength = 10_000

type Scalar = string | number | boolean
const isScalar = (value: unknown): value is Scalar =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'

// A list matches when one of its strings does.
const some = (stored: MetadataValue | undefined, test: (value: Scalar) => boolean): boolean =>
  stored !== undefined && (Array.isArray(stored) ? stored.some(test) : test(stored))

const scalar = (operator: string, value: unknown): Scalar => {
  if (!isScalar(value))
    throw invalid(
      `the ${operator} operator must be followed by a string, number or boolean, got ${show(value)} instead`,
    )
  return value
}

const numberOperand = (operator: string, value: unknown): number => {
  if (typeof value !== 'number')
    throw invalid(`the ${operator} operator must be followed by a number, got ${show(value)} instead`)
  return value
}

const list = (operator: string, value: unknown): Scalar[] => {
  const ok =
    Array.isArray(value) && (value.every((v) => typeof v === 'string') || value.every((v) => typeof v === 'number'))
  if (!ok)
    throw invalid(
      `the ${operator} operator must be followed by a list of strings or a list of numbers, got ${show(value)} instead`,
    )
  if (value.length > maxListLength)
    throw invalid(`the ${operator} operator takes at most ${maxListLength} values, got ${value.length}`)
  return value
}

const show = (value: unknown): string => JSON.stringify(value) ?? 'nothing'

type FieldTest = (stored: MetadataValue | undefined) => boolean

const compare = (operator: string, operand: unknown, test: (a: number, b: number) => boolean): FieldTest => {
  const bound = numberOperand(operator, operand)
  return (stored) => typeof stored === 'number' && test(stored, bound)
}

const fieldTest = (operator: string, operand: unknown, rules: FilterRules): FieldTest => {
  switch (operator) {
    case '$eq': {
      const wanted = scalar(operator, operand)
      return (stored) => some(stored, (v) => v === wanted)
    }
    case '$ne': {
      const unwanted = scalar(operator, operand)
      return (stored) => (stored === undefined ? rules.neMatchesMissing : !some(stored, (v) => v === unwanted))
    }
    case '$in': {
      const wanted = new Set(list(operator, operand))
      return (stored) => some(stored, (v) => wanted.has(v))
    }
    case '$nin': {
      const unwanted = new Set(list(operator, operand))
      return (stored) => (stored === undefined ? rules.neMatchesMissing : !some(stored, (v) => unwanted.has(v)))
    }
    case '$gt':
      return compare(operator, operand, (a, b) => a > b)
    case '$gte':
      return compare(operator, operand, (a, b) => a >= b)
    case '$lt':
      return compare(operator, operand, (a, b) => a < b)
    case '$lte':
      return compare(operator, operand, (a, b) => a <= b)
    case '$exists': {
      if (typeof operand !== 'boolean')
        throw invalid(`the $exists operator must be followed by a boolean, got ${show(operand)} instead`)
      return (stored) => (stored !== undefined) === operand
    }
    default:
      throw invalid(`${operator} is not a valid operator`)
  }
}

const branches = (operator: string, operand: unknown, rules: FilterRules): Predicate[] => {
  if (!Array.isArray(operand) || operand.length === 0 || !operand.every(isObject))
    throw invalid(
      `the ${operator} operator must be followed by a non-empty list of filters, got ${show(operand)} instead`,
    )
  return operand.map((part: JsonObject) => compileFilter(part, rules))
}

export const compileFilter = (filter: JsonObject, rules: FilterRules): Predicate => {
  const tests: Predicate[] = []
  for (const [key, value] of Object.entries(filter)) {
    if (key === '$and') {
      const all = branches(key, value, rules)
      tests.push((metadata) => all.every((test) => test(metadata)))
    } else if (key === '$or') {
      const any = branches(key, value, rules)
      tests.push((metadata) => any.some((test) => test(metadata)))
    } else if (key.startsWith('$')) {
      throw invalid(`${key} is not a valid operator at the top level of a filter`)
    } else {
      const operators = isObject(value) ? Object.entries(value) : [['$eq', value] as const]
      if (operators.length === 0) throw invalid(`the filter on field '${key}' names no operator`)
      const parts = operators.map(([operator, operand]) => fieldTest(operator, operand, rules))
      tests.push((metadata) => {
        const stored = Object.hasOwn(metadata, key) ? metadata[key] : undefined
        return parts.every((test) => test(stored))
      })
    }
  }
  return (metadata) => tests.every((test) => test(metadata))
}
