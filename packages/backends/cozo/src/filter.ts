import type { Condition, FilterNode, Scalar } from '@veritas-db/core/contract'
import { numberText } from './fields.js'
import type { Bindings } from './script.js'

/**
 * Translates a filter into an expression of CozoScript over a column that holds `encodeFields` of a record. Pure but for the
 * parameters it adds: every value is one, and so is every path. Nothing in it can fail, whatever the record holds: what has another
 * type is null there, and null is asked for before two values are compared.
 */
export const compileFilter = (node: FilterNode, bindings: Bindings, column: string): string => {
  const at = (path: string, kind: string): string => `get(${column}, [${bindings.add(path)}, '${kind}'], null)`
  const present = (path: string): string => `!is_null(get(${column}, ${bindings.add(path)}, null))`
  /** `test` of a value that is there. */
  const guarded = (value: string, test: (value: string) => string): string =>
    `if(is_null(${value}), false, ${test(value)})`

  const walk = (n: FilterNode): string => {
    switch (n.op) {
      case 'and':
        return n.nodes.length === 0 ? 'true' : `(${n.nodes.map(walk).join(' && ')})`
      case 'or':
        return n.nodes.length === 0 ? 'false' : `(${n.nodes.map(walk).join(' || ')})`
      case 'not':
        return `!(${walk(n.node)})`
      case 'ne':
        return `!(${condition({ ...n, op: 'eq' })})`
      case 'nin':
        return `!(${condition({ ...n, op: 'in' })})`
      case 'exists':
        return n.value ? present(n.path) : `!(${present(n.path)})`
      default:
        return condition(n)
    }
  }

  const equals = (path: string, value: Scalar): string => `${at(path, kindOf(value))} == ${bindings.add(encode(value))}`

  const condition = (n: Condition): string => {
    switch (n.op) {
      case 'eq':
        return n.value === null ? `!(${present(n.path)})` : `(${equals(n.path, n.value)})`
      case 'in': {
        const terms: string[] = n.values.includes(null) ? [`!(${present(n.path)})`] : []
        const values = n.values.filter((value): value is Scalar => value !== null)
        for (const [kind, list] of Map.groupBy(values, kindOf))
          terms.push(`is_in(${at(n.path, kind)}, ${bindings.add(list.map(encode))})`)
        return terms.length === 0 ? 'false' : `(${terms.join(' || ')})`
      }
      case 'gt':
      case 'gte':
      case 'lt':
      case 'lte': {
        const kind = kindOf(n.value)
        // Numbers are texts, which the server reads exactly; its parser of JSON does not.
        const read = kind === 'n' ? (text: string) => `to_float(${text})` : (text: string) => text
        return guarded(
          at(n.path, kind),
          (value) => `${read(value)} ${signs[n.op]} ${read(bindings.add(encode(n.value)))}`,
        )
      }
      case 'contains': {
        const element = typeof n.value === 'number' ? numberText(n.value) : n.value
        const kind = typeof n.value === 'number' ? 'm' : 'l'
        const path = bindings.add(n.path)
        const inList = `!is_null(get(${column}, [${path}, '${kind}', ${bindings.add(element)}], null))`
        if (typeof n.value === 'number' || n.in === 'list') return inList
        const inText = guarded(at(n.path, 's'), (value) => `str_includes(${value}, ${bindings.add(n.value)})`)
        return `(${inList} || ${inText})`
      }
      case 'startsWith':
        return guarded(at(n.path, 's'), (value) => `starts_with(${value}, ${bindings.add(n.value)})`)
      default:
        throw new TypeError(`unexpected condition ${n.op}`)
    }
  }

  return walk(node)
}

const signs = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

const kindOf = (value: Scalar): 's' | 'n' | 'b' | 'd' => {
  if (value instanceof Date) return 'd'
  return typeof value === 'string' ? 's' : typeof value === 'number' ? 'n' : 'b'
}

const encode = (value: Scalar): string | number | boolean => {
  if (value instanceof Date) return value.getTime()
  return typeof value === 'number' ? numberText(value) : value
}
