import {
  type CollectionDefinition,
  checkFieldName,
  type FilterNode,
  invalid,
  VeritasError,
} from '@veritas-db/core/contract'
import type { Space } from '../catalogue.js'
import type { PostgresConfig } from '../config.js'
import { refuse } from '../errors.js'
import type { Field } from '../filter.js'
import { fieldIndex, type IndexSpec, indexSpec, pathsIn } from '../indexes.js'
import type { RoleContext } from '../role.js'
import type { Session } from '../session.js'
import { textVector } from '../text.js'

/** What the catalogue keeps of a collection. */
export type VectorDefinition = CollectionDefinition
type Collection = Space<VectorDefinition>

/** The longest `vector` of pgvector. */
export const MAX_DIMENSIONS = 16_000
/** The longest that HNSW indexes, in single and in half precision. */
const MAX_INDEXED = { single: 2000, half: 4000 } as const

/** Checks the options of `ensureCollection`. @throws VeritasError VALIDATION, UNSUPPORTED */
export const checkCollection = ({ dimensions, metric, fields = {} }: CollectionDefinition): void => {
  if (!Number.isSafeInteger(dimensions) || dimensions < 1)
    throw invalid('dimensions', 'needs a whole number of at least 1')
  if (dimensions > MAX_DIMENSIONS) throw invalid('dimensions', `is at most ${MAX_DIMENSIONS}, got ${dimensions}`)
  if (!Object.hasOwn(OPERATORS, metric)) throw refuse('vector', `the metric ${String(metric)}`)
  checkFields(fields)
}

/** Checks declared paths. @throws VeritasError VALIDATION */
export const checkFields = (fields: Readonly<Record<string, unknown>>): void => {
  for (const path of Object.keys(fields)) for (const part of path.split('.')) checkFieldName(part, 'fields')
}

/** The operator of each metric, and the operator classes of its index. */
export const OPERATORS = {
  cosine: { distance: '<=>', vector: 'vector_cosine_ops', halfvec: 'halfvec_cosine_ops' },
  dot: { distance: '<#>', vector: 'vector_ip_ops', halfvec: 'halfvec_ip_ops' },
  euclidean: { distance: '<->', vector: 'vector_l2_ops', halfvec: 'halfvec_l2_ops' },
} as const

/** Whether a collection is there with all that is asked for. @throws VeritasError CONFLICT where it is another one */
export const isEnsured = (space: Collection | undefined, wanted: CollectionDefinition): boolean => {
  if (!space) return false
  const { dimensions, metric, fields = {} } = space.definition
  if (dimensions !== wanted.dimensions || metric !== wanted.metric)
    throw new VeritasError({
      code: 'CONFLICT',
      message: `The collection is there with ${dimensions} dimensions and the metric ${metric}; ${wanted.dimensions} and ${wanted.metric} were asked for.`,
    })
  return Object.keys(wanted.fields ?? {}).every((path) => Object.hasOwn(fields, path))
}

/** What is there with the fields that are new. */
export const extendCollection = (there: VectorDefinition, { fields }: CollectionDefinition): VectorDefinition => ({
  ...there,
  fields: { ...fields, ...there.fields },
})

/** Metadata stand before the embedding: a filter that reads each row then finds them in the memory that it has at hand. */
export const createCollection = (session: Session, table: string, { dimensions }: VectorDefinition): Promise<void> =>
  session.run(
    `CREATE TABLE ${table} (key uuid NOT NULL, ordinal int4 NOT NULL, metadata jsonb NOT NULL, embedding vector(${dimensions}) NOT NULL,
       document_id text COLLATE "C" NOT NULL, version text COLLATE "C" NOT NULL, text text, PRIMARY KEY (key, ordinal))`,
  )

/** How HNSW indexes a collection; undefined where it cannot or shall not. */
export const hnswOf = (
  config: PostgresConfig,
  { relation, definition }: Collection,
): { readonly spec: IndexSpec; readonly half: boolean } | undefined => {
  const { dimensions, metric } = definition
  const half = config.halfvec || dimensions > MAX_INDEXED.single
  if (config.index === 'none' || dimensions > MAX_INDEXED.half) return undefined
  const operators = OPERATORS[metric]
  const column = half ? `(embedding::halfvec(${dimensions})) ${operators.halfvec}` : `embedding ${operators.vector}`
  const options = `m = ${config.hnswM}, ef_construction = ${config.hnswEfConstruction}`
  return { spec: indexSpec(config, relation, `USING hnsw (${column}) WITH (${options})`), half }
}

/** The text of a record as words. */
export const textOf = (config: PostgresConfig): string => textVector(config.textConfig, ['text'])

export const textIndex = (config: PostgresConfig, relation: string): IndexSpec =>
  indexSpec(config, relation, `USING gin ((${textOf(config)}))`)

/** All indexes that a collection may have. */
export const collectionIndexes = (config: PostgresConfig, space: Collection): readonly IndexSpec[] => {
  const hnsw = hnswOf(config, space)
  const fields = Object.keys(space.definition.fields ?? {})
  return [
    ...(hnsw ? [hnsw.spec] : []),
    textIndex(config, space.relation),
    ...fields.flatMap((path) => declaredIndex(config, space, path) ?? []),
  ]
}

const declaredIndex = (
  config: PostgresConfig,
  { relation, definition }: Collection,
  path: string,
): IndexSpec | undefined => {
  const type = typeAt(definition, path)
  return type && fieldIndex(config, relation, 'metadata', path.split('.'), type)
}

const typeAt = (
  { fields }: VectorDefinition,
  path: string,
): NonNullable<VectorDefinition['fields']>[string] | undefined =>
  fields && Object.hasOwn(fields, path) ? fields[path] : undefined

/** Where a filter finds the values of a collection. */
export const vectorField =
  ({ definition }: Collection) =>
  (path: string): Field => {
    const type = typeAt(definition, path)
    return { kind: 'json', sql: 't.metadata', path: path.split('.'), ...(type && { type }) }
  }

/** Has indexes built for the declared fields that a filter asks about. */
export const wantFieldIndexes = async (
  { config, indexes }: RoleContext,
  session: Session,
  space: Collection,
  filter: FilterNode | undefined,
): Promise<void> => {
  for (const path of pathsIn(filter)) {
    const spec = declaredIndex(config, space, path)
    if (spec) await indexes.want(session, space.relation, spec)
  }
}
