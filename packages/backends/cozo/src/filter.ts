import { type Condition, type FilterNode, isMatchAll, type Scalar } from '@veritas-db/core/contract'
import { isExact, numberText } from './metadata.js'
import type { Bindings } from './script.js'
import type { Slot, SlotType } from './slots.js'

/** A filter as a part of a rule. */
export interface Conditions {
  /** The columns of the relation that the atoms look at. */
  readonly columns: readonly string[]
  /** Atoms, each with a comma in front. */
  readonly atoms: string
}

/**
 * Translates a filter into conditions on a relation whose column `m` holds `encodeFields` of each record, and whose slots hold some
 * of it as columns. Pure but for the parameters it adds: every value is one, and so is every path. Nothing in it can fail, whatever
 * a record holds: values of other types are told apart before two are compared.
 */
export const compileFilter = (
  filter: FilterNode | undefined,
  bindings: Bindings,
  slots: ReadonlyMap<string, Slot>,
): Conditions => {
  if (!filter || isMatchAll(filter)) return { columns: [], atoms: '' }
  const compiler = new Compiler(bindings, slots)
  // An atom for each, so that the server decides by the slots before it reads the JSON.
  const atoms = (filter.op === 'and' ? filter.nodes : [filter]).map((node) => `, ${compiler.compile(node)}`).join('')
  const columns = [...compiler.columns]
  return compiler.parses ? { columns: ['m', ...columns], atoms: `, f = parse_json(m)${atoms}` } : { columns, atoms }
}

/** A number as the server reads it exactly. */
export const numberParameter = (value: number, bindings: Bindings): string =>
  isExact(value) ? bindings.add(value === 0 ? 0 : value) : `to_float(${bindings.add(numberText(value))})`

/** A value as a slot holds it. */
export const slotParameter = (value: Scalar, bindings: Bindings): string => {
  if (typeof value === 'string') return bindings.add(value)
  if (typeof value === 'number') return numberParameter(value, bindings)
  return bindings.add(Number(value))
}

/** Whether a slot tells if a condition on its path with such a value is true. */
export const suits = (slot: Slot | undefined, value: Scalar | null): slot is Slot =>
  slot !== undefined && value !== null && slot.type === typeOf(value)

const typeOf = (value: Scalar): SlotType =>
  value instanceof Date ? 'date' : (typeof value as 'string' | 'number' | 'boolean')

const signs = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

class Compiler {
  /** Slots that were looked at. */
  readonly columns = new Set<string>()
  /** Whether the JSON is looked at, as the variable `f`. */
  parses = false
  readonly #bindings: Bindings
  readonly #slots: ReadonlyMap<string, Slot>

  constructor(bindings: Bindings, slots: ReadonlyMap<string, Slot>) {
    this.#bindings = bindings
    this.#slots = slots
  }

  compile(n: FilterNode): string {
    switch (n.op) {
      case 'and':
        return n.nodes.length === 0 ? 'true' : `(${n.nodes.map((node) => this.compile(node)).join(' && ')})`
      case 'or':
        return n.nodes.length === 0 ? 'false' : `(${n.nodes.map((node) => this.compile(node)).join(' || ')})`
      case 'not':
        return `!(${this.compile(n.node)})`
      case 'ne':
        return `!(${this.#condition({ ...n, op: 'eq' })})`
      case 'nin':
        return `!(${this.#condition({ ...n, op: 'in' })})`
      default:
        return this.#condition(n)
    }
  }

