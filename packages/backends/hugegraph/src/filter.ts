import { type FilterCapabilities, type FilterNode, FULL_FILTER, type Scalar } from '@veritas-db/core/contract'

/** A script on the server evaluates all of the filter language on the properties as they were written. */
export const filterCapabilities: FilterCapabilities = FULL_FILTER

/** A filter as the scripts read it: JSON, with dates marked as in the stored properties. */
export type FilterArgument = { readonly [field: string]: unknown }

const argument = (value: Scalar | null): unknown => (value instanceof Date ? { $date: value.getTime() } : value)

/** Translates a filter into an argument of a script. Pure. It is data to the script, never a part of its text. */
export const toArgument = (node: FilterNode): FilterArgument => {
  switch (node.op) {
    case 'and':
    case 'or':
      return { op: node.op, nodes: node.nodes.map(toArgument) }
    case 'not':
      return { op: 'not', node: toArgument(node.node) }
    case 'in':
    case 'nin':
      return { op: node.op, path: node.path, values: node.values.map(argument) }
    case 'exists':
      return { op: 'exists', path: node.path, value: node.value }
    case 'contains':
      return { op: 'contains', path: node.path, value: node.value, ...(node.in && { in: node.in }) }
    default:
      return { op: node.op, path: node.path, value: argument(node.value) }
  }
}
