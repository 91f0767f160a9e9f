import type { Metadata, MetadataValue } from '../values.js'

/** A value that a condition compares with. */
export type Scalar = string | number | boolean | Date

/** The parsed filter: what backends translate. Built by `parseFilter`; every value in it has been checked. */
export type FilterNode =
  | { readonly op: 'and'; readonly nodes: readonly FilterNode[] }
  | { readonly op: 'or'; readonly nodes: readonly FilterNode[] }
  | { readonly op: 'not'; readonly node: FilterNode }
  | { readonly op: 'eq' | 'ne'; readonly path: string; readonly value: Scalar | null }
  | { readonly op: 'gt' | 'gte' | 'lt' | 'lte'; readonly path: string; readonly value: string | number | Date }
  | { readonly op: 'in' | 'nin'; readonly path: string; readonly values: readonly (Scalar | null)[] }
  | { readonly op: 'exists'; readonly path: string; readonly value: boolean }
  /** `in: 'list'` where the field is declared as a list: parts of a text do not count then. */
  | { readonly op: 'contains'; readonly path: string; readonly value: string | number; readonly in?: 'list' }
  | { readonly op: 'startsWith'; readonly path: string; readonly value: string }

export type FilterOperator = FilterNode['op']
/** A node that compares one field. */
export type Condition = Exclude<FilterNode, { op: 'and' | 'or' | 'not' }>

/** The filter that matches everything. */
export const MATCH_ALL: FilterNode = Object.freeze({ op: 'and', nodes: Object.freeze([]) })

type Ordered<V> = Extract<V, string | number | Date>
type Element<V> = V extends readonly (infer E)[] ? E : V extends string ? string : never

/** What may be said of a field whose values have type V. */
export type FieldFilter<V> =
  | Extract<V, Scalar>
  | null
  | {
      readonly $eq?: Extract<V, Scalar> | null
      readonly $ne?: Extract<V, Scalar> | null
      readonly $gt?: Ordered<V>
      readonly $gte?: Ordered<V>
      readonly $lt?: Ordered<V>
      readonly $lte?: Ordered<V>
      readonly $in?: readonly (Extract<V, Scalar> | null)[]
      readonly $nin?: readonly (Extract<V, Scalar> | null)[]
      readonly $exists?: boolean
      /** an array that holds the value, or a text that holds it as a part */
      readonly $contains?: Element<V>
      readonly $startsWith?: Extract<V, string>
      readonly $not?: FieldFilter<V>
    }

/** The dotted paths of a metadata type, four levels deep, with the type of the value at each. */
type Fields<M, Prefix extends string = '', Depth extends readonly unknown[] = []> = Depth['length'] extends 4
  ? never
  : {
      [F in keyof M & string]-?:
        | [`${Prefix}${F}`, NonNullable<M[F]>]
        | (NonNullable<M[F]> extends Scalar | readonly unknown[]
            ? never
            : Fields<NonNullable<M[F]>, `${Prefix}${F}.`, [...Depth, 0]>)
    }[keyof M & string]

/** A filter over metadata of any shape. */
export interface AnyFilter {
  readonly [path: string]: FieldFilter<MetadataValue> | readonly AnyFilter[] | AnyFilter | undefined
}

interface TypedLogic<M> {
  readonly $and?: readonly Filter<M>[]
  readonly $or?: readonly Filter<M>[]
  readonly $not?: Filter<M>
}

/**
 * The filter as users write it: `{ year: { $gte: 2020 }, $or: [{ licence: 'MIT' }, { tags: { $contains: 'db' } }] }`.
 * With a metadata type of one's own, a misspelt field or a value of the wrong type does not compile.
 */
export type Filter<M = Metadata> = string extends keyof M
  ? AnyFilter
  : { readonly [E in Fields<M> as E[0]]?: FieldFilter<E[1]> } & TypedLogic<M>