  #condition(n: Condition): string {
    switch (n.op) {
      case 'exists':
        return n.value ? this.#present(n.path) : `!(${this.#present(n.path)})`
      case 'eq':
        return n.value === null ? `!(${this.#present(n.path)})` : this.#equals(n.path, n.value)
      case 'in':
        return this.#isIn(n.path, n.values)
      case 'gt':
      case 'gte':
      case 'lt':
      case 'lte':
        return this.#compare(n.path, signs[n.op], n.value)
      case 'contains':
        return this.#contains(n.path, n.value, n.in === 'list')
      case 'startsWith':
        return this.#text(n.path, n.value, (text, part) => `starts_with(${text}, ${part})`)
      default:
        throw new TypeError(`unexpected condition ${n.op}`)
    }
  }

  /** What the JSON holds at a path, or at a mark there: null where there is nothing. */
  #at(path: string, ...mark: readonly string[]): string {
    this.parses = true
    return `get(f, ${this.#bindings.add([...path.split('.'), ...mark])}, null)`
  }

  #slot(path: string, value: Scalar): string | undefined {
    const slot = this.#slots.get(path)
    if (!suits(slot, value)) return undefined
    this.columns.add(slot.column)
    return slot.column
  }

  #present(path: string): string {
    return `!is_null(${this.#at(path)})`
  }

  #equals(path: string, value: Scalar): string {
    const slot = this.#slot(path, value)
    if (slot !== undefined) return `${slot} == ${slotParameter(value, this.#bindings)}`
    if (value instanceof Date) return `${this.#at(path, '$date')} == ${this.#bindings.add(value.getTime())}`
    if (typeof value === 'number' && !isExact(value))
      return `${this.#at(path, '$number')} == ${this.#bindings.add(numberText(value))}`
    return `${this.#at(path)} == ${this.#bindings.add(value === 0 ? 0 : value)}`
  }

  #isIn(path: string, values: readonly (Scalar | null)[]): string {
    const terms: string[] = values.includes(null) ? [`!(${this.#present(path)})`] : []
    const lists = Map.groupBy(
      values.filter((value) => value !== null),
      (value) => {
        if (value instanceof Date) return '$date'
        if (typeof value === 'number' && !isExact(value)) return '$number'
        return typeof value === 'string' && suits(this.#slots.get(path), value) ? 'slot' : 'plain'
      },
    )
    for (const [kind, list] of lists) {
      const items = this.#bindings.add(
        list.map((value) => {
          if (value instanceof Date) return value.getTime()
          if (kind === '$number') return numberText(value as number)
          return value === 0 ? 0 : value
        }),
      )
      const place =
        kind === 'slot' ? this.#slot(path, list[0] as Scalar) : this.#at(path, ...(kind === 'plain' ? [] : [kind]))
      terms.push(`is_in(${place}, ${items})`)
    }
    return terms.length === 0 ? 'false' : `(${terms.join(' || ')})`
  }

  #compare(path: string, sign: string, value: string | number | Date): string {
    const slot = this.#slot(path, value)
    if (slot !== undefined)
      return `if(is_null(${slot}), false, ${slot} ${sign} ${slotParameter(value, this.#bindings)})`
    const wanted = slotParameter(value, this.#bindings)
    if (value instanceof Date) {
      const date = this.#at(path, '$date')
      return `if(is_null(${date}), false, ${date} ${sign} ${wanted})`
    }
    const plain = this.#at(path)
    if (typeof value === 'string') return `if(is_string(${plain}), ${plain} ${sign} ${wanted}, false)`
    const rounded = this.#at(path, '$number')
    return `if(is_num(${plain}), ${plain} ${sign} ${wanted}, if(is_string(${rounded}), to_float(${rounded}) ${sign} ${wanted}, false))`
  }

  #contains(path: string, value: string | number, inListAlone: boolean): string {
    if (typeof value === 'number') return `!is_null(${this.#at(path, '$numbers', numberText(value))})`
    const inList = `!is_null(${this.#at(path, '$texts', value)})`
    if (inListAlone) return inList
    return `(${inList} || ${this.#text(path, value, (text, part) => `str_includes(${text}, ${part})`)})`
  }

  /** `test` of a text that is there with the text wanted. */
  #text(path: string, wanted: string, test: (text: string, wanted: string) => string): string {
    const slot = this.#slot(path, wanted)
    if (slot !== undefined) return `if(is_null(${slot}), false, ${test(slot, this.#bindings.add(wanted))})`
    const plain = this.#at(path)
    return `if(is_string(${plain}), ${test(plain, this.#bindings.add(wanted))}, false)`
  }
}
