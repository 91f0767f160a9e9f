import {
  foreignCursor,
  invalid,
  type Position,
  type RelationalRole,
  readCursor,
  textAt,
} from '@veritas-db/core/contract'
import { encodeTimestamp } from '../binary.js'
import { indexedText, type ScalarType } from '../filter.js'
import { toKey } from '../role.js'
import type { Row } from '../session.js'
import { type Bindings, quote } from '../sql.js'
import { milliseconds } from './rows.js'
import { columnName, isScalar, type RelationalDefinition } from './tables.js'

type FindOptions = Parameters<RelationalRole['find']>[0]

/** The order of a `find`. */
export interface Order {
  /** What is selected beside the rows, to go on from; empty where the key is enough. */
  readonly select: string
  /** The condition that starts after the cursor. */
  readonly after: string
  readonly orderBy: string
  position(row: Row): Position
}

/** @throws VeritasError VALIDATION for a column without an order, or a cursor of another find */
export const orderOf = (
  definition: RelationalDefinition,
  { order, cursor }: Pick<FindOptions, 'order' | 'cursor'>,
  bindings: Bindings,
): Order => {
  if (!order) {
    const position = readCursor(cursor, 1)
    return {
      select: '',
      after: position ? `r._key > ${bindings.bind(position[0])}::uuid` : 'true',
      orderBy: 'r._key',
      position: (row) => [toKey(row._key)],
    }
  }
  const declared = Object.hasOwn(definition.columns, order.column) ? definition.columns[order.column] : undefined
  if (!declared) throw invalid('order.column', `${JSON.stringify(order.column)} is no declared column`)
  const { type, index } = declared
  if (!isScalar(type)) throw invalid('order.column', `a column of type ${type} has no order`)
  const column = `r.${quote(columnName(order.column))}${type === 'string' ? ' COLLATE "C"' : ''}`
  const down = order.direction === 'descending'
  const direction = down ? 'DESC NULLS LAST' : 'ASC NULLS FIRST'
  // The index of a text has its start alone; the rest is sorted within equal starts.
  const start = type === 'string' && index ? `${indexedText(column)} ${direction}, ` : ''
  return {
    select: `, ${type === 'date' ? milliseconds(column) : column} AS position`,
    after: afterPosition(readCursor(cursor, 2), column, type, down, bindings),
    orderBy: `${start}${column} ${direction}, r._key`,
    position: (row) => [row.position as string | number | boolean | null, toKey(row._key)],
  }
}

const afterPosition = (
  position: Position | undefined,
  column: string,
  type: ScalarType,
  down: boolean,
  bindings: Bindings,
): string => {
  if (!position) return 'true'
  const [value = null] = position
  const key = textAt(position, 1)
  const beyondKey = `r._key > ${bindings.bind(key)}::uuid`
  // Null comes before everything when ascending, after everything when descending.
  if (value === null) return down ? `(${column} IS NULL AND ${beyondKey})` : `(${column} IS NOT NULL OR ${beyondKey})`
  const place = `${bindings.bind(type === 'date' ? encodeTimestamp(instantOf(value)) : value)}::${CASTS[type]}`
  const beyond = down ? `${column} < ${place} OR ${column} IS NULL` : `${column} > ${place}`
  return `(${beyond} OR (${column} = ${place} AND ${beyondKey}))`
}

const instantOf = (milliseconds: Position[number]): Date => {
  const instant = new Date(Math.round(Number(milliseconds)))
  if (Number.isNaN(instant.getTime())) throw foreignCursor()
  return instant
}

const CASTS: Readonly<Record<ScalarType, string>> = {
  string: 'text',
  number: 'float8',
  boolean: 'bool',
  date: 'timestamptz',
}
