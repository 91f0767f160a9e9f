import type { Metric } from '@veritas-db/core/contract'
import { quote } from './cypher.js'

/** What differs between servers that speak Bolt and Cypher. All else in this package is common to them. */
export interface Dialect {
  uniqueConstraint(name: string, label: string, property: string): string
  rangeIndex(name: string, label: string, property: string): string
  fullTextIndex(name: string, label: string, properties: readonly string[]): string
  vectorIndex(name: string, label: string, property: string, dimensions: number, metric: Metric): string
  dropConstraint(name: string): string
  dropIndex(name: string): string
  /** Waits until the index `$name` answers, `$seconds` at most. */
  readonly awaitIndex: string
  /** The indexes on `$label`: `name`, `properties`, and `constraintName` where one belongs to a constraint. */
  readonly indexesOf: string
  /** The index `$name`: a row, or none. */
  readonly indexNamed: string
  isList(expression: string): string
  isText(expression: string): string
  /** Yields `n` and `score`, best first; parameters `$index` and `$words`. */
  readonly queryFullText: string
  /** Yields `n` and `score`; parameters `$index`, `$fetch`, `$vector`. */
  readonly queryVector: string
  /** How alike two vectors are, as the server counts it. */
  similarity(metric: Metric, a: string, b: string): string
  /** The server's similarity as the contract's. */
  score(metric: Metric, native: number): number
  setVector(alias: string, property: string, vector: string): string
  /** Gives the node the label that the expression `after` names, in place of the one that `before` names, if any. */
  relabel(alias: string, before: string, after: string): string
  /** Binds `p` to a path with the fewest edges between the nodes `a` and `b`, where there is one. */
  shortestPath(edges: { left: string; types: string; right: string }, maxDepth: number): string
  /** Deletes what was matched as `n`, so many a transaction. */
  deleteInBatches(alias: string, batch: number): string
}

/** Neo4j 5.26 and later. */
export const neo4jDialect: Dialect = {
  uniqueConstraint: (name, label, property) =>
    `CREATE CONSTRAINT ${quote(name)} IF NOT EXISTS FOR (n:${quote(label)}) REQUIRE n.${quote(property)} IS UNIQUE`,
  rangeIndex: (name, label, property) =>
    `CREATE RANGE INDEX ${quote(name)} IF NOT EXISTS FOR (n:${quote(label)}) ON (n.${quote(property)})`,
  fullTextIndex: (name, label, properties) =>
    `CREATE FULLTEXT INDEX ${quote(name)} IF NOT EXISTS FOR (n:${quote(label)}) ON EACH [${properties.map((p) => `n.${quote(p)}`).join(', ')}]`,
  // Without quantization the index ranks by the vectors themselves.
  vectorIndex: (name, label, property, dimensions, metric) =>
    `CREATE VECTOR INDEX ${quote(name)} IF NOT EXISTS FOR (n:${quote(label)}) ON (n.${quote(property)}) OPTIONS { indexConfig: { \`vector.dimensions\`: ${Math.trunc(dimensions)}, \`vector.similarity_function\`: '${metric === 'euclidean' ? 'euclidean' : 'cosine'}', \`vector.quantization.enabled\`: false } }`,
  dropConstraint: (name) => `DROP CONSTRAINT ${quote(name)} IF EXISTS`,
  dropIndex: (name) => `DROP INDEX ${quote(name)} IF EXISTS`,
  awaitIndex: 'CALL db.awaitIndex($name, $seconds)',
  indexesOf:
    'SHOW INDEXES YIELD name, properties, labelsOrTypes, owningConstraint WHERE $label IN labelsOrTypes RETURN name, properties, owningConstraint AS constraintName',
  indexNamed: 'SHOW INDEXES YIELD name WHERE name = $name RETURN name',
  isList: (expression) => `${expression} IS :: LIST<ANY>`,
  isText: (expression) => `${expression} IS :: STRING NOT NULL`,
  queryFullText: 'CALL db.index.fulltext.queryNodes($index, $words) YIELD node AS n, score',
  queryVector: 'CALL db.index.vector.queryNodes($index, $fetch, $vector) YIELD node AS n, score',
  similarity: (metric, a, b) => `vector.similarity.${metric === 'euclidean' ? 'euclidean' : 'cosine'}(${a}, ${b})`,
  // https://neo4j.com/docs/cypher-manual/5/indexes/semantic-indexes/vector-indexes/: (1 + cos) / 2, and 1 / (1 + d²).
  score: (metric, native) => {
    if (metric === 'cosine') return Math.min(1, Math.max(-1, native * 2 - 1))
    return 1 / (1 + Math.sqrt(Math.max(0, 1 / native - 1)))
  },
  setVector: (alias, property, vector) => `CALL db.create.setNodeVectorProperty(${alias}, '${property}', ${vector})`,
  relabel: (alias, before, after) =>
    `REMOVE ${alias}:$(CASE WHEN ${before} <> ${after} THEN [${before}] ELSE [] END) SET ${alias}:$(${after})`,
  shortestPath: ({ left, types, right }, maxDepth) =>
    `MATCH p = shortestPath((a)${left}[${types}*1..${Math.trunc(maxDepth)}]${right}(b))`,
  deleteInBatches: (alias, batch) =>
    `CALL (${alias}) { DETACH DELETE ${alias} } IN TRANSACTIONS OF ${Math.trunc(batch)} ROWS`,
}
