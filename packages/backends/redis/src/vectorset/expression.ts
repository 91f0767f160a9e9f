import type { FilterNode } from '@veritas-db/core/contract'
import { type Compiled, compileFilter, type Dialect, type Range } from '../filter.js'
import { tagOf } from '../statements.js'

/** The attribute with the statements about a record's metadata. Every element has it, be it empty. */
export const TAG_ATTRIBUTE = 'g'

const SIGNS = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const
/** A numeral in quotes: the syntax has no negative exponents, while a text is compared as the number that it reads as. */
const comparison = ({ field, op, limit }: Range): string => `.${field} ${SIGNS[op]} "${limit}"`

/** A filter as far as `VSIM` can apply it. */
export interface Expression {
  readonly where: Compiled
  /** Whether it matches nothing that the filter does not match. It always matches all that the filter does. */
  readonly exact: boolean
}

/**
 * A filter as an expression of `VSIM`. An element without one of the attributes that an expression names does not match,
 * whatever else the expression says: so a number or date is compared only where no record can match without it. Elsewhere (within
 * an `or`, or negated) the expression is wider than the filter.
 */
export const compileExpression = (filter: FilterNode): Expression => {
  let exact = true
  const has = (tag: string): string => `"${tag}" in .${TAG_ATTRIBUTE}`
  const syntax: Dialect = {
    join: (all, conditions) => `(${conditions.join(all ? ' and ' : ' or ')})`,
    tagged: (tags, wanted) => `${wanted ? '' : 'not '}(${tags.map(has).join(' or ')})`,
    range(range, wanted, certain) {
      if (wanted && certain) return comparison(range)
      exact = false
      return wanted ? `(${has(tagOf('exists', range.path))})` : true
    },
  }
  const where = compileFilter(syntax, filter)
  return { where, exact }
}
