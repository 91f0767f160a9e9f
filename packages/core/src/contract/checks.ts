import { invalid, VeritasError } from './errors.js'
import type { EdgeRecord, NodeRecord, RecordIssue, RowRecord, VectorRecord } from './records.js'
import type { EdgeSet } from './roles/graph.js'
import type { ColumnDefinition } from './roles/relational.js'
import type { CollectionDefinition } from './roles/vector.js'
import {
  asKey,
  asVersion,
  checkId,
  checkMetadata,
  checkName,
  checkString,
  checkVector,
  type FieldType,
  type MetadataValue,
  typeName,
} from './values.js'

/** The largest ordinal: that of a 32-bit integer, which every database holds. */
export const MAX_ORDINAL: number = 2 ** 31 - 1

/** What holds for a vector record in every store. @throws VeritasError VALIDATION */
export function checkVectorRecord(record: VectorRecord, definition?: Pick<CollectionDefinition, 'dimensions'>): void {
  checkHead(record)
  checkOrdinal(record.ordinal)
  checkVector(record.vector, definition?.dimensions)
  if (record.text !== undefined) {
    if (typeof record.text !== 'string') throw invalid('text', `needs a string, got ${typeName(record.text)}`)
    checkString(record.text, 'text')
  }
  checkMetadata(record.metadata)
}

/** What holds for a patch of a vector record in every store. @throws VeritasError VALIDATION */
export function checkVectorPatch(patch: Pick<VectorRecord, 'key' | 'ordinal' | 'version' | 'metadata'>): void {
  asKey(patch.key)
  asVersion(patch.version)
  checkOrdinal(patch.ordinal)
  checkMetadata(patch.metadata)
}

/** What holds for a node in every store. @throws VeritasError VALIDATION */
export function checkNode(node: NodeRecord): void {
  checkHead(node)
  checkName(node.label, 'label')
  if (typeof node.placeholder !== 'boolean')
    throw invalid('placeholder', `needs true or false, got ${typeName(node.placeholder)}`)
  checkMetadata(node.properties, 'properties')
}

/** What holds for an edge in every store. @throws VeritasError VALIDATION */
export function checkEdge(edge: EdgeRecord): void {
  checkEdgeIdentity(edge)
  asVersion(edge.version)
  checkMetadata(edge.properties, 'properties')
}

/** What holds for that which identifies an edge, in every store. @throws VeritasError VALIDATION */
export function checkEdgeIdentity(edge: Pick<EdgeRecord, 'source' | 'target' | 'type' | 'ordinal'>): void {
  asKey(edge.source, 'source')
  asKey(edge.target, 'target')
  checkName(edge.type, 'type')
  checkOrdinal(edge.ordinal)
}

/**
 * What holds for a set of edges in every store: all have its source. `check` is what a store asks of each edge.
 * @throws VeritasError VALIDATION
 */
export function checkEdgeSet(set: EdgeSet, check: (edge: EdgeRecord) => void = checkEdge): void {
  asKey(set.source, 'source')
  asVersion(set.version)
  for (const [i, edge] of set.edges.entries()) {
    try {
      check(edge)
      if (edge.source !== set.source) throw invalid('source', 'must be the source of its set')
    } catch (error) {
      if (!VeritasError.is(error, 'VALIDATION')) throw error
      const at = `edges[${i}].`
      throw new VeritasError({ code: 'VALIDATION', path: at + (error.path ?? ''), message: at + error.message })
    }
  }
}

/** What holds for a row in every store; without columns, only what holds for every table. @throws VeritasError VALIDATION */
export function checkRow(row: RowRecord, columns?: Readonly<Record<string, Pick<ColumnDefinition, 'type'>>>): void {
  checkHead(row)
  checkMetadata(row.values, 'values')
  if (!columns) return
  for (const name of Object.keys(row.values)) {
    const value = row.values[name]
    const column = Object.hasOwn(columns, name) ? columns[name] : undefined
    if (!column) throw invalid(`values.${name}`, 'is no declared column')
    if (value !== null && value !== undefined && !fits(value, column.type))
      throw invalid(`values.${name}`, `needs a ${column.type}, got ${typeName(value)}`)
  }
}

function checkHead(record: { readonly key: string; readonly documentId: string; readonly version: string }): void {
  asKey(record.key)
  asVersion(record.version)
  checkId(record.documentId, 'documentId')
}

function checkOrdinal(ordinal: number): void {
  if (!Number.isSafeInteger(ordinal) || ordinal < 0 || ordinal > MAX_ORDINAL)
    throw invalid('ordinal', `needs a whole number from 0 to ${MAX_ORDINAL}`)
}

function fits(value: MetadataValue, type: FieldType): boolean {
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

/** What `check` of a role answers: the first mistake of each record. `offset` is the first record's place. */
export function issuesOf<R>(records: readonly R[], check: (record: R) => void, offset = 0): RecordIssue[] {
  const issues: RecordIssue[] = []
  for (const [i, record] of records.entries()) {
    try {
      check(record)
    } catch (error) {
      if (!VeritasError.is(error, 'VALIDATION')) throw error
      issues.push({ index: i + offset, path: error.path ?? '', message: error.message })
    }
  }
  return issues
}

/** Refuses a batch for its first mistake, before anything is written. @throws VeritasError VALIDATION that says which record, where and why */
export function refuseMistakes<R>(records: readonly R[], check: (record: R) => void): void {
  for (const [i, record] of records.entries()) {
    try {
      check(record)
    } catch (error) {
      throw ofRecord(error, i, records.length)
    }
  }
}

/** All records as a store takes them, for checks that encode as they go; refuses the batch as `refuseMistakes` does. */
export function prepareRecords<R, T>(records: readonly R[], prepare: (record: R) => T): T[] {
  return records.map((record, i) => {
    try {
      return prepare(record)
    } catch (error) {
      throw ofRecord(error, i, records.length)
    }
  })
}

/** Says which record of several it was. */
function ofRecord(error: unknown, index: number, count: number): unknown {
  if (!VeritasError.is(error, 'VALIDATION') || count === 1) return error
  return VeritasError.from(error, {}, `record ${index}: ${error.message}`)
}

/** Checks the dimensions of a collection. @throws VeritasError VALIDATION where they are no whole number from 1 to `most` */
export function checkDimensions(dimensions: unknown, most: number): void {
  if (typeof dimensions !== 'number' || !Number.isSafeInteger(dimensions) || dimensions < 1 || dimensions > most)
    throw invalid('dimensions', `needs a whole number from 1 to ${most}, got ${dimensions}`)
}

/** Checks a count such as `limit` or `topK`. @throws VeritasError VALIDATION where it is no whole number from `least` to `most` */
export function checkLimit(
  limit: unknown,
  path: string,
  most: number = Number.MAX_SAFE_INTEGER,
  least: 0 | 1 = 0,
): void {
  if (typeof limit !== 'number' || !Number.isSafeInteger(limit) || limit < least)
    throw invalid(path, `needs a whole number of at least ${least}`)
  if (limit > most) throw invalid(path, `is at most ${most}`)
}
