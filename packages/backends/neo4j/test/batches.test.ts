import { setTimeout as sleep } from 'node:timers/promises'
import { failureOf } from '@veritas-db/conformance/network'
import { describe, expect, it } from 'vitest'
import { BatchSize, inBatches, limits } from '../src/batches.js'

describe('the size of batches', () => {
  it('halves where the server is slow, grows again where it is not, and stays within the limits', () => {
    const size = new BatchSize()
    expect(size.records).toBe(limits.batchRecords)
    size.took(10)
    expect(size.records).toBe(limits.batchRecords)
    size.took(3000)
    expect(size.records).toBe(limits.batchRecords / 2)
    size.took(1000)
    expect(size.records).toBe(limits.batchRecords / 2)
    size.took(10)
    expect(size.records).toBeGreaterThan(limits.batchRecords / 2)
    for (let i = 0; i < 100; i++) size.took(60_000)
    expect(size.records).toBeGreaterThan(0)
    for (let i = 0; i < 100; i++) size.took(1)
    expect(size.records).toBe(limits.batchRecords)
  })

  const cut = async (items: readonly number[], sizeOf: (item: number) => number): Promise<number[]> => {
    const batches: number[][] = []
    await inBatches(items, new BatchSize(), sizeOf, undefined, async (batch) => {
      batches.push([...batch])
    })
    expect(batches.flat()).toEqual(items)
    return batches.map((batch) => batch.length)
  }

  it('goes by count and by bytes, and leaves nothing out', async () => {
    const items = Array.from({ length: limits.batchRecords + 1 }, (_, i) => i)
    expect(await cut(items, () => 1)).toEqual([limits.batchRecords, 1])
    expect(await cut([1, 2, 3, 4, 5], () => 2 * 1024 * 1024)).toEqual([2, 2, 1])
    expect(await cut([1, 2], () => 1e9)).toEqual([1, 1])
    expect(await cut([], () => 1)).toEqual([])
  })

  it('stops between batches when the signal fires', async () => {
    const controller = new AbortController()
    let done = 0
    const work = inBatches(
      [1, 2, 3],
      new BatchSize(),
      () => 1e9,
      controller.signal,
      async () => {
        done++
        await sleep(1)
        controller.abort()
      },
    )
    expect((await failureOf(work)).code).toBe('ABORTED')
    expect(done).toBe(1)
  })
})
