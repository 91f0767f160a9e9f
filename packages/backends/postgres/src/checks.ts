import {
  checkId,
  checkMetadata,
  checkName,
  checkString,
  checkVector,
  type EdgeRecord,
  type FieldType,
  invalid,
  type MetadataValue,
  type NodeRecord,
  type RecordIssue,
  type RowRecord,
  typeName,
  type VectorRecord,
  VeritasError,
} from '@veritas-db/core/contract'
import { TIMESTAMP_RANGE_MS } from './binary.js'

const KEY = /^[0-9a-f]{32}$/
const VERSION = /^[0-9a-f]{24}$/
/** The largest `integer` of PostgreSQL. */
const MAX_ORDINAL = 2 ** 31 - 1

const checkKey = (key: unknown, path: string): void => {
  if (typeof key !== 'string' || !KEY.test(key)) throw invalid(path, 'needs 32 hexadecimal digits')
}

/** Checks a version. @throws VeritasError VALIDATION */
export const checkVersion = (version: unknown): void => {
  if (typeof version !== 'string' || !VERSION.test(version)) throw invalid('version', 'needs 24 hexadecimal digits')
}

const checkHead = (record: { readonly key: unknown; readonly documentId: string; readonly version: unknown }): void => {
  checkKey(record.key, 'key')
  checkVersion(record.version)
  checkId(record.documentId, 'documentId')
}

const checkOrdinal = (ordinal: unknown): void => {
  if (!Number.isSafeInteger(ordinal) || (ordinal as number) < 0 || (ordinal as number) > MAX_ORDINAL)
    throw invalid('ordinal', `needs a whole number from 0 to ${MAX_ORDINAL}`)
}

/** Checks one vector record. @throws VeritasError VALIDATION */
export const checkVectorRecord = (record: VectorRecord, dimensions?: number): void => {
  checkHead(record)
  checkOrdinal(record.ordinal)
  checkVector(record.vector, dimensions)
  if (record.text !== undefined) {
    if (typeof record.text !== 'string') throw invalid('text', `needs a string, got ${typeName(record.text)}`)
    checkString(record.text, 'text')
  }
  checkMetadata(record.metadata)
}

/** Checks one patch. @throws VeritasError VALIDATION */
export const checkPatch = (patch: Pick<VectorRecord, 'key' | 'ordinal' | 'version' | 'metadata'>): void => {
  checkKey(patch.key, 'key')
  checkVersion(patch.version)
  checkOrdinal(patch.ordinal)
  checkMetadata(patch.metadata)
}

/** Checks one node. @throws VeritasError VALIDATION */
export const checkNode = (node: NodeRecord): void => {
  checkHead(node)
  checkName(node.label, 'label')
  checkMetadata(node.properties, 'properties')
}

/** Checks one edge. @throws VeritasError VALIDATION */
export const checkEdge = (edge: EdgeRecord): void => {
  checkKey(edge.source, 'source')
  checkKey(edge.target, 'target')
  checkVersion(edge.version)
  checkName(edge.type, 'type')
  checkOrdinal(edge.ordinal)
  checkMetadata(edge.properties, 'properties')
}

const fits = (value: MetadataValue, type: FieldType): boolean => {
  switch (type) {
    case 'json':
      return true
    case 'date':
      return value instanceof Date
    case 'string[]':
    case 'number[]':
      return Array.isArray(value) && (value.length === 0 || typeof value[0] === type.slice(0, -2))
    default:
      return typeof value === type
  }
}

/** Checks one row; without columns, only what holds for every table. @throws VeritasError VALIDATION */
export const checkRow = (row: RowRecord, columns?: Readonly<Record<string, { readonly type: FieldType }>>): void => {
  checkHead(row)
  checkMetadata(row.values, 'values')
  if (!columns) return
  for (const [name, value] of Object.entries(row.values)) {
    const column = Object.hasOwn(columns, name) ? columns[name] : undefined
    if (!column) throw invalid(`values.${name}`, 'is no declared column')
    if (value === null || value === undefined) continue
    if (!fits(value, column.type)) throw invalid(`values.${name}`, `needs a ${column.type}, got ${typeName(value)}`)
    if (column.type === 'date') checkDate(value as Date, `values.${name}`)
  }
}

const checkDate = (date: Date, path: string): void => {
  const time = date.getTime()
  if (time < TIMESTAMP_RANGE_MS[0] || time >= TIMESTAMP_RANGE_MS[1])
    throw invalid(path, 'is out of the range of a date column, 4713 BC to AD 294276')
}

/** What `check` of a role answers: the first mistake of each record. */
export const issuesOf = <R>(records: readonly R[], check: (record: R) => void, offset = 0): RecordIssue[] =>
  records.flatMap((record, index) => {
    try {
      check(record)
      return []
    } catch (error) {
      if (!VeritasError.is(error, 'VALIDATION')) throw error
      return [{ index: index + offset, path: error.path ?? '', message: error.message }]
    }
  })

/** Refuses a batch with a record that is invalid. @throws VeritasError VALIDATION that says which, where and why */
export const refuseMistakes = <R>(records: readonly R[], check: (record: R) => void): void => {
  records.forEach((record, i) => {
    try {
      check(record)
    } catch (error) {
      if (!VeritasError.is(error, 'VALIDATION') || records.length === 1) throw error
      throw VeritasError.from(error, {}, `record ${i}: ${error.message}`)
    }
  })
}

/** Checks a number such as `topK`. @throws VeritasError VALIDATION */
export const checkLimit = (limit: number, path: string, most: number = Number.MAX_SAFE_INTEGER): void => {
  if (!Number.isSafeInteger(limit) || limit < 0) throw invalid(path, 'needs a whole number of at least 0')
  if (limit > most) throw invalid(path, `is at most ${most}`)
}
