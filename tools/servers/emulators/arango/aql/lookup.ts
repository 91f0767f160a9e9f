// Finds documents by key, or edges by their ends, where the filter behind a FOR names them. It only narrows what the
// filter then decides; without it a query by many keys over a big collection would take minutes.
import type { View } from '../store.ts'
import type { Expression } from './ast.ts'
import { isArray, toText, type Value } from './values.ts'

const conjuncts = (test: Expression): Expression[] =>
  test.type === 'logical' && test.operator === '&&' ? [...conjuncts(test.left), ...conjuncts(test.right)] : [test]

const mentions = (node: unknown, variable: string): boolean => {
  if (Array.isArray(node)) return node.some((item) => mentions(item, variable))
  if (typeof node !== 'object' || node === null) return false
  if ('type' in node && node.type === 'name' && 'name' in node && node.name === variable) return true
  // A subquery could hide anything.
  if ('type' in node && node.type === 'subquery') return true
  return Object.values(node).some((value) => mentions(value, variable))
}

const attributeOf = (expression: Expression, variable: string): string | undefined =>
  expression.type === 'attribute' &&
  expression.of.type === 'name' &&
  expression.of.name === variable &&
  expression.name.type === 'literal' &&
  typeof expression.name.value === 'string'
    ? expression.name.value
    : undefined

const byAttribute = (view: View, attribute: string, values: Value[]): Value[] | undefined => {
  const texts = [...new Set(values.filter((v) => typeof v === 'string'))]
  const present = (docs: (Value | undefined)[]): Value[] => docs.filter((doc) => doc !== undefined)
  if (attribute === '_key') return present(texts.map((key) => view.get(toText(key))))
  if (attribute === '_id') {
    const prefix = `${view.collection.name}/`
    return present(
      texts.map(toText).map((id) => (id.startsWith(prefix) ? view.get(id.slice(prefix.length)) : undefined)),
    )
  }
  if (view.collection.type !== 3) return undefined
  if (attribute === '_from') return texts.flatMap((id) => view.edges('OUTBOUND', toText(id)))
  if (attribute === '_to') return texts.flatMap((id) => view.edges('INBOUND', toText(id)))
  return undefined
}

/** The documents that can pass the filter, or undefined where all have to be tried. */
export const candidates = (
  view: View,
  variable: string,
  test: Expression,
  evaluate: (expression: Expression) => Value,
): Value[] | undefined => {
  for (const part of conjuncts(test)) {
    if (part.type !== 'binary' || part.quantifier || (part.operator !== '==' && part.operator !== 'IN')) continue
    const sides: [Expression, Expression][] = [[part.left, part.right]]
    if (part.operator === '==') sides.push([part.right, part.left])
    for (const [own, other] of sides) {
      const attribute = attributeOf(own, variable)
      if (attribute === undefined || mentions(other, variable)) continue
      const value = evaluate(other)
      const values = part.operator === '==' ? [value] : value !== null && isArray(value) ? value : []
      const found = byAttribute(view, attribute, values)
      if (found) return [...new Set(found)]
    }
  }
  return undefined
}
