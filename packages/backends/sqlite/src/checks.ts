import {
  checkId,
  checkMetadata,
  checkName,
  checkString,
  checkVector,
  type EdgeRecord,
  invalid,
  type MetadataValue,
  type NodeRecord,
  type RecordIssue,
  type RowRecord,
  typeName,
  type VectorRecord,
  VeritasError,
} from '@veritas-db/core/contract'
import type { Column } from './relational/store.js'

// Keys and versions are made by `documentKey` and `version`, and are parameters here: a look at their length is enough
// to catch what is neither, and takes a tenth of the time that a pattern does.
const checkKey = (key: unknown, path: string): void => {
  if (typeof key !== 'string' || key.length !== 32) throw invalid(path, 'needs 32 hexadecimal digits')
}

const checkHead = (record: { readonly key: unknown; readonly documentId: string; readonly version: unknown }): void => {
  checkKey(record.key, 'key')
  checkVersion(record.version)
  checkId(record.documentId, 'documentId')
}

const checkVersion = (version: unknown): void => {
  if (typeof version !== 'string' || version.length !== 24) throw invalid('version', 'needs 24 hexadecimal digits')
}

const checkOrdinal = (ordinal: unknown): void => {
  if (!Number.isSafeInteger(ordinal) || (ordinal as number) < 0)
    throw invalid('ordinal', 'needs a whole number of at least 0')
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

const fits = (value: MetadataValue, type: Column['type']): boolean => {
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
export const checkRow = (
  row: RowRecord,
  columns?: Readonly<Record<string, { readonly type: Column['type'] }>>,
): void => {
  checkHead(row)
  checkMetadata(row.values, 'values')
  if (!columns) return
  const { values } = row
  // Plain objects: what `in` gives is their own.
  for (const name in values) {
    const value = values[name]
    const column = Object.hasOwn(columns, name) ? columns[name] : undefined
    if (!column) throw invalid(`values.${name}`, 'is no declared column')
    if (value !== null && value !== undefined && !fits(value, column.type))
      throw invalid(`values.${name}`, `needs a ${column.type}, got ${typeName(value)}`)
  }
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

/** Checks all records of a call before any is written. @throws VeritasError VALIDATION that names the record */
export const checkAll = <R>(records: readonly R[], name: string, check: (record: R) => void): void => {
  records.forEach((record, index) => {
    try {
      check(record)
    } catch (error) {
      if (!VeritasError.is(error, 'VALIDATION')) throw error
      const at = `${name}[${index}]`
      throw new VeritasError({ code: 'VALIDATION', path: `${at}.${error.path}`, message: `${at}.${error.message}` })
    }
  })
}

/** Checks a limit such as `topK`. @throws VeritasError VALIDATION */
export const checkLimit = (limit: number, path: string, most: number = Number.MAX_SAFE_INTEGER): void => {
  if (!Number.isSafeInteger(limit) || limit < 0) throw invalid(path, 'needs a whole number of at least 0')
  if (limit > most) throw invalid(path, `is at most ${most}`)
}
