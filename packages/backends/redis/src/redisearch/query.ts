import type { FilterNode } from '@veritas-db/core/contract'
import { type Compiled, compileFilter, type Dialect, type Range } from '../filter.js'

/** The field of the index with the statements about a record's metadata. */
export const TAG_FIELD = 'g'

/** A tag as the syntax takes it: of the characters that tags are made of, `-` alone is syntax. */
export const escapeTag = (tag: string): string => tag.replace(/[^A-Za-z0-9_]/g, '\\$&')

const interval = ({ op, limit }: Range): string => {
  // A plus sign in the exponent is not among what the syntax takes.
  const numeral = String(limit).replace('e+', 'e')
  switch (op) {
    case 'gt':
      return `[(${numeral} +inf]`
    case 'gte':
      return `[${numeral} +inf]`
    case 'lt':
      return `[-inf (${numeral}]`
    case 'lte':
      return `[-inf ${numeral}]`
  }
}

/** RediSearch's query syntax, dialect 2. `-` matches what lacks the field too. */
const querySyntax: Dialect = {
  join: (all, conditions) => `(${conditions.join(all ? ' ' : '|')})`,
  tagged: (tags, wanted) => `${wanted ? '' : '-'}@${TAG_FIELD}:{${tags.map(escapeTag).join('|')}}`,
  range: (range, wanted) => `${wanted ? '' : '-'}@${range.field}:${interval(range)}`,
}

/** A filter as a query of RediSearch. */
export const compileQuery = (filter: FilterNode): Compiled => compileFilter(querySyntax, filter)
