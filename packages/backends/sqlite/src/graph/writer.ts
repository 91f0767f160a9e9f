import {
  APPLIED,
  type EdgeRecord,
  type EdgeSet,
  type Key,
  type Metadata,
  type NodeRecord,
  type Outcome,
  STALE,
  type UpsertMode,
  type Version,
  valueAt,
} from '@veritas-db/core/contract'
import { missing } from '../errors.js'
import { encodeJson } from '../json.js'
import type { Session, Transaction } from '../session.js'
import { type GraphSpace, type GraphTables, graphTables } from './store.js'

/** The text of a node that is searched: its text fields, those of arrays too; null where there is none. */
export const textOf = (properties: Metadata, textFields: readonly string[]): string | null => {
  const parts = textFields.flatMap((path) => {
    const value = valueAt(properties, path)
    return typeof value === 'string' ? [value] : Array.isArray(value) ? value.filter((v) => typeof v === 'string') : []
  })
  return parts.length === 0 ? null : parts.join('\n')
}

/** Writes nodes and edges of one graph in one transaction. */
export class GraphWriter {
  readonly #session: Session
  readonly #tables: GraphTables
  readonly #textFields: readonly string[]
  /** Numbers of nodes that are there; for as long as the transaction, nobody else changes them. */
  readonly #ids = new Map<Key, number>()
  readonly #types = new Map<string, number>()

  constructor(transaction: Transaction, space: GraphSpace) {
    this.#session = transaction.session
    this.#tables = graphTables(space)
    this.#textFields = space.definition.textFields
    transaction.onRollback(() => {
      this.#ids.clear()
      this.#types.clear()
    })
  }

