import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { splitBatches, uniqueBatch } from '../../src/contract/batches.js'
import type { UpsertMode } from '../../src/contract/capabilities.js'
import { VeritasError } from '../../src/contract/errors.js'
import { APPLIED, type Outcome, STALE } from '../../src/contract/records.js'
import { type Version, version } from '../../src/contract/values.js'

describe('splitBatches', () => {
  it('cuts by count', () => {
    expect([...splitBatches([1, 2, 3, 4, 5], { batchRecords: 2 })]).toEqual([[1, 2], [3, 4], [5]])
    expect([...splitBatches([], { batchRecords: 2 })]).toEqual([])
    expect([...splitBatches([1, 2], { batchRecords: 2 })]).toEqual([[1, 2]])
  })

  it('cuts by bytes, and lets one that is too large travel alone', () => {
    const size = (n: number): number => n
    const limits = { batchRecords: 100, batchBytes: 10 }
    expect([...splitBatches([4, 6, 1], limits, size)]).toEqual([[4, 6], [1]])
    expect([...splitBatches([1, 99, 1, 9], limits, size)]).toEqual([[1], [99], [1, 9]])
    expect([...splitBatches([99, 99], limits, size)]).toEqual([[99], [99]])
  })

  it('does not ask for sizes where no bytes are limited', () => {
    const size = (): number => {
      throw new Error('not needed')
    }
    expect([...splitBatches([1, 2], { batchRecords: 5 }, size)]).toEqual([[1, 2]])
  })

  it('keeps order and everything, never exceeds the limits, and never cuts where it need not', () => {
    const items = fc.array(fc.nat(20), { maxLength: 40 })
    fc.assert(
      fc.property(
        items,
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 30 }),
        (all, batchRecords, batchBytes) => {
          const batches = [...splitBatches(all, { batchRecords, batchBytes }, (n) => n)]
          expect(batches.flat()).toEqual(all)
          const bytes = (batch: readonly number[]): number => batch.reduce((sum, n) => sum + n, 0)
          batches.forEach((batch, i) => {
            expect(batch.length).toBeGreaterThan(0)
            expect(batch.length).toBeLessThanOrEqual(batchRecords)
            if (batch.length > 1) expect(bytes(batch)).toBeLessThanOrEqual(batchBytes)
            const next = batches[i + 1]?.[0]
            if (next !== undefined) expect(batch.length === batchRecords || bytes(batch) + next > batchBytes).toBe(true)
          })
        },
      ),
    )
  })
})

interface Item {
  readonly id: string
  readonly version: Version
  readonly value: number
}
type Store = Map<string, Item>

/** What a store does with one record after the other. */
function send(store: Store, items: readonly Item[], mode: UpsertMode): Outcome[] {
  return items.map((item) => {
    const there = store.get(item.id)
    const wins = !there || mode === 'replace' || (mode === 'ifNewer' && item.version >= there.version)
    if (wins) store.set(item.id, item)
    return wins ? APPLIED : STALE
  })
}

const item: fc.Arbitrary<Item> = fc.record({
  id: fc.constantFrom('a', 'b', 'c'),
  version: fc.nat(4).map((n) => version(n)),
  value: fc.nat(),
})
const modes: fc.Arbitrary<UpsertMode> = fc.constantFrom('replace', 'ifNewer', 'ifAbsent')
const identity = (i: Item): string => i.id

describe('uniqueBatch', () => {
  it('ends as if all were sent one after the other, whatever was there', () => {
    fc.assert(
      fc.property(fc.array(item), fc.array(item, { maxLength: 8 }), modes, (before, batch, mode) => {
        const one: Store = new Map()
        send(one, before, 'replace')
        const other: Store = new Map(one)
        send(one, batch, mode)
        send(other, uniqueBatch(batch, identity, mode).records, mode)
        expect(other).toEqual(one)
      }),
      { numRuns: 500 },
    )
  })

  it('answers as if all were sent one after the other, where nothing was there', () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 8 }), modes, (batch, mode) => {
        const expected = send(new Map(), batch, mode)
        const unique = uniqueBatch(batch, identity, mode)
        expect(unique.outcomes(send(new Map(), unique.records, mode))).toEqual(expected)
      }),
      { numRuns: 500 },
    )
  })

  it('answers stale to all of an identity whose stored record stays', () => {
    fc.assert(
      fc.property(fc.array(item), fc.array(item, { maxLength: 8 }), modes, (before, batch, mode) => {
        const store: Store = new Map()
        send(store, before, 'replace')
        const kept = new Map(store)
        const unique = uniqueBatch(batch, identity, mode)
        const answers = unique.outcomes(send(store, unique.records, mode))
        batch.forEach((record, i) => {
          if (kept.get(record.id) === store.get(record.id) && !batch.includes(store.get(record.id) as Item))
            expect(answers[i]).toBe(STALE)
          if (record === store.get(record.id)) expect(answers[i]).toBe(APPLIED)
        })
      }),
      { numRuns: 500 },
    )
  })

  it('holds each identity once, and hands on what has no duplicates as it is', () => {
    fc.assert(
      fc.property(fc.array(item), modes, (batch, mode) => {
        const { records } = uniqueBatch(batch, identity, mode)
        expect(new Set(records.map(identity)).size).toBe(records.length)
        expect(new Set(records.map(identity))).toEqual(new Set(batch.map(identity)))
      }),
    )
    const plain: Item[] = [
      { id: 'a', version: version(1), value: 1 },
      { id: 'b', version: version(1), value: 2 },
    ]
    expect(uniqueBatch(plain, identity, 'replace').records).toBe(plain)
  })

  it('a failure is the failure of all that it stands for', () => {
    const failed: Outcome = { status: 'failed', error: new VeritasError({ code: 'INTERNAL', message: 'x' }) }
    const batch: Item[] = [
      { id: 'a', version: version(1), value: 1 },
      { id: 'a', version: version(2), value: 2 },
      { id: 'b', version: version(1), value: 3 },
    ]
    expect(uniqueBatch(batch, identity, 'replace').outcomes([failed, APPLIED])).toEqual([failed, failed, APPLIED])
  })
})
