import type { FilterNode, NodeRecord } from '@veritas-db/core/contract'
import type { Access, Row } from '../connection.js'
import { integer, quote, type Statement } from '../cypher.js'
import { type Environment, filterOn, textQuery } from '../environment.js'
import { isMissingIndex } from '../errors.js'
import { hasIndex } from '../schema.js'
import { column, isDocument, nodeMap, toNode } from './records.js'

export interface Find {
  readonly label?: string
  readonly filter?: FilterNode
  readonly text?: string
  readonly placeholders?: boolean
  readonly limit: number
  readonly signal?: AbortSignal
}

/** Nodes by properties, in order of key, or by text, best first. */
export const findNodes = async (
  environment: Environment,
  access: Access,
  scope: string,
  options: Find,
): Promise<readonly (NodeRecord & { readonly score?: number })[]> => {
  const { label, text, placeholders, limit, signal } = options
  const filter = filterOn(environment, options.filter)
  const conditions = [filter.text]
  if (label !== undefined) conditions.push('n._label = $label')
  if (!placeholders) conditions.push(isDocument('n'))
  const parameters = { ...filter.parameters, label: label ?? null, limit: integer(limit) }
  const tail = (order: string, score: string): string =>
    `WHERE ${conditions.join(' AND ')} WITH n${score} ORDER BY ${order} LIMIT $limit RETURN ${nodeMap('n')} AS node${score}`
  if (text === undefined) {
    // The comparison with the key lets the index give the order.
    const statement = `MATCH (n:${quote(scope)}) WHERE n._key > '' WITH n ${tail('n._key', '')}`
    return column(await access.run({ text: statement, parameters }, signal), 'node').map(toNode)
  }
  const words = textQuery(text)
  if (words === undefined) return []
  const index = `${scope}_text`
  const statement = {
    text: `${environment.dialect.queryFullText} WITH n, score ${tail('score DESC, n._key', ', score')}`,
    parameters: { ...parameters, words, index },
  }
  const rows = await searchText(environment, access, index, statement, signal)
  return rows.map((row) => ({ ...toNode(row.get('node')), score: row.get('score') as number }))
}

/** Rows of a full-text query; none where no text fields were ever declared. */
const searchText = async (
  environment: Environment,
  access: Access,
  index: string,
  statement: Statement,
  signal: AbortSignal | undefined,
): Promise<readonly Row[]> => {
  // A failed statement would end the unit of work: there the index is looked for first.
  if (access.inUnit && !(await hasIndex(environment, index, signal))) return []
  try {
    return await access.run(statement, signal)
  } catch (error) {
    if (isMissingIndex(error)) return []
    throw error
  }
}
