import {
  checkId,
  checkMetadata,
  checkName,
  type EdgeRecord,
  invalid,
  type MetadataValue,
  type NodeRecord,
  type RecordIssue,
  type RowRecord,
  type TableDefinition,
  typeName,
  VeritasError,
} from '@veritas-db/core/contract'

const checkKey = (key: unknown, path: string): void => {
  if (typeof key !== 'string' || !/^[0-9a-f]{32}$/.test(key)) throw invalid(path, 'needs 32 hexadecimal digits')
}

const checkVersion = (version: unknown): void => {
  if (typeof version !== 'string' || !/^[0-9a-f]{24}$/.test(version))
    throw invalid('version', 'needs 24 hexadecimal digits')
}

const checkHead = (record: { readonly key: unknown; readonly documentId: string; readonly version: unknown }): void => {
  checkKey(record.key, 'key')
  checkVersion(record.version)
  checkId(record.documentId, 'documentId')
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
  if (!Number.isSafeInteger(edge.ordinal) || edge.ordinal < 0)
    throw invalid('ordinal', 'needs a whole number of at least 0')
  checkMetadata(edge.properties, 'properties')
}

const fits = (value: MetadataValue, type: string): boolean => {
  if (type === 'json') return true
  if (type === 'date') return value instanceof Date
  if (type.endsWith('[]')) return Array.isArray(value) && (value.length === 0 || typeof value[0] === type.slice(0, -2))
  return typeof value === type
}

/** Checks one row; without columns, only what holds for every table. @throws VeritasError VALIDATION */
export const checkRow = (row: RowRecord, columns?: TableDefinition['columns']): void => {
  checkHead(row)
  checkMetadata(row.values, 'values')
  if (!columns) return
  for (const [name, value] of Object.entries(row.values)) {
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

/** Refuses a batch that holds a wrong record, before anything is written. @throws VeritasError VALIDATION */
export const checkAll = <R>(name: string, records: readonly R[], check: (record: R) => void): void => {
  records.forEach((record, index) => {
    try {
      check(record)
    } catch (error) {
      if (!VeritasError.is(error, 'VALIDATION')) throw error
      throw invalid(`${name}[${index}].${error.path ?? ''}`, error.message)
    }
  })
}