  /** Writes a whole node; its edges stay. It has been checked. */
  writeNode(node: NodeRecord, mode: UpsertMode): Outcome {
    const { nodes, text } = this.#tables
    const { key, documentId, version, label, placeholder } = node
    const properties = encodeJson(node.properties)
    const words = textOf(node.properties, this.#textFields)
    const inserted = this.#session
      .prepare(
        `INSERT INTO ${nodes} (key, document_id, version, label, placeholder, properties) VALUES (?, ?, ?, ?, ?, jsonb(?))
       ON CONFLICT (key) DO NOTHING`,
      )
      .run(key, documentId, version, label, Number(placeholder), properties)
    if (inserted.changes) {
      const id = Number(inserted.lastInsertRowid)
      this.#ids.set(key, id)
      if (words !== null) this.#session.run(`INSERT INTO ${text} (rowid, text) VALUES (?, ?)`, id, words)
      return APPLIED
    }
    if (mode === 'ifAbsent') return STALE
    const there = this.#session.get(`SELECT id, version FROM ${nodes} WHERE key = ?`, key) as {
      id: number
      version: string
    }
    if (mode === 'ifNewer' && there.version > version) return STALE
    this.#session.run(
      `UPDATE ${nodes} SET document_id = ?, version = ?, label = ?, placeholder = ?, properties = jsonb(?) WHERE id = ?`,
      documentId,
      version,
      label,
      Number(placeholder),
      properties,
      there.id,
    )
    if (this.#textFields.length > 0) {
      this.#session.run(`DELETE FROM ${text} WHERE rowid = ?`, there.id)
      if (words !== null) this.#session.run(`INSERT INTO ${text} (rowid, text) VALUES (?, ?)`, there.id, words)
    }
    return APPLIED
  }

  /** Writes a whole edge between nodes that are there. It has been checked. */
  writeEdge(edge: EdgeRecord, mode: UpsertMode): Outcome {
    const source = this.#idOf(edge.source)
    const target = this.#idOf(edge.target)
    if (source === undefined || target === undefined) return endMissing(edge, source === undefined)
    const type = this.#typeOf(edge.type)
    const { edges } = this.#tables
    if (mode !== 'replace') {
      const there = this.#session.get(
        `SELECT version FROM ${edges} WHERE source = ? AND type = ? AND target = ? AND ordinal = ?`,
        source,
        type,
        target,
        edge.ordinal,
      )
      if (there && (mode === 'ifAbsent' || (there.version as string) > edge.version)) return STALE
    }
    this.#putEdge(edge, source, type, target)
    return APPLIED
  }

  /** Makes a set the source's only outgoing edges. It has been checked. */
  replaceEdges({ source, version, edges: wanted }: EdgeSet): Outcome {
    const { nodes, edges } = this.#tables
    const id = this.#idOf(source)
    if (id === undefined) return failed(`The node ${source}`)
    const newest = this.#session.get(
      `SELECT max(v) AS version FROM (SELECT edges_version AS v FROM ${nodes} WHERE id = ?1
       UNION ALL SELECT max(version) FROM ${edges} WHERE source = ?1)`,
      id,
    )?.version as Version | null
    if (newest !== null && newest > version) return STALE
    const targets: number[] = []
    for (const edge of wanted) {
      const target = this.#idOf(edge.target)
      if (target === undefined) return endMissing(edge, false)
      targets.push(target)
    }
    if (newest !== null) this.#session.run(`DELETE FROM ${edges} WHERE source = ?`, id)
    this.#session.run(`UPDATE ${nodes} SET edges_version = ? WHERE id = ?`, version, id)
    wanted.forEach((edge, i) => {
      this.#putEdge(edge, id, this.#typeOf(edge.type), targets[i] as number)
    })
    return APPLIED
  }

  /** Deletes a node and every edge that touches it, unless its version is not below the given one; says whether it did. */
  removeNode(key: Key, versionBelow: Version | undefined): boolean {
    const { nodes, edges, text } = this.#tables
    const there = this.#session.get(`SELECT id, version FROM ${nodes} WHERE key = ?`, key) as
      | { id: number; version: string }
      | undefined
    if (!there || (versionBelow !== undefined && there.version >= versionBelow)) return false
    this.#session.run(`DELETE FROM ${edges} WHERE source = ?`, there.id)
    this.#session.run(`DELETE FROM ${edges} WHERE target = ?`, there.id)
    this.#session.run(`DELETE FROM ${nodes} WHERE id = ?`, there.id)
    if (this.#textFields.length > 0) this.#session.run(`DELETE FROM ${text} WHERE rowid = ?`, there.id)
    this.#ids.delete(key)
    return true
  }

  /** Deletes one edge; says whether it was there. */
  removeEdge(edge: Pick<EdgeRecord, 'source' | 'target' | 'type' | 'ordinal'>): boolean {
    const { nodes, edges, types } = this.#tables
    return (
      this.#session.run(
        `DELETE FROM ${edges} WHERE source = (SELECT id FROM ${nodes} WHERE key = ?) AND type = (SELECT id FROM ${types} WHERE name = ?)
         AND target = (SELECT id FROM ${nodes} WHERE key = ?) AND ordinal = ?`,
        edge.source,
        edge.type,
        edge.target,
        edge.ordinal,
      ) > 0
    )
  }

  #putEdge(edge: EdgeRecord, source: number, type: number, target: number): void {
    // Most edges have no properties: null takes less room than an empty object.
    const properties = Object.keys(edge.properties).length === 0 ? null : encodeJson(edge.properties)
    this.#session.run(
      `INSERT OR REPLACE INTO ${this.#tables.edges} (source, type, target, ordinal, version, properties)
       VALUES (?, ?, ?, ?, ?, jsonb(?))`,
      source,
      type,
      target,
      edge.ordinal,
      edge.version,
      properties,
    )
  }

  #idOf(key: Key): number | undefined {
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    const row = this.#session.get(`SELECT id FROM ${this.#tables.nodes} WHERE key = ?`, key)
    if (row) this.#ids.set(key, row.id as number)
    return row?.id as number | undefined
  }

  #typeOf(name: string): number {
    const known = this.#types.get(name)
    if (known !== undefined) return known
    const { types } = this.#tables
    this.#session.run(`INSERT INTO ${types} (name) VALUES (?) ON CONFLICT DO NOTHING`, name)
    const id = this.#session.get(`SELECT id FROM ${types} WHERE name = ?`, name)?.id as number
    this.#types.set(name, id)
    return id
  }
}

const failed = (what: string): Outcome => ({ status: 'failed', error: missing(what, 'upsertNodes') })

const endMissing = (edge: EdgeRecord, isSource: boolean): Outcome =>
  failed(isSource ? `The source ${edge.source} of the edge` : `The target ${edge.target} of the edge`)

/** The writer of a graph in a transaction. */
export const graphWriter = (transaction: Transaction, space: GraphSpace): GraphWriter =>
  transaction.state(`graph ${space.id}`, () => new GraphWriter(transaction, space))
