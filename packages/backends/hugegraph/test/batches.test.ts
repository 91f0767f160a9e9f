import { documentKey, type Key, version } from '@veritas-db/core/contract'
import { expect, it } from 'vitest'
import { keyBatches, type SetRow, setBatches } from '../src/batches.js'
import type { EdgeRow } from '../src/records.js'

const key = (id: string): Key => documentKey({ collection: 'c' }, id)
const set = (id: string, n: number, edges: readonly EdgeRow[] = []): SetRow => [key(id), version(n), edges]
const limits = { batchRecords: 3, batchBytes: 1000 }

it('a source comes once in a batch, and the order stays', () => {
  const rows = [set('a', 1), set('b', 1), set('a', 2), set('a', 3), set('c', 1)]
  const batches = [...setBatches(rows, limits)]
  expect(batches.flat()).toEqual(rows)
  expect(batches.map((batch) => batch.length)).toEqual([2, 1, 2])
  expect([...setBatches([], limits)]).toEqual([])
})

it('batches keep to the limits', () => {
  const rows = ['a', 'b', 'c', 'd', 'e'].map((id) => set(id, 1))
  expect([...setBatches(rows, limits)].map((batch) => batch.length)).toEqual([3, 2])
  const large: EdgeRow = [key('a'), key('b'), 'T', 0, version(1), 'x'.repeat(600)]
  expect([...setBatches([set('a', 1, [large]), set('b', 1, [large])], limits)]).toHaveLength(2)
})

it('keys come once', () => {
  const keys = Array.from({ length: 1500 }, (_, i) => key(`${i % 1200}`))
  expect([...keyBatches(keys)].map((batch) => batch.length)).toEqual([1000, 200])
  expect([...keyBatches([])]).toEqual([])
})
