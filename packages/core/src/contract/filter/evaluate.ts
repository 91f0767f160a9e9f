import type { Metadata, MetadataValue } from '../values.js'
import type { FilterNode, Scalar } from './ast.js'

/**
 * The reference evaluator: what every backend's pushdown is compared with.
 *
 * | condition | true exactly where the value at the path … |
 * | --- | --- |
 * | eq v | is a scalar of the same type and equal (dates by instant) |
 * | eq null | is null or missing |
 * | gt, gte, lt, lte v | is a scalar of the same type in that order: numbers by size, dates by instant, text by code point |
 * | in [v, …] | equals one of them; a null among them matches null and missing; an empty list matches nothing |
 * | exists true | is neither null nor missing; an empty array, object or text exists |
 * | contains v | is an array that holds v, or a text of which the text v is a part (arrays alone where the field is declared as a list) |
 * | startsWith v | is a text that starts with v; case counts |
 * | ne, nin, exists false, not | exact complements of eq, in, exists true, and of the condition inside |
 * | and, or | all, any; an empty `and` is true, an empty `or` false |
 *
 * A missing value or one of another type makes a condition false (and its complement true); nothing is converted.
 * A path goes through objects only: a step into an array, text, number or date finds nothing.
 */
export function evaluateFilter(node: FilterNode, metadata: Metadata): boolean {
  switch (node.op) {
    case 'and':
      return node.nodes.every((n) => evaluateFilter(n, metadata))
    case 'or':
      return node.nodes.some((n) => evaluateFilter(n, metadata))
    case 'not':
      return !evaluateFilter(node.node, metadata)
    case 'eq':
      return equals(valueAt(metadata, node.path), node.value)
    case 'ne':
      return !equals(valueAt(metadata, node.path), node.value)
    case 'in':
    case 'nin': {
      const value = valueAt(metadata, node.path)
      return node.values.some((v) => equals(value, v)) === (node.op === 'in')
    }
    case 'exists':
      return (valueAt(metadata, node.path) !== null) === node.value
    case 'contains': {
      const value = valueAt(metadata, node.path)
      if (Array.isArray(value)) return value.includes(node.value)
      if (node.in === 'list') return false
      return typeof value === 'string' && typeof node.value === 'string' && value.includes(node.value)
    }
    case 'startsWith': {
      const value = valueAt(metadata, node.path)
      return typeof value === 'string' && value.startsWith(node.value)
    }
    default: {
      const order = compare(valueAt(metadata, node.path), node.value)
      if (order === undefined) return false
      return node.op === 'gt' ? order > 0 : node.op === 'gte' ? order >= 0 : node.op === 'lt' ? order < 0 : order <= 0
    }
  }
}

/** The value at a dotted path; null where there is none. */
export function valueAt(metadata: Metadata, path: string): MetadataValue {
  let value: MetadataValue | undefined = metadata
  for (const part of path.split('.')) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Date) return null
    value = Object.hasOwn(value, part) ? (value as Metadata)[part] : undefined
  }
  return value ?? null
}

function equals(value: MetadataValue, wanted: Scalar | null): boolean {
  if (value instanceof Date) return wanted instanceof Date && value.getTime() === wanted.getTime()
  return value === wanted
}

/** Negative, zero or positive; undefined where the types differ or have no order. */
function compare(a: MetadataValue, b: string | number | Date): number | undefined {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (a instanceof Date && b instanceof Date) return a.getTime() - b.getTime()
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b)
  return undefined
}

/** Compares by Unicode code point, as UTF-8 bytes compare: JavaScript's own `<` goes by UTF-16 unit and differs above U+FFFF. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x === y) continue
    // Surrogates (U+D800 to U+DFFF) stand for code points above all other units.
    const surrogateX = x >= 0xd800 && x <= 0xdfff
    const surrogateY = y >= 0xd800 && y <= 0xdfff
    return surrogateX === surrogateY ? x - y : surrogateX ? 1 : -1
  }
  return a.length - b.length
}
