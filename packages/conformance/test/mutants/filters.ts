import {
  type Condition,
  compareText,
  evaluateFilter,
  type FilterNode,
  type Metadata,
  type RoleName,
  valueAt,
} from '@veritas-db/core/contract'
import type { Mutant } from './mutant.js'

type Evaluate = typeof evaluateFilter
/** Says otherwise than the oracle, or nothing where the oracle is right. */
type Override = (node: FilterNode, data: Metadata, again: Evaluate) => boolean | undefined

function evaluator(override: Override): Evaluate {
  const again: Evaluate = (node, data) => {
    const said = override(node, data, again)
    if (said !== undefined) return said
    if (node.op === 'and') return node.nodes.every((n) => again(n, data))
    if (node.op === 'or') return node.nodes.some((n) => again(n, data))
    if (node.op === 'not') return !again(node.node, data)
    return evaluateFilter(node, data)
  }
  return again
}

/** An override for conditions, given the value they look at. */
const condition =
  (say: (node: Condition, value: ReturnType<typeof valueAt>, data: Metadata) => boolean | undefined): Override =>
  (node, data) =>
    'path' in node ? say(node, valueAt(data, node.path), data) : undefined

const isDate = (value: unknown): value is Date => value instanceof Date
const ordered = new Set<string>(['gt', 'gte', 'lt', 'lte'])

