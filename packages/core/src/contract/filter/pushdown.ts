import type { FilterCapabilities, FilterValueType } from '../capabilities.js'
import { type RoleName, unsupported } from '../errors.js'
import { type FilterNode, MATCH_ALL, type Scalar } from './ast.js'

/** A filter in two parts: `pushed` for the backend, `residual` for the manager to apply to what comes back. */
export interface SplitFilter {
  readonly pushed: FilterNode
  readonly residual: FilterNode
}

/** Splits a filter by what a backend can do. Only conjunctions are split, so that `pushed AND residual` is the filter. */
export function splitFilter(node: FilterNode, capabilities: FilterCapabilities): SplitFilter {
  if (canPush(node, capabilities)) return { pushed: node, residual: MATCH_ALL }
  if (node.op !== 'and') return { pushed: MATCH_ALL, residual: node }
  const parts = node.nodes.map((n) => splitFilter(n, capabilities))
  const pushable = parts.map((p) => p.pushed).filter((n) => !isMatchAll(n))
  // Without `and` only one of them can be pushed.
  const pushed = capabilities.and === undefined ? pushable.slice(0, 1) : pushable
  const left = pushable.slice(pushed.length)
  return { pushed: all(pushed), residual: all([...left, ...parts.map((p) => p.residual)]) }
}

/** Whether a backend evaluates the whole filter itself. */
export function canPush(node: FilterNode, capabilities: FilterCapabilities): boolean {
  if (isMatchAll(node)) return true
  const types = capabilities[node.op]
  if (types === undefined) return false
  switch (node.op) {
    case 'and':
    case 'or':
      return node.nodes.every((n) => canPush(n, capabilities))
    case 'not':
      return canPush(node.node, capabilities)
    case 'exists':
      return true
    case 'in':
    case 'nin':
      return node.values.every((v) => types === true || types.includes(scalarTypeOf(v)))
    case 'contains':
      return (
        types === true ||
        types.includes(typeof node.value as 'string' | 'number') ||
        (node.in === 'list' && types.includes('element'))
      )
    default:
      return types === true || types.includes(scalarTypeOf(node.value))
  }
}

/** Throws `UNSUPPORTED` for a filter that goes beyond the declared capabilities: backends call it before they translate. */
export function assertPushable(
  node: FilterNode,
  capabilities: FilterCapabilities,
  backend: string,
  role: RoleName,
): void {
  if (canPush(node, capabilities)) return
  const culprit = firstUnsupported(node, capabilities)
  throw unsupported(
    backend,
    role,
    `the filter condition ${culprit}`,
    'filter through the manager, which applies the rest itself.',
  )
}

function firstUnsupported(node: FilterNode, capabilities: FilterCapabilities): string {
  if (capabilities[node.op] !== undefined) {
    const inner = node.op === 'and' || node.op === 'or' ? node.nodes : node.op === 'not' ? [node.node] : []
    const bad = inner.find((n) => !canPush(n, capabilities))
    if (bad) return firstUnsupported(bad, capabilities)
  }
  return 'path' in node ? `$${node.op} on "${node.path}"` : `$${node.op}`
}

/** The type of a condition's value, as capabilities name it. */
export function scalarTypeOf(value: Scalar | null): FilterValueType {
  if (value === null) return 'null'
  if (value instanceof Date) return 'date'
  return typeof value as 'string' | 'number' | 'boolean'
}

/** The conjunction of filters, flat and without the ones that match everything. */
export function all(nodes: readonly FilterNode[]): FilterNode {
  const flat = nodes.flatMap((n) => (n.op === 'and' ? n.nodes : [n]))
  return flat.length === 0 ? MATCH_ALL : flat.length === 1 ? (flat[0] as FilterNode) : { op: 'and', nodes: flat }
}

/** The same filter with every path replaced. */
export function mapPaths(node: FilterNode, rename: (path: string) => string): FilterNode {
  if (node.op === 'and' || node.op === 'or') return { op: node.op, nodes: node.nodes.map((n) => mapPaths(n, rename)) }
  if (node.op === 'not') return { op: 'not', node: mapPaths(node.node, rename) }
  return { ...node, path: rename(node.path) }
}

/** Whether a filter matches everything, as far as its shape tells. */
export function isMatchAll(node: FilterNode): boolean {
  return node.op === 'and' && node.nodes.every(isMatchAll)
}
