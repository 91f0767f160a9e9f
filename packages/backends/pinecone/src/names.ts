import {
  asKey,
  asVersion,
  checkScope,
  invalid,
  type Key,
  type Metric,
  type Scope,
  type Version,
} from '@veritas-db/core/contract'

/** The contract's metrics under Pinecone's names. */
export const NATIVE_METRIC: Readonly<Record<Metric, 'cosine' | 'dotproduct' | 'euclidean'>> = {
  cosine: 'cosine',
  dot: 'dotproduct',
  euclidean: 'euclidean',
}

/** Pinecone's metric under the contract's name; undefined for one that the contract does not have. */
export const metricOf = (native: string | undefined): Metric | undefined =>
  (Object.keys(NATIVE_METRIC) as Metric[]).find((metric) => NATIVE_METRIC[metric] === native)

/** The name of the index for collections of a dimension and a metric. */
export const indexName = (prefix: string, dimensions: number, metric: Metric): string =>
  `${prefix}-${dimensions}-${NATIVE_METRIC[metric]}`

/** Dimension and metric of an index by its name; undefined where we did not name it. */
export const parseIndexName = (prefix: string, name: string): { dimensions: number; metric: Metric } | undefined => {
  if (!name.startsWith(`${prefix}-`)) return undefined
  const match = /^([1-9][0-9]*)-(cosine|dotproduct|euclidean)$/.exec(name.slice(prefix.length + 1))
  const metric = metricOf(match?.[2])
  return match && metric ? { dimensions: Number(match[1]), metric } : undefined
}

/**
 * The namespace of a collection: `prefix.incarnation.collection` with `.tenant` where there is one. Names hold no dots,
 * so no two collections share one, and the scope can be read from it: the namespaces themselves are the catalogue.
 * @throws VeritasError VALIDATION for a scope with names that are no names
 */
export const namespaceOf = (prefix: string, scope: Scope): string => {
  checkScope(scope)
  const parts = [prefix, String(scope.incarnation ?? 0), scope.collection]
  return (scope.tenant === undefined ? parts : [...parts, scope.tenant]).join('.')
}

/** The scope that a namespace belongs to; undefined where it is not one of ours. */
export const parseNamespace = (prefix: string, namespace: string): Scope | undefined => {
  const match = /^([a-z][a-z0-9-]*)\.(0|[1-9][0-9]{0,15})\.([A-Za-z][\w-]{0,62})(?:\.([A-Za-z][\w-]{0,62}))?$/.exec(
    namespace,
  )
  if (match?.[1] !== prefix) return undefined
  const [, , incarnation, collection, tenant] = match
  return {
    collection: collection as string,
    ...(tenant !== undefined && { tenant }),
    ...(incarnation !== '0' && { incarnation: Number(incarnation) }),
  }
}

/** What identifies a record. Since Pinecone compares no versions, the version is part of it: a late write can add a record and never overwrite one. */
export interface RecordIdentity {
  readonly key: Key
  readonly version: Version
  readonly ordinal: number
}

/** The record's id in Pinecone: `key.version.ordinal`. */
export const recordId = ({ key, version, ordinal }: RecordIdentity): string => `${key}.${version}.${ordinal}`

/** The reverse of `recordId`. @throws VeritasError VALIDATION for an id that is not ours */
export const parseRecordId = (id: string): RecordIdentity => {
  const [key, version, ordinal, ...rest] = id.split('.')
  if (rest.length > 0 || ordinal === undefined || !/^(0|[1-9][0-9]*)$/.test(ordinal))
    throw invalid('id', `${JSON.stringify(id.slice(0, 80))} is no id of a record made by VERITAS`)
  return { key: asKey(key), version: asVersion(version), ordinal: Number(ordinal) }
}

/** A version as two numbers that Pinecone can compare: a number holds 53 bits of its 96. */
export const versionParts = (version: Version): readonly [high: number, low: number] => [
  Number.parseInt(version.slice(0, 12), 16),
  Number.parseInt(version.slice(12), 16),
]
