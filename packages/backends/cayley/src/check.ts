import {
  asKey,
  asVersion,
  checkId,
  checkMetadata,
  checkName,
  type EdgeRecord,
  invalid,
  type NodeRecord,
  type RecordIssue,
  VeritasError,
} from '@veritas-db/core/contract'

/** The largest ordinal of an edge: ten digits of its name. */
export const MAX_ORDINAL = 9_999_999_999

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

const checkOrdinal = (ordinal: unknown): void => {
  if (!Number.isInteger(ordinal) || (ordinal as number) < 0 || (ordinal as number) > MAX_ORDINAL)
    throw invalid('ordinal', `needs a whole number from 0 to ${MAX_ORDINAL}`)
}

export const checkNode = (node: NodeRecord, index: number): RecordIssue[] =>
  issues(
    index,
    () => asKey(node.key),
    () => asVersion(node.version),
    () => checkId(node.documentId, 'documentId'),
    () => checkName(node.label, 'label'),
    () => {
      if (typeof node.placeholder !== 'boolean') throw invalid('placeholder', 'needs true or false')
    },
    () => checkMetadata(node.properties, 'properties'),
  )

/** What identifies an edge, which becomes part of names. @throws VeritasError VALIDATION */
export const checkEdgeIdentity = (edge: Pick<EdgeRecord, 'source' | 'target' | 'type' | 'ordinal'>): void => {
  asKey(edge.source, 'source')
  asKey(edge.target, 'target')
  checkName(edge.type, 'type')
  checkOrdinal(edge.ordinal)
}

export const checkEdge = (edge: EdgeRecord, index: number): RecordIssue[] =>
  issues(
    index,
    () => checkEdgeIdentity(edge),
    () => asVersion(edge.version),
    () => checkMetadata(edge.properties, 'properties'),
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
