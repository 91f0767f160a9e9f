import { checkName, type FieldType, type FilterNode, type GraphSchema } from '@veritas-db/core/contract'
import type { Space } from '../catalogue.js'
import type { PostgresConfig } from '../config.js'
import { declaredPath, type Field, typedValue } from '../filter.js'
import { fieldIndex, type IndexSpec, indexSpec, pathsIn } from '../indexes.js'
import type { RoleContext } from '../role.js'
import type { Session } from '../session.js'
import { quote } from '../sql.js'
import { textVector } from '../text.js'
import { checkFields } from '../vectors/collections.js'

/** What the catalogue keeps of a graph. Labels and types of edges need nothing made for them. */
export interface GraphDefinition {
  readonly fields: Readonly<Record<string, FieldType>>
  readonly textFields: readonly string[]
  /** The relation of the edges; that of the nodes is the space's. */
  readonly edges: string
}
export type Graph = Space<GraphDefinition>

/** Checks the options of `ensureSchema`. @throws VeritasError VALIDATION */
export const checkSchema = ({ labels, edgeTypes, fields = {}, textFields = [] }: GraphSchema): void => {
  for (const label of labels) checkName(label, 'labels')
  for (const type of edgeTypes) checkName(type, 'edgeTypes')
  checkFields(fields)
  checkFields(Object.fromEntries(textFields.map((path) => [path, true])))
}

export const isEnsured = (graph: Graph | undefined, { fields = {}, textFields = [] }: GraphSchema): boolean =>
  graph !== undefined &&
  Object.keys(fields).every((path) => Object.hasOwn(graph.definition.fields, path)) &&
  textFields.every((path) => graph.definition.textFields.includes(path))

/** What is there with what is new. */
export const extendSchema = (
  there: GraphDefinition | undefined,
  edges: string,
  { fields = {}, textFields = [] }: GraphSchema,
): GraphDefinition => ({
  edges,
  fields: { ...fields, ...there?.fields },
  textFields: [...new Set([...(there?.textFields ?? []), ...textFields])],
})

/** `edges_version`: the version of an empty set of edges, which has no edge to carry it. */
export const createGraph = (session: Session, nodes: string, edges: string): Promise<void> =>
  session.run(
    `CREATE TABLE ${nodes} (key uuid PRIMARY KEY, document_id text COLLATE "C" NOT NULL, version text COLLATE "C" NOT NULL,
       label text COLLATE "C" NOT NULL, placeholder bool NOT NULL, properties jsonb NOT NULL, edges_version text COLLATE "C");
     CREATE TABLE ${edges} (source uuid NOT NULL, type text COLLATE "C" NOT NULL, target uuid NOT NULL, ordinal int4 NOT NULL,
       version text COLLATE "C" NOT NULL, properties jsonb NOT NULL, PRIMARY KEY (source, type, target, ordinal));
     CREATE INDEX ON ${edges} (target, type, source)`,
  )

/** The declared text of a node as words; undefined where none is declared. */
export const textOf = (config: PostgresConfig, { definition }: Graph): string | undefined => {
  if (definition.textFields.length === 0) return undefined
  const texts = definition.textFields.map((path) =>
    typedValue(declaredPath(quote('properties'), path.split('.')), 'string'),
  )
  return textVector(config.textConfig, texts)
}

export const textIndex = (config: PostgresConfig, graph: Graph): IndexSpec | undefined => {
  const text = textOf(config, graph)
  return text === undefined ? undefined : indexSpec(config, graph.relation, `USING gin ((${text}))`)
}

/** All indexes that the nodes may have. */
export const graphIndexes = (config: PostgresConfig, graph: Graph): readonly IndexSpec[] => [
  ...[textIndex(config, graph) ?? []].flat(),
  ...Object.keys(graph.definition.fields).flatMap((path) => declaredIndex(config, graph, path) ?? []),
]

const declaredIndex = (
  config: PostgresConfig,
  { relation, definition }: Graph,
  path: string,
): IndexSpec | undefined => {
  const type = Object.hasOwn(definition.fields, path) ? definition.fields[path] : undefined
  return type && fieldIndex(config, relation, 'properties', path.split('.'), type)
}

/** Where a filter finds the properties of the nodes `n`. */
export const nodeField =
  ({ definition }: Graph) =>
  (path: string): Field => {
    const type = Object.hasOwn(definition.fields, path) ? definition.fields[path] : undefined
    return { kind: 'json', sql: 'n.properties', path: path.split('.'), ...(type && { type }) }
  }

/** Has indexes built for the declared properties that a filter asks about. */
export const wantFieldIndexes = async (
  { config, indexes }: RoleContext,
  session: Session,
  graph: Graph,
  filter: FilterNode | undefined,
): Promise<void> => {
  for (const path of pathsIn(filter)) {
    const spec = declaredIndex(config, graph, path)
    if (spec) await indexes.want(session, graph.relation, spec)
  }
}
