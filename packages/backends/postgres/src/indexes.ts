import type { FieldType, FilterNode } from '@veritas-db/core/contract'
import type { PostgresConfig } from './config.js'
import { declaredPath, indexed, indexedText, typedValue } from './filter.js'
import { indexName, quote } from './sql.js'

/** An index as it should be. */
export interface IndexSpec {
  /** Its name, not quoted. */
  readonly name: string
  /** What follows `ON table`. */
  readonly definition: string
}

export const indexSpec = (config: PostgresConfig, relation: string, definition: string): IndexSpec => ({
  name: indexName(config.prefix, relation, definition),
  definition,
})

/** The index for a declared path inside a JSONB column; undefined for types that have none. */
export const fieldIndex = (
  config: PostgresConfig,
  relation: string,
  column: string,
  path: readonly string[],
  type: FieldType,
): IndexSpec | undefined => {
  const json = declaredPath(quote(column), path)
  if (type === 'string[]' || type === 'number[]')
    return indexSpec(config, relation, `USING gin ((${json}) jsonb_path_ops)`)
  if (!indexed(type)) return undefined
  const value = typedValue(json, type)
  return indexSpec(config, relation, `((${type === 'string' ? indexedText(value) : value}))`)
}

/** The paths that a filter asks about. */
export const pathsIn = (filter: FilterNode | undefined): readonly string[] => {
  if (filter === undefined) return []
  const paths = new Set<string>()
  const walk = (node: FilterNode): void => {
    if (node.op === 'and' || node.op === 'or') node.nodes.forEach(walk)
    else if (node.op === 'not') walk(node.node)
    else paths.add(node.path)
  }
  walk(filter)
  return [...paths]
}
