import {
  checkId,
  checkMetadata,
  checkName,
  checkString,
  checkVector,
  type EdgeRecord,
  type EdgeSet,
  type FieldType,
  invalid,
  type MetadataValue,
  type Metric,
  type NodeRecord,
  type RecordIssue,
  type RowRecord,
  typeName,
  type VectorRecord,
  VeritasError,
} from '@veritas-db/core/contract'

const keyPattern = /^[0-9a-f]{32}$/
const versionPattern = /^[0-9a-f]{24}$/

const checkKey = (key: unknown, path: string): void => {
  if (typeof key !== 'string' || !keyPattern.test(key)) throw invalid(path, 'needs 32 hexadecimal digits')
}

const checkVersion = (version: unknown, path = 'version'): void => {
  if (typeof version !== 'string' || !versionPattern.test(version)) throw invalid(path, 'needs 24 hexadecimal digits')
}

const checkHead = (record: { readonly key: unknown; readonly documentId: string; readonly version: unknown }): void => {
  checkKey(record.key, 'key')
  checkVersion(record.version)
  checkId(record.documentId, 'documentId')
}

const checkOrdinal = (ordinal: unknown): void => {
  if (!Number.isSafeInteger(ordinal) || (ordinal as number) < 0)
    throw invalid('ordinal', 'needs a whole number of at least 0')
}

/** Checks one vector record. @throws VeritasError VALIDATION */
export const checkVectorRecord = (
  record: VectorRecord,
  definition?: { readonly dimensions: number; readonly metric: Metric },
): void => {
  checkHead(record)
  checkOrdinal(record.ordinal)
  checkVector(record.vector, definition?.dimensions)
  if (definition?.metric === 'cosine') checkDirection(record.vector, 'vector')
  if (record.text !== undefined) {
    if (typeof record.text !== 'string') throw invalid('text', `needs a string, got ${typeName(record.text)}`)
    checkString(record.text, 'text')
  }
  checkMetadata(record.metadata)
}

/** Refuses a vector that points nowhere: the index would compute no distance from it. @throws VeritasError VALIDATION */
export const checkDirection = (vector: Float32Array, path: string): void => {
  if (vector.every((x) => x === 0)) throw invalid(path, 'is all zeros, which has no cosine similarity with anything')
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

/** Checks one set of edges. @throws VeritasError VALIDATION */
export const checkSet = (set: EdgeSet): void => {
  checkKey(set.source, 'source')
  checkVersion(set.version)
  for (const edge of set.edges) {
    checkEdge(edge)
    if (edge.source !== set.source)
      throw invalid('edges.source', `${edge.source} is not the source of its set, ${set.source}`)
  }
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
    if (value !== null && value !== undefined && !fits(value, column.type))
      throw invalid(`values.${name}`, `needs a ${column.type}, got ${typeName(value)}`)
  }
}

/** Refuses a whole batch for its first invalid record. @throws VeritasError VALIDATION that says which */
export const checkAll = <R>(records: readonly R[], check: (record: R) => void): void => {
  records.forEach((record, index) => {
    const error = mistake(record, check)
    if (error) throw VeritasError.from(error, {}, `record ${index}: ${error.message}`)
  })
}

const mistake = <R>(record: R, check: (record: R) => void): VeritasError | undefined => {
  try {
    check(record)
    return undefined
  } catch (error) {
    if (VeritasError.is(error, 'VALIDATION')) return error
    throw error
  }
}

/** What `check` of a role answers: the first mistake of each record. */
export const issuesOf = <R>(records: readonly R[], check: (record: R) => void, offset = 0): RecordIssue[] =>
  records.flatMap((record, index) => {
    const error = mistake(record, check)
    return error ? [{ index: index + offset, path: error.path ?? '', message: error.message }] : []
  })

/** Checks a limit. @throws VeritasError VALIDATION */
export const checkLimit = (limit: number, path = 'limit'): void => {
  if (!Number.isSafeInteger(limit) || limit < 0) throw invalid(path, 'needs a whole number of at least 0')
}
