import type { RoleCapabilities, UpsertMode } from '../contract/capabilities.js'
import type { RoleName } from '../contract/errors.js'
import type { RoleTypes } from '../contract/plugin.js'
import type { NodeRecord, Outcome } from '../contract/records.js'
import type { Scope, Version } from '../contract/values.js'
import { DOCUMENT_TABLE, type Projection } from '../documents/project.js'

/** What a leg needs of a document: everything of a stored one; no vectors and no placeholders of a deleted one. */
export type LegInput = Pick<Projection, 'node' | 'edges' | 'row'> &
  Partial<Pick<Projection, 'vectors' | 'placeholders'>> & {
    readonly version: Version
    /** Whether an earlier version may have left records that this one does not replace. */
    readonly existed: boolean
  }

/** Writes one leg of a batch of documents; one outcome a document. */
export type LegWriter = (
  roles: Partial<RoleTypes>,
  scope: Scope,
  inputs: readonly LegInput[],
  signal: AbortSignal | undefined,
) => Promise<readonly Outcome[]>

export const LEG_WRITERS: Readonly<Record<RoleName, LegWriter>> = {
  relational: async ({ relational }, scope, inputs, signal) => {
    if (!relational) return []
    const { outcomes } = await relational.upsert({
      scope,
      table: DOCUMENT_TABLE,
      records: inputs.map((i) => i.row),
      mode: modeOf(relational.capabilities),
      ...(signal && { signal }),
    })
    return outcomes
  },

  graph: async ({ graph }, scope, inputs, signal) => {
    if (!graph) return []
    const common = signal ? { scope, signal } : { scope }
    // Nodes first, then the placeholders of targets that are still missing, then edges between what is now there.
    const { outcomes } = await graph.upsertNodes({
      ...common,
      nodes: inputs.map((i) => i.node),
      mode: modeOf(graph.capabilities),
    })
    const placeholders = uniquePlaceholders(inputs)
    const missing =
      placeholders.length > 0
        ? await graph.upsertNodes({ ...common, nodes: placeholders, mode: 'ifAbsent' })
        : undefined
    const failed = missing?.outcomes.find((o) => o.status === 'failed')
    if (failed?.status === 'failed') throw failed.error
    // A new document without references has no edges to replace.
    const withEdges = inputs.filter((i) => i.existed || i.edges.edges.length > 0)
    if (withEdges.length === 0) return outcomes
    const replaced = await graph.replaceEdges({ ...common, sets: withEdges.map((i) => i.edges) })
    const edgeOutcome = new Map(withEdges.map((input, i) => [input, replaced.outcomes[i]]))
    return inputs.map((input, i) => worse(outcomes[i], edgeOutcome.get(input)))
  },

  vector: async ({ vector }, scope, inputs, signal) => {
    if (!vector) return []
    const common = signal ? { scope, signal } : { scope }
    const records = inputs.flatMap((i) => i.vectors ?? [])
    const written =
      records.length > 0
        ? (await vector.upsert({ ...common, records, mode: modeOf(vector.capabilities) })).outcomes
        : []
    // What the new version did not replace goes only after it is there: a reader always finds one of the two.
    const older = inputs.filter((i) => i.existed).map((i) => ({ key: i.row.key, versionBelow: i.version }))
    if (older.length > 0) await vector.deleteByDocument({ ...common, documents: older })
    let at = 0
    return inputs.map((input) => {
      const own = written.slice(at, at + (input.vectors?.length ?? 0))
      at += own.length
      return own.reduce<Outcome>((all, one) => worse(all, one), { status: 'applied' })
    })
  },
}

/** Versions are compared wherever the store can; where record ids contain the version there is nothing to compare. */
export function modeOf(capabilities: RoleCapabilities): UpsertMode {
  return capabilities.upsertModes.includes('ifNewer') ? 'ifNewer' : 'replace'
}

function uniquePlaceholders(inputs: readonly LegInput[]): NodeRecord[] {
  const own = new Set(inputs.map((i) => i.node.key))
  const unique = new Map<string, NodeRecord>()
  for (const input of inputs)
    for (const node of input.placeholders ?? []) if (!own.has(node.key)) unique.set(node.key, node)
  return [...unique.values()]
}

const RANK = { applied: 0, stale: 1, failed: 2 } as const

function worse(a: Outcome | undefined, b: Outcome | undefined): Outcome {
  if (!a || !b) return a ?? b ?? { status: 'applied' }
  return RANK[b.status] > RANK[a.status] ? b : a
}
