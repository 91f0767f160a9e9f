import type { EdgeRecord, GraphSchema, Key, Metadata, NodeRecord, Scope, Version } from '@veritas-db/core/contract'
import { addTypedPaths, type TypedPath } from '../fields.js'
import { decodeJson } from '../json.js'
import { findSpace, removeSpace, type Space, saveSpace } from '../schema.js'
import type { Session, SqlRow } from '../session.js'
import { tokenizer } from '../text.js'

/** What the catalogue keeps of a graph. */
export interface GraphDefinition {
  readonly paths: Readonly<Record<string, TypedPath>>
  /** Dotted paths of the properties whose text is searched. */
  readonly textFields: readonly string[]
}

export type GraphSpace = Space<GraphDefinition>

/** The tables of a graph. Edges name their ends by the nodes' numbers, so that a walk never compares keys. */
export interface GraphTables {
  /** id, key, document_id, version, label, placeholder, edges_version, properties */
  readonly nodes: string
  /** source, type, target, ordinal, version, properties; the types are in `types` */
  readonly edges: string
  readonly types: string
  /** The full text of the nodes, by id: one column for all text fields. */
  readonly text: string
}

export const graphTables = (space: Space<unknown>): GraphTables => ({
  nodes: `n${space.id}`,
  edges: `n${space.id}_edges`,
  types: `n${space.id}_types`,
  text: `n${space.id}_text`,
})

export const findGraph = (session: Session, scope: Scope): GraphSpace | undefined =>
  findSpace<GraphDefinition>(session, 'graph', scope)

/** Whether a graph is there already, with all that the schema asks for. */
export const isEnsured = (space: GraphSpace | undefined, { fields = {}, textFields = [] }: GraphSchema): boolean =>
  space !== undefined &&
  Object.keys(fields).every((path) => Object.hasOwn(space.definition.paths, path)) &&
  textFields.every((path) => space.definition.textFields.includes(path))

/** Makes a graph, or adds the fields it lacks. Runs in a transaction. */
export const ensureGraph = (
  session: Session,
  scope: Scope,
  { fields = {}, textFields = [] }: GraphSchema,
  textOf: (properties: Metadata, textFields: readonly string[]) => string | null,
): void => {
  const found = findGraph(session, scope)
  const space = found ?? saveSpace<GraphDefinition>(session, 'graph', scope, '', { paths: {}, textFields: [] })
  const { nodes, edges, types, text } = graphTables(space)
  if (!found) {
    session.db.exec(`
      CREATE TABLE ${nodes} (id INTEGER PRIMARY KEY, key TEXT NOT NULL, document_id TEXT NOT NULL, version TEXT NOT NULL,
        label TEXT NOT NULL, placeholder INTEGER NOT NULL, edges_version TEXT, properties BLOB NOT NULL);
      CREATE UNIQUE INDEX ${nodes}_key ON ${nodes} (key);
      CREATE TABLE ${types} (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
      CREATE TABLE ${edges} (source INTEGER NOT NULL, type INTEGER NOT NULL, target INTEGER NOT NULL, ordinal INTEGER NOT NULL,
        version TEXT NOT NULL, properties BLOB, PRIMARY KEY (source, type, target, ordinal)) WITHOUT ROWID;
      CREATE INDEX ${edges}_in ON ${edges} (target, type);
      CREATE VIRTUAL TABLE ${text} USING fts5 (text, content = '', contentless_delete = 1, ${tokenizer});
    `)
  }
  const paths = addTypedPaths(session, nodes, 'properties', 'f', space.definition.paths, fields)
  const all = [...new Set([...space.definition.textFields, ...textFields])]
  if (found && all.length > space.definition.textFields.length) {
    session.run(`DELETE FROM ${text}`)
    for (const { id, properties } of session.all(`SELECT id, json(properties) AS properties FROM ${nodes}`)) {
      const words = textOf(decodeJson(properties as string) as Metadata, all)
      if (words !== null) session.run(`INSERT INTO ${text} (rowid, text) VALUES (?, ?)`, id as number, words)
    }
  }
  saveSpace<GraphDefinition>(session, 'graph', scope, '', { paths, textFields: all })
}

/** Removes a graph with all in it. Runs in a transaction. */
export const dropGraph = (session: Session, space: GraphSpace): void => {
  for (const table of Object.values(graphTables(space))) session.db.exec(`DROP TABLE ${table}`)
  removeSpace(session, space.id)
}

/** The columns of a node, from `n`. */
export const nodeColumns =
  'n.id, n.key, n.document_id, n.version, n.label, n.placeholder, json(n.properties) AS properties'

export const toNode = (row: SqlRow): NodeRecord => ({
  key: row.key as Key,
  documentId: row.document_id as string,
  version: row.version as Version,
  label: row.label as string,
  placeholder: row.placeholder === 1,
  properties: decodeJson(row.properties as string) as Metadata,
})

/** The columns and tables of an edge: `e`, its ends `s` and `t`, its type `y`. */
export const edgeColumns =
  's.key AS source, t.key AS target, y.name AS type, e.ordinal, e.version, json(e.properties) AS properties'
export const edgeJoins = ({ nodes, types }: GraphTables): string =>
  `JOIN ${nodes} s ON s.id = e.source JOIN ${nodes} t ON t.id = e.target JOIN ${types} y ON y.id = e.type`

export const toEdge = (row: SqlRow): EdgeRecord => ({
  source: row.source as Key,
  target: row.target as Key,
  type: row.type as string,
  ordinal: row.ordinal as number,
  version: row.version as Version,
  properties: row.properties === null ? {} : (decodeJson(row.properties as string) as Metadata),
})
