import { describe, expectTypeOf, it } from 'vitest'
import type { FieldFilter, Filter } from '../../src/contract/filter/ast.js'
import type { Metadata } from '../../src/contract/values.js'

interface Book extends Metadata {
  readonly title: string
}

/** A metadata type of one's own, without an index signature. */
type Paper = {
  readonly title: string
  readonly year: number
  readonly open?: boolean
  readonly published: Date
  readonly tags: readonly string[]
  readonly pages: readonly number[]
  readonly status: 'draft' | 'final'
  readonly venue: { readonly name: string; readonly address?: { readonly country: string } }
  readonly note: string | null
}

// What must not compile is marked: the type checker fails where it does.
describe('Filter<M>', () => {
  it('takes the fields of a type, with values of their types', () => {
    const filters: Filter<Paper>[] = [
      {},
      { title: 'x', year: 2020, open: true, published: new Date() },
      { year: { $gte: 2020, $lt: 2030, $ne: 2025, $in: [2020, 2021], $not: { $gt: 2029 } } },
      { year: null, note: null, title: { $eq: null }, status: { $in: [null] }, open: { $exists: false } },
      { tags: { $contains: 'db' }, pages: { $contains: 3 }, title: { $contains: 'x', $startsWith: 'y' } },
      { 'venue.name': 'x', 'venue.address.country': { $in: ['CH', null] } },
      { status: 'draft', $or: [{ status: { $ne: 'final' } }, { $and: [{ year: 1 }], $not: { title: 'x' } }] },
    ]
    expectTypeOf(filters).toEqualTypeOf<Filter<Paper>[]>()
  })

  it('refuses what is misspelt or of the wrong type', () => {
    const wrong: Filter<Paper>[] = [
      // @ts-expect-error a misspelt field
      { titel: 'x' },
      // @ts-expect-error a misspelt nested field
      { 'venue.nam': 'x' },
      // @ts-expect-error a text for a number
      { year: '2020' },
      // @ts-expect-error a text for a number, within an operator
      { year: { $gte: '2020' } },
      // @ts-expect-error a text for a number, within a list
      { year: { $in: [2020, '2021'] } },
      // @ts-expect-error a number for a date
      { published: { $gt: 5 } },
      // @ts-expect-error booleans have no order
      { open: { $gt: true } },
      // @ts-expect-error an array is looked into with $contains
      { tags: 'x' },
      // @ts-expect-error an array of texts holds no numbers
      { tags: { $contains: 5 } },
      // @ts-expect-error numbers start with nothing
      { year: { $startsWith: '2' } },
      // @ts-expect-error not one of the values
      { status: 'published' },
      // @ts-expect-error an unknown operator
      { year: { $regex: 'x' } },
      // @ts-expect-error a misspelt field, within logic
      { $or: [{ titel: 'x' }] },
      // @ts-expect-error $or needs a list
      { $or: { title: 'x' } },
      // @ts-expect-error objects are not compared
      { venue: { name: 'x' } },
    ]
    expectTypeOf(wrong).toBeArray()
  })

  it('takes anything where the metadata has any shape', () => {
    const filters: Filter[] = [
      { anything: 1, 'a.b': { $gte: 'x' }, $or: [{ x: null }], $not: { y: { $contains: 1 } } },
      { "it's": new Date(), $and: [{}, { z: { $in: [1, 'x', null] } }] },
    ]
    expectTypeOf(filters).toEqualTypeOf<Filter<Metadata>[]>()
    expectTypeOf<Filter<Book>>().toEqualTypeOf<Filter>()
  })

  it('says of a field what may be said of its type', () => {
    expectTypeOf<5>().toExtend<FieldFilter<number>>()
    expectTypeOf<'x'>().not.toExtend<FieldFilter<number>>()
    expectTypeOf<{ $exists: true }>().toExtend<FieldFilter<readonly string[]>>()
    expectTypeOf<null>().toExtend<FieldFilter<number | null>>()
    expectTypeOf<{ $eq: null }>().toExtend<FieldFilter<number>>()
  })
})
