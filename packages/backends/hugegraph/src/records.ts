import {
  APPLIED,
  asKey,
  asVersion,
  checkId,
  checkMetadata,
  checkName,
  decodeMetadata,
  type EdgeRecord,
  encodeMetadata,
  invalid,
  type NodeRecord,
  type Outcome,
  type RecordIssue,
  STALE,
  VeritasError,
} from '@veritas-db/core/contract'
import { backendName } from './errors.js'

/** Key, document, version, label, placeholder, properties. */
export type NodeRow = readonly [string, string, string, string, boolean, string]
/** Source, target, type, ordinal, version, properties. */
export type EdgeRow = readonly [string, string, string, number, string, string]

/** The most that one record may take, in bytes: what is handed over to a script is one property of a vertex. */
const MAX_RECORD_BYTES = 16 * 1024 * 1024

export const toNodeRow = ({ key, documentId, version, label, placeholder, properties }: NodeRecord): NodeRow => [
  ...([key, documentId, version, label] as const),
  placeholder,
  encodeMetadata(properties),
]

export const toEdgeRow = ({ source, target, type, ordinal, version, properties }: EdgeRecord): EdgeRow => [
  ...([source, target, type, ordinal, version] as const),
  encodeMetadata(properties),
]

export const toNode = ([key, documentId, version, label, placeholder, properties]: NodeRow): NodeRecord => ({
  key: asKey(key),
  documentId,
  version: asVersion(version),
  label,
  placeholder,
  properties: decodeMetadata(properties),
})

export const toEdge = ([source, target, type, ordinal, version, properties]: EdgeRow): EdgeRecord => ({
  source: asKey(source),
  target: asKey(target),
  type,
  ordinal,
  version: asVersion(version),
  properties: decodeMetadata(properties),
})

/** What a row takes in a request, about. */
export const rowBytes = (row: NodeRow | EdgeRow): number =>
  120 + Buffer.byteLength(row[5]) + (typeof row[1] === 'string' ? Buffer.byteLength(row[1]) : 0)

/** What a script answers of a record, as an outcome. */
export const toOutcome = (answer: unknown, what: string): Outcome => {
  if (answer === 1) return APPLIED
  if (answer === 0) return STALE
  return {
    status: 'failed',
    error: new VeritasError({
      code: 'NOT_FOUND',
      backend: backendName,
      role: 'graph',
      message: `${what}: its source or a target is not there.`,
    }),
  }
}

const issuesOf = (index: number, ...checks: readonly (() => void)[]): RecordIssue[] =>
  checks.flatMap((check) => {
    try {
      check()
      return []
    } catch (error) {
      if (!VeritasError.is(error, 'VALIDATION')) throw error
      return [{ index, path: error.path ?? '', message: error.message }]
    }
  })

const checkSize = (bytes: number): void => {
  if (bytes > MAX_RECORD_BYTES)
    throw invalid('properties', `the record takes ${bytes} bytes, and may take ${MAX_RECORD_BYTES} at most`)
}

/** What is wrong with nodes and edges, which are numbered after them. Pure. */
export const check = (nodes: readonly NodeRecord[], edges: readonly EdgeRecord[]): RecordIssue[] => [
  ...nodes.flatMap((node, i) => {
    const issues = issuesOf(
      i,
      () => asKey(node.key),
      () => asVersion(node.version),
      () => checkId(node.documentId, 'documentId'),
      () => checkName(node.label, 'label'),
      () => checkMetadata(node.properties, 'properties'),
    )
    return issues.length > 0 ? issues : issuesOf(i, () => checkSize(rowBytes(toNodeRow(node))))
  }),
  ...edges.flatMap((edge, i) => {
    const index = nodes.length + i
    const issues = issuesOf(
      index,
      () => asKey(edge.source, 'source'),
      () => asKey(edge.target, 'target'),
      () => checkName(edge.type, 'type'),
      () => {
        if (!Number.isSafeInteger(edge.ordinal) || edge.ordinal < 0)
          throw invalid('ordinal', 'needs a whole number of at least 0')
      },
      () => asVersion(edge.version),
      () => checkMetadata(edge.properties, 'properties'),
    )
    return issues.length > 0 ? issues : issuesOf(index, () => checkSize(rowBytes(toEdgeRow(edge))))
  }),
]

/** Throws the first issue. @throws VeritasError VALIDATION */
export const refuseIssues = (issues: readonly RecordIssue[], what: string): void => {
  const [issue] = issues
  if (issue)
    throw new VeritasError({
      code: 'VALIDATION',
      path: `${what}[${issue.index}].${issue.path}`,
      message: `${what}[${issue.index}].${issue.message}`,
    })
}