/** The ways in which real engines differ from the written table. */
const WAYS: Readonly<Record<string, Override>> = {
  'drops the second condition of an and': (node, data, again) =>
    node.op === 'and' && node.nodes.length > 1 ? again(node.nodes[0] as FilterNode, data) : undefined,
  'takes or for and': (node, data, again) =>
    node.op === 'or' && node.nodes.length > 1 ? node.nodes.every((n) => again(n, data)) : undefined,
  'an empty or matches': (node) => (node.op === 'or' && node.nodes.length === 0 ? true : undefined),
  'ne does not match missing values': condition((node, value) =>
    node.op === 'ne' && node.value !== null && value === null ? false : undefined,
  ),
  'nin does not match missing values': condition((node, value) =>
    node.op === 'nin' && value === null && !node.values.includes(null) ? false : undefined,
  ),
  'not over a missing value is unknown': (node, data) => {
    if (node.op !== 'not' || !('path' in node.node) || node.node.op === 'exists') return undefined
    return valueAt(data, node.node.path) === null ? false : undefined
  },
  'eq null matches nothing': condition((node) => (node.op === 'eq' && node.value === null ? false : undefined)),
  'null in a list is ignored': condition((node, value) => (node.op === 'in' && value === null ? false : undefined)),
  'an empty list matches everything': condition((node) =>
    node.op === 'in' && node.values.length === 0 ? true : undefined,
  ),
  'exists is true for null': condition((node, _value, data) => {
    if (node.op !== 'exists' || node.path.includes('.')) return undefined
    return Object.hasOwn(data, node.path) === node.value
  }),
  'an empty text does not exist': condition((node, value) =>
    node.op === 'exists' && value === '' ? !node.value : undefined,
  ),
  'an empty array does not exist': condition((node, value) =>
    node.op === 'exists' && Array.isArray(value) && value.length === 0 ? !node.value : undefined,
  ),
  'numbers equal their texts': condition((node, value) =>
    node.op === 'eq' && typeof node.value === 'string' && typeof value === 'number'
      ? String(value) === node.value
      : undefined,
  ),
  'dates equal their milliseconds': condition((node, value) =>
    node.op === 'eq' && typeof node.value === 'number' && isDate(value) ? value.getTime() === node.value : undefined,
  ),
  'dates compare with numbers': condition((node, value) =>
    node.op === 'gt' && typeof node.value === 'number' && isDate(value) ? value.getTime() > node.value : undefined,
  ),
  'texts compare with dates': condition((node, value) =>
    ordered.has(node.op) && 'value' in node && isDate(node.value) && typeof value === 'string'
      ? node.op.startsWith('g')
      : undefined,
  ),
  'true equals 1': condition((node, value) =>
    node.op === 'eq' && node.value === 1 && value === true ? true : undefined,
  ),
  'eq looks into arrays': condition((node, value) =>
    node.op === 'eq' && Array.isArray(value) ? value.some((item) => item === node.value) : undefined,
  ),
  'in looks into arrays': condition((node, value) =>
    node.op === 'in' && Array.isArray(value) ? node.values.some((v) => value.some((item) => item === v)) : undefined,
  ),
  'gte is gt': condition((node, value) =>
    node.op === 'gte' && typeof value === 'number' && value === node.value ? false : undefined,
  ),
  'lte of dates is lt': condition((node, value) =>
    node.op === 'lte' && isDate(value) && isDate(node.value) && value.getTime() === node.value.getTime()
      ? false
      : undefined,
  ),
  'dates compare by the second': condition((node, value) =>
    node.op === 'eq' && isDate(value) && isDate(node.value)
      ? Math.floor(value.getTime() / 1000) === Math.floor(node.value.getTime() / 1000)
      : undefined,
  ),
  'texts compare by UTF-16 unit': condition((node, value) => {
    if (!ordered.has(node.op) || !('value' in node) || typeof node.value !== 'string' || typeof value !== 'string')
      return undefined
    if (node.op === 'gt') return value > node.value
    if (node.op === 'gte') return value >= node.value
    return node.op === 'lt' ? value < node.value : value <= node.value
  }),
  'texts compare as a dictionary would': condition((node, value) => {
    if (node.op !== 'lt' || typeof node.value !== 'string' || typeof value !== 'string') return undefined
    return value.localeCompare(node.value, 'en') < 0
  }),
  'numbers compare as texts': condition((node, value) =>
    node.op === 'gt' && typeof value === 'number' && typeof node.value === 'number'
      ? compareText(String(value), String(node.value)) > 0
      : undefined,
  ),
  'numbers have single precision': condition((node, value) =>
    node.op === 'eq' && typeof value === 'number' && typeof node.value === 'number'
      ? Math.fround(value) === Math.fround(node.value)
      : undefined,
  ),
  'eq ignores case': condition((node, value) =>
    node.op === 'eq' && typeof value === 'string' && typeof node.value === 'string'
      ? value.toLowerCase() === node.value.toLowerCase()
      : undefined,
  ),
  'eq ignores spaces at the end': condition((node, value) =>
    node.op === 'eq' && typeof value === 'string' && typeof node.value === 'string'
      ? value.trimEnd() === node.value.trimEnd()
      : undefined,
  ),
  'eq normalises': condition((node, value) =>
    node.op === 'eq' && typeof value === 'string' && typeof node.value === 'string'
      ? value.normalize() === node.value.normalize()
      : undefined,
  ),
  'startsWith ignores case': condition((node, value) =>
    node.op === 'startsWith' && typeof value === 'string'
      ? value.toLowerCase().startsWith(node.value.toLowerCase())
      : undefined,
  ),
  'startsWith takes % as a wildcard': condition((node, value) =>
    node.op === 'startsWith' && typeof value === 'string' && node.value.includes('%') ? true : undefined,
  ),
  'startsWith with an empty text matches what is no text': condition((node) =>
    node.op === 'startsWith' && node.value === '' ? true : undefined,
  ),
  'contains ignores parts of a text': condition((node, value) =>
    node.op === 'contains' && typeof value === 'string' ? value === node.value : undefined,
  ),
  'contains looks for parts of the items of an array': condition((node, value) =>
    node.op === 'contains' && Array.isArray(value) && typeof node.value === 'string'
      ? value.some((item) => String(item).includes(String(node.value)))
      : undefined,
  ),
  'contains looks into joined arrays': condition((node, value) =>
    node.op === 'contains' && Array.isArray(value) && typeof node.value === 'string'
      ? `,${value.join(',')},`.includes(`,${node.value},`)
      : undefined,
  ),
  'a path goes into arrays': condition((node, _value, data) => {
    const parent = node.path.split('.').slice(0, -1).join('.')
    return node.op === 'exists' && parent !== '' && Array.isArray(valueAt(data, parent)) ? node.value : undefined
  }),
  'fields with odd names are never there': condition((node) =>
    /["'\\@ ]/.test(node.path) && node.op === 'eq' && node.value !== null ? false : undefined,
  ),
}

export function filterMutants(role: RoleName): Mutant[] {
  // The evaluator is the same for all roles: each way is tried on one of them, and every third on each.
  const ways = Object.entries(WAYS).filter((_, i) => role === 'vector' || i % 3 === 0)
  return ways.map(([name, override]) => ({
    name: `${role}: ${name}`,
    suite: `${role}.filter`,
    declared: { evaluate: evaluator(override) },
  }))
}

/** Filters beyond what is declared are dropped instead of refused. */
export function droppingMutants(role: RoleName): Mutant[] {
  const method = { vector: 'query', graph: 'findNodes', relational: 'find' }[role]
  return [
    {
      name: `${role}: a filter that is not declared is dropped in silence`,
      suite: `${role}.filter`,
      role,
      declared: { [role]: { filter: { and: true, eq: true } } },
      methods: {
        [method]: async (options, call) => {
          const { filter: _, ...rest } = options
          try {
            return await call(options)
          } catch {
            return call(rest)
          }
        },
      },
    },
    {
      name: `${role}: a filter that is declared is UNSUPPORTED`,
      suite: `${role}.filter`,
      role,
      declared: { [role]: { filter: { and: true, eq: true } } },
      methods: {
        [method]: (options, call) =>
          call({ ...options, ...(options.filter?.op === 'eq' && { filter: { op: 'not', node: options.filter } }) }),
      },
    },
  ]
}
