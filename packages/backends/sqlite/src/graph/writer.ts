import type { StatementSync } from 'node:sqlite'
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

/** The statements of a graph's writes, prepared once a transaction: looking one up by its text costs as much as a row. */
const statementsOf = (session: Session, { nodes, edges, types, text }: GraphTables) => {
  const edge = 'source = ? AND type = ? AND target = ? AND ordinal = ?'
  return {
    insertNode: session.prepare(
      `INSERT INTO ${nodes} (key, document_id, version, label, placeholder, properties) VALUES (?, ?, ?, ?, ?, jsonb(?))`,
    ),
    findNode: session.prepare(`SELECT id, version FROM ${nodes} WHERE key = ?`),
    findNodes: session.prepare(
      `SELECT n.key, n.id, n.version FROM json_each(?) j CROSS JOIN ${nodes} n ON n.key = j.value`,
    ),
    updateNode: session.prepare(
      `UPDATE ${nodes} SET document_id = ?, version = ?, label = ?, placeholder = ?, properties = jsonb(?) WHERE id = ?`,
    ),
    deleteNode: session.prepare(`DELETE FROM ${nodes} WHERE id = ?`),
    insertText: session.prepare(`INSERT INTO ${text} (rowid, text) VALUES (?, ?)`),
    deleteText: session.prepare(`DELETE FROM ${text} WHERE rowid = ?`),
    putEdge: session.prepare(
      `INSERT OR REPLACE INTO ${edges} (source, type, target, ordinal, version, properties)
       VALUES (?, ?, ?, ?, ?, jsonb(?))`,
    ),
    findEdge: session.prepare(`SELECT version FROM ${edges} WHERE ${edge}`),
    deleteEdge: session.prepare(`DELETE FROM ${edges} WHERE ${edge}`),
    newestEdges: session.prepare(
      `SELECT max(v) AS version FROM (SELECT edges_version AS v FROM ${nodes} WHERE id = ?
       UNION ALL SELECT max(version) FROM ${edges} WHERE source = ?)`,
    ),
    deleteOutgoing: session.prepare(`DELETE FROM ${edges} WHERE source = ?`),
    deleteIncoming: session.prepare(`DELETE FROM ${edges} WHERE target = ?`),
    setEdgesVersion: session.prepare(`UPDATE ${nodes} SET edges_version = ? WHERE id = ?`),
    findType: session.prepare(`SELECT id FROM ${types} WHERE name = ?`),
    insertType: session.prepare(`INSERT INTO ${types} (name) VALUES (?) ON CONFLICT DO NOTHING`),
  } satisfies Record<string, StatementSync>
}

/** Most nodes that a writer remembers from one transaction to the next. */
const maxRemembered = 50_000

/** Writes nodes and edges of one graph, for as long as nobody else writes to the file and nothing is rolled back. */
export class GraphWriter {
  /** The session's epoch that this belongs to. */
  readonly epoch: number
  readonly #sql: ReturnType<typeof statementsOf>
  readonly #textFields: readonly string[]
  /** Which nodes are there, of those looked up. */
  readonly #nodes = new Map<Key, { readonly id: number; version: string } | undefined>()
  /** Nodes made by this writer that have no outgoing edges yet. */
  readonly #bare = new Set<number>()
  readonly #types = new Map<string, number>()

  constructor(session: Session, space: GraphSpace) {
    this.epoch = session.epoch
    this.#sql = statementsOf(session, graphTables(space))
    this.#textFields = space.definition.textFields
  }

  /** Whether the graph's definition is still the one this was made for. */
  fits(space: GraphSpace): boolean {
    return this.#textFields.join('\n') === space.definition.textFields.join('\n')
  }

