import { invalid, type VeritasError } from '../errors.js'
import { checkFieldName, checkString, type FieldType, isPlainObject, MAX_DEPTH, typeName } from '../values.js'
import type { FilterNode, Scalar } from './ast.js'
import { MATCH_ALL } from './ast.js'

export interface ParseFilterOptions {
  /** Declared types of fields, by dotted path: values of conditions on them are checked against these. */
  readonly fields?: Readonly<Record<string, FieldType>>
  /** What error messages call the filter. Default `filter`. */
  readonly name?: string
}

/** The most conditions one filter may hold. */
export const MAX_CONDITIONS = 1000
const OPERATORS = [
  '$eq',
  '$ne',
  '$gt',
  '$gte',
  '$lt',
  '$lte',
  '$in',
  '$nin',
  '$exists',
  '$contains',
  '$startsWith',
  '$not',
] as const
const LOGIC = ['$and', '$or', '$not'] as const

/**
 * Parses a filter as users write it. Nothing is ever ignored: what is not understood is an error that names its place,
 * such as `filter.$or[1].year: $gte needs a number, got string`.
 * @throws VeritasError VALIDATION
 */
export function parseFilter(filter: unknown, options: ParseFilterOptions = {}): FilterNode {
  if (filter === undefined) return MATCH_ALL
  return new Parser(options.fields ?? {}).filter(filter, options.name ?? 'filter', 0)
}

class Parser {
  #conditions = 0
  readonly #fields: ReadonlyMap<string, FieldType>
  constructor(fields: Readonly<Record<string, FieldType>>) {
    // A map, since an object would answer for `constructor` and the like.
    this.#fields = new Map(Object.entries(fields))
  }

