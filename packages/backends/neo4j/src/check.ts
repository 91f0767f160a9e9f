import {
  asKey,
  asVersion,
  type CollectionDefinition,
  checkId,
  checkMetadata,
  checkName,
  checkString,
  checkVector,
  type EdgeRecord,
  invalid,
  type NodeRecord,
  type RecordIssue,
  type VectorRecord,
  VeritasError,
} from '@veritas-db/core/contract'
import { isReservedLabel } from './cypher.js'

/** Whether a vector has a length that is neither zero nor beyond single precision: the index takes no other under cosine. */
export const hasDirection = (vector: Float32Array): boolean => {
  let squares = 0
  for (const x of vector) squares += x * x
  const single = Math.fround(squares)
  return single > 0 && Number.isFinite(single)
}

/** The largest ordinal that identifies a record. */
export const MAX_ORDINAL = 4_294_967_295

/** What each of the checks refuses of the record with this number. */
const issues = (index: number, ...checks: readonly (() => void)[]): RecordIssue[] =>
  checks.flatMap((check) => {
    try {
      check()
      return []
    } catch (error) {
      if (!VeritasError.is(error, 'VALIDATION')) throw error
      return [{ index, path: error.path ?? '', message: error.message }]
    }
  })

export const checkOrdinal = (ordinal: unknown): void => {
  if (!Number.isInteger(ordinal) || (ordinal as number) < 0 || (ordinal as number) > MAX_ORDINAL)
    throw invalid('ordinal', `needs a whole number from 0 to ${MAX_ORDINAL}`)
}

export const checkNode = (node: NodeRecord, index: number, prefix: string): RecordIssue[] =>
  issues(
    index,
    () => asKey(node.key),
    () => asVersion(node.version),
    () => checkId(node.documentId, 'documentId'),
    () => {
      checkName(node.label, 'label')
      if (isReservedLabel(prefix, node.label))
        throw invalid('label', `${node.label} is reserved: labels that start like this one tell collections apart`)
    },
    () => checkMetadata(node.properties, 'properties'),
  )

export const checkEdge = (edge: EdgeRecord, index: number): RecordIssue[] =>
  issues(
    index,
    () => asKey(edge.source, 'source'),
    () => asKey(edge.target, 'target'),
    () => checkName(edge.type, 'type'),
    () => checkOrdinal(edge.ordinal),
    () => asVersion(edge.version),
    () => checkMetadata(edge.properties, 'properties'),
  )

export const checkVectorRecord = (
  record: VectorRecord,
  index: number,
  definition: CollectionDefinition | undefined,
): RecordIssue[] =>
  issues(
    index,
    () => asKey(record.key),
    () => asVersion(record.version),
    () => checkId(record.documentId, 'documentId'),
    () => checkOrdinal(record.ordinal),
    () => {
      checkVector(record.vector, definition?.dimensions)
      if (definition?.metric === 'cosine' && !hasDirection(record.vector))
        throw invalid('vector', 'has no direction (it is zero, or beyond single precision): cosine compares directions')
    },
    () => {
      if (record.text === undefined) return
      if (typeof record.text !== 'string') throw invalid('text', 'needs a string')
      checkString(record.text, 'text')
    },
    () => checkMetadata(record.metadata),
  )

/** Throws the first issue. @throws VeritasError VALIDATION */
export const refuseIssues = (found: readonly RecordIssue[], what: string): void => {
  const [issue] = found
  if (issue)
    throw new VeritasError({
      code: 'VALIDATION',
      path: `${what}[${issue.index}].${issue.path}`,
      message: `${what}[${issue.index}].${issue.message}`,
    })
}
