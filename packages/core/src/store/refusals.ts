import { VeritasError } from '../contract/errors.js'
import type { RoleTypes } from '../contract/plugin.js'
import type { RecordIssue } from '../contract/records.js'
import type { Projection } from '../documents/project.js'

/** What any store would refuse of a batch, before anything is written: the first reason by the document's place. Pure. */
export function findRefusals(
  roles: Partial<RoleTypes>,
  projections: readonly Projection[],
): ReadonlyMap<number, VeritasError> {
  const refusals = new Map<number, VeritasError>()
  const note = (document: number | undefined, issue: RecordIssue): void => {
    if (document === undefined || refusals.has(document)) return
    refusals.set(document, new VeritasError({ code: 'VALIDATION', path: issue.path, message: issue.message }))
  }
  const flat = <T>(recordsOf: (projection: Projection) => readonly T[]): { records: T[]; owners: number[] } => {
    const records: T[] = []
    const owners: number[] = []
    for (const [i, projection] of projections.entries())
      for (const record of recordsOf(projection)) {
        records.push(record)
        owners.push(i)
      }
    return { records, owners }
  }
  for (const issue of roles.relational?.check(projections.map((p) => p.row)) ?? []) note(issue.index, issue)
  const vectors = flat((p) => p.vectors)
  for (const issue of roles.vector?.check(vectors.records) ?? []) note(vectors.owners[issue.index], issue)
  const nodes = flat((p) => [p.node, ...p.placeholders])
  const edges = flat((p) => p.edges.edges)
  const owners = [...nodes.owners, ...edges.owners]
  for (const issue of roles.graph?.check(nodes.records, edges.records) ?? []) note(owners[issue.index], issue)
  return refusals
}