  filter(input: unknown, at: string, depth: number): FilterNode {
    if (!isPlainObject(input))
      throw invalid(at, `needs an object such as { year: { $gte: 2020 } }, got ${typeName(input)}`)
    if (depth > MAX_DEPTH) throw invalid(at, `nests deeper than ${MAX_DEPTH} levels`)
    const nodes: FilterNode[] = []
    for (const [name, value] of Object.entries(input)) {
      if (value === undefined)
        throw invalid(`${at}.${name}`, 'is undefined: leave it out, or use null to match missing values')
      if (name.startsWith('$')) nodes.push(this.#logic(name, value, `${at}.${name}`, depth))
      else nodes.push(...this.#field(checkPath(name, at), value, `${at}.${name}`, depth))
    }
    return nodes.length === 1 ? (nodes[0] as FilterNode) : { op: 'and', nodes }
  }

  #logic(name: string, value: unknown, at: string, depth: number): FilterNode {
    if (name === '$not') return { op: 'not', node: this.filter(value, at, depth + 1) }
    if (name !== '$and' && name !== '$or') throw unknownOperator(name, at, LOGIC)
    if (!Array.isArray(value)) throw invalid(at, `needs an array of filters, got ${typeName(value)}`)
    return {
      op: name === '$and' ? 'and' : 'or',
      nodes: Array.from(value, (item, i) => this.filter(item, `${at}[${i}]`, depth + 1)),
    }
  }

  #field(path: string, value: unknown, at: string, depth: number): FilterNode[] {
    if (depth > MAX_DEPTH) throw invalid(at, `nests deeper than ${MAX_DEPTH} levels`)
    if (isPlainObject(value)) {
      const entries = Object.entries(value)
      if (entries.length === 0)
        throw invalid(at, 'has no condition: give a value or an operator such as { $exists: true }')
      return entries.map(([name, operand]) => {
        if (!name.startsWith('$'))
          throw invalid(`${at}.${name}`, `objects cannot be compared; write the nested field as "${path}.${name}"`)
        return this.#condition(path, name, operand, at, depth)
      })
    }
    return [this.#condition(path, '$eq', value, at, depth)]
  }

  #condition(path: string, name: string, operand: unknown, at: string, depth: number): FilterNode {
    if (++this.#conditions > MAX_CONDITIONS) throw invalid(at, `a filter holds at most ${MAX_CONDITIONS} conditions`)
    switch (name) {
      case '$eq':
      case '$ne':
        return { op: name === '$eq' ? 'eq' : 'ne', path, value: this.#scalar(path, name, operand, at) }
      case '$gt':
      case '$gte':
      case '$lt':
      case '$lte':
        return { op: name.slice(1) as 'gt', path, value: this.#ordered(path, name, operand, at) }
      case '$in':
      case '$nin':
        if (!Array.isArray(operand)) throw invalid(at, `${name} needs an array of values, got ${typeName(operand)}`)
        if (operand.length > 10_000) throw invalid(at, `${name} takes at most 10000 values, got ${operand.length}`)
        return {
          op: name === '$in' ? 'in' : 'nin',
          path,
          values: Array.from(operand, (item: unknown, i) => this.#scalar(path, name, item, `${at}.${name}[${i}]`)),
        }
      case '$exists':
        if (typeof operand !== 'boolean') throw invalid(at, `$exists needs true or false, got ${typeName(operand)}`)
        return { op: 'exists', path, value: operand }
      case '$contains':
        return {
          op: 'contains',
          path,
          value: this.#element(path, operand, at),
          ...(this.#fields.get(path)?.endsWith('[]') && { in: 'list' as const }),
        }
      case '$startsWith':
        if (typeof operand !== 'string') throw invalid(at, `$startsWith needs a string, got ${typeName(operand)}`)
        this.#expect(path, name, 'string', at)
        checkString(operand, at)
        return { op: 'startsWith', path, value: operand }
      case '$not': {
        const nodes = this.#field(path, operand, at, depth + 1)
        return { op: 'not', node: nodes.length === 1 ? (nodes[0] as FilterNode) : { op: 'and', nodes } }
      }
      default:
        throw unknownOperator(name, at, OPERATORS)
    }
  }

  #scalar(path: string, name: string, value: unknown, at: string): Scalar | null {
    if (value === null) return null
    const type = scalarType(value)
    if (type === undefined) {
      const hint = Array.isArray(value)
        ? '; to match any of several values use $in, to look into an array use $contains'
        : ''
      throw invalid(at, `${name} needs a string, number, boolean, date or null, got ${typeName(value)}${hint}`)
    }
    return this.#checked(path, name, value as Scalar, type, at)
  }

  #ordered(path: string, name: string, value: unknown, at: string): string | number | Date {
    const type = scalarType(value)
    const declared = this.#fields.get(path)
    const wanted =
      declared === 'number' || declared === 'string' || declared === 'date' ? declared : 'number, string or date'
    if (type === undefined || type === 'boolean') throw invalid(at, `${name} needs a ${wanted}, got ${typeName(value)}`)
    return this.#checked(path, name, value as string | number | Date, type, at)
  }

  #element(path: string, value: unknown, at: string): string | number {
    if (typeof value !== 'string' && typeof value !== 'number')
      throw invalid(at, `$contains needs a string or number, got ${typeName(value)}`)
    const declared = this.#fields.get(path)
    const fits =
      declared === undefined ||
      declared === 'json' ||
      (typeof value === 'string' ? declared === 'string' || declared === 'string[]' : declared === 'number[]')
    if (!fits) throw invalid(at, `$contains cannot look for a ${typeof value} in a field of type ${declared}`)
    return this.#valid(value, at)
  }

  #checked<V extends Scalar>(
    path: string,
    name: string,
    value: V,
    type: 'string' | 'number' | 'boolean' | 'date',
    at: string,
  ): V {
    this.#expect(path, name, type, at)
    return this.#valid(value, at)
  }

  #valid<V extends Scalar>(value: V, at: string): V {
    if (typeof value === 'string') checkString(value, at)
    if (typeof value === 'number' && !Number.isFinite(value)) throw invalid(at, `needs a finite number, got ${value}`)
    if (value instanceof Date && Number.isNaN(value.getTime())) throw invalid(at, 'is an invalid date')
    return value
  }

  #expect(path: string, name: string, type: FieldType, at: string): void {
    const declared = this.#fields.get(path)
    if (declared === undefined || declared === 'json' || declared === type) return
    throw invalid(
      at,
      `${name} needs a ${declared}, got ${type}${declared.endsWith('[]') ? '; look into arrays with $contains' : ''}`,
    )
  }
}

function scalarType(value: unknown): 'string' | 'number' | 'boolean' | 'date' | undefined {
  if (value instanceof Date) return 'date'
  const type = typeof value
  return type === 'string' || type === 'number' || type === 'boolean' ? type : undefined
}

function checkPath(path: string, at: string): string {
  const parts = path.split('.')
  if (parts.length > MAX_DEPTH + 1)
    throw invalid(`${at}[${JSON.stringify(path.slice(0, 80))}]`, `nests deeper than ${MAX_DEPTH} levels`)
  for (const part of parts) checkFieldName(part, at)
  return path
}

function unknownOperator(name: string, at: string, known: readonly string[]): VeritasError {
  return invalid(at, `unknown operator ${JSON.stringify(name.slice(0, 40))}; known here: ${known.join(', ')}`)
}