  /** Makes room for what the next transaction looks up. */
  trim(): void {
    if (this.#nodes.size < maxRemembered) return
    this.#nodes.clear()
    this.#bare.clear()
  }

  /** Looks up at once which of the nodes are there, before a batch asks for them one by one. */
  expect(keys: Iterable<Key>): void {
    const unknown: Key[] = []
    for (const key of keys) {
      if (this.#nodes.has(key)) continue
      this.#nodes.set(key, undefined)
      unknown.push(key)
    }
    if (unknown.length === 0) return
    for (const { key, id, version } of this.#sql.findNodes.all(JSON.stringify(unknown)))
      this.#nodes.set(key as Key, { id: id as number, version: version as string })
  }

  /** Writes a whole node; its edges stay. It has been checked. */
  writeNode(node: NodeRecord, mode: UpsertMode): Outcome {
    const { key, documentId, version, label } = node
    const there = this.#nodeOf(key)
    if (there && (mode === 'ifAbsent' || (mode === 'ifNewer' && there.version > version))) return STALE
    const placeholder = Number(node.placeholder)
    const properties = encodeJson(node.properties)
    const words = this.#textFields.length > 0 ? textOf(node.properties, this.#textFields) : null
    if (!there) {
      const inserted = this.#sql.insertNode.run(key, documentId, version, label, placeholder, properties)
      const id = Number(inserted.lastInsertRowid)
      this.#nodes.set(key, { id, version })
      this.#bare.add(id)
      if (words !== null) this.#sql.insertText.run(id, words)
      return APPLIED
    }
    this.#sql.updateNode.run(documentId, version, label, placeholder, properties, there.id)
    there.version = version
    if (this.#textFields.length > 0) {
      this.#sql.deleteText.run(there.id)
      if (words !== null) this.#sql.insertText.run(there.id, words)
    }
    return APPLIED
  }

  /** Writes a whole edge between nodes that are there. It has been checked. */
  writeEdge(edge: EdgeRecord, mode: UpsertMode): Outcome {
    const source = this.#nodeOf(edge.source)?.id
    const target = this.#nodeOf(edge.target)?.id
    if (source === undefined || target === undefined) return endMissing(edge, source === undefined)
    const type = this.#typeOf(edge.type)
    if (mode !== 'replace') {
      const there = this.#sql.findEdge.get(source, type, target, edge.ordinal)
      if (there && (mode === 'ifAbsent' || (there.version as string) > edge.version)) return STALE
    }
    this.#putEdge(edge, source, type, target, edge.version)
    return APPLIED
  }

  /** Makes a set the source's only outgoing edges, with its version. It has been checked. */
  replaceEdges({ source, version, edges }: EdgeSet): Outcome {
    const id = this.#nodeOf(source)?.id
    if (id === undefined) return failed(`The node ${source}`)
    const newest = this.#bare.has(id) ? null : (this.#sql.newestEdges.get(id, id)?.version as Version | null)
    if (newest !== null && newest > version) return STALE
    const targets: number[] = []
    for (const edge of edges) {
      const target = this.#nodeOf(edge.target)?.id
      if (target === undefined) return endMissing(edge, false)
      targets.push(target)
    }
    if (newest !== null) this.#sql.deleteOutgoing.run(id)
    // The edges carry the version of their set; an empty one leaves it with the node.
    if (edges.length === 0) {
      this.#sql.setEdgesVersion.run(version, id)
      this.#bare.delete(id)
    }
    edges.forEach((edge, i) => {
      this.#putEdge(edge, id, this.#typeOf(edge.type), targets[i] as number, version)
    })
    return APPLIED
  }

  /** Deletes a node and every edge that touches it, unless its version is not below the given one; says whether it did. */
  removeNode(key: Key, versionBelow: Version | undefined): boolean {
    const there = this.#nodeOf(key)
    if (!there || (versionBelow !== undefined && there.version >= versionBelow)) return false
    this.#sql.deleteOutgoing.run(there.id)
    this.#sql.deleteIncoming.run(there.id)
    this.#sql.deleteNode.run(there.id)
    if (this.#textFields.length > 0) this.#sql.deleteText.run(there.id)
    this.#nodes.set(key, undefined)
    this.#bare.delete(there.id)
    return true
  }

  /** Deletes one edge; says whether it was there. */
  removeEdge(edge: Pick<EdgeRecord, 'source' | 'target' | 'type' | 'ordinal'>): boolean {
    const source = this.#nodeOf(edge.source)?.id
    const target = this.#nodeOf(edge.target)?.id
    const type = this.#sql.findType.get(edge.type)?.id as number | undefined
    if (source === undefined || target === undefined || type === undefined) return false
    return Number(this.#sql.deleteEdge.run(source, type, target, edge.ordinal).changes) > 0
  }

  #putEdge(edge: EdgeRecord, source: number, type: number, target: number, version: Version): void {
    // Most edges have no properties: null takes less room than an empty object.
    const properties = Object.keys(edge.properties).length === 0 ? null : encodeJson(edge.properties)
    this.#sql.putEdge.run(source, type, target, edge.ordinal, version, properties)
    this.#bare.delete(source)
  }

  #nodeOf(key: Key): { readonly id: number; version: string } | undefined {
    if (this.#nodes.has(key)) return this.#nodes.get(key)
    const row = this.#sql.findNode.get(key) as { id: number; version: string } | undefined
    this.#nodes.set(key, row)
    return row
  }

  #typeOf(name: string): number {
    const known = this.#types.get(name)
    if (known !== undefined) return known
    this.#sql.insertType.run(name)
    const id = this.#sql.findType.get(name)?.id as number
    this.#types.set(name, id)
    return id
  }
}

const failed = (what: string): Outcome => ({ status: 'failed', error: missing(what, 'upsertNodes') })

const endMissing = (edge: EdgeRecord, isSource: boolean): Outcome =>
  failed(isSource ? `The source ${edge.source} of the edge` : `The target ${edge.target} of the edge`)

const writers = new WeakMap<Session, Map<number, GraphWriter>>()
const maxWriters = 16

/** The writer of a graph in a transaction. */
export const graphWriter = (transaction: Transaction, space: GraphSpace): GraphWriter =>
  transaction.state(`graph ${space.id}`, () => {
    const { session } = transaction
    const known = writers.get(session) ?? new Map<number, GraphWriter>()
    writers.set(session, known)
    let writer = known.get(space.id)
    if (writer?.epoch !== session.epoch || !writer.fits(space)) {
      if (known.size >= maxWriters) known.clear()
      writer = new GraphWriter(session, space)
      known.set(space.id, writer)
    }
    writer.trim()
    return writer
  })
