import { describe, expect, it } from 'vitest'
import { CallsUnderWay, inParallel, untilAborted } from '../../src/contract/calls.js'
import { abortError, throwIfAborted, VeritasError } from '../../src/contract/errors.js'

const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('CallsUnderWay', () => {
  it('waits for what is under way, however it ends, and not for what is over', async () => {
    const calls = new CallsUnderWay()
    await calls.ended()
    const ended: string[] = []
    const [good, bad] = [Promise.withResolvers<number>(), Promise.withResolvers<number>()]
    const first = calls.add(good.promise)
    const second = failure(calls.add(bad.promise))
    const all = calls.ended().then(() => ended.push('all'))
    good.resolve(1)
    expect(await first).toBe(1)
    expect(ended).toEqual([])
    bad.reject(new Error('no'))
    expect(await second).toMatchObject({ message: 'no' })
    await all
    await calls.ended()
  })
})

describe('untilAborted', () => {
  it('gives what the work gives, with or without a signal, and leaves no listener', async () => {
    const { signal } = new AbortController()
    expect(await untilAborted(Promise.resolve(1), undefined)).toBe(1)
    expect(await untilAborted(Promise.resolve(2), signal)).toBe(2)
    expect(await failure(untilAborted(Promise.reject(new Error('no')), signal))).toMatchObject({ message: 'no' })
  })

  it('ends when the signal fires, or has fired, and minds no error of the work behind', async () => {
    const controller = new AbortController()
    const { promise, reject } = Promise.withResolvers<never>()
    const waiting = failure(untilAborted(promise, controller.signal))
    controller.abort(new Error('enough'))
    expect(await waiting).toMatchObject({ code: 'ABORTED', outcome: 'not-applied', cause: { message: 'enough' } })
    expect(await failure(untilAborted(promise, controller.signal))).toMatchObject({ code: 'ABORTED' })
    expect(await failure(untilAborted(promise, controller.signal, () => 'own'))).toBe('own')
    // Unhandled, it would fail the run.
    reject(new Error('late'))
    await new Promise((resolve) => setImmediate(resolve))
  })
})

describe('abortError', () => {
  it('is ABORTED, and knows what the call says of itself', () => {
    const signal = AbortSignal.abort('why')
    expect(abortError(signal, { outcome: 'unknown', backend: 'x', operation: 'upsert' })).toMatchObject({
      code: 'ABORTED',
      outcome: 'unknown',
      backend: 'x',
      operation: 'upsert',
      message: 'The operation was aborted.',
      cause: 'why',
    })
  })

  it("is the signal's reason where that says more", () => {
    const late = new VeritasError({ code: 'TIMEOUT', message: 'too late' })
    const signal = AbortSignal.abort(late)
    expect(abortError(signal)).toBe(late)
    expect(() => throwIfAborted(signal)).toThrow(late)
    expect(abortError(signal, { outcome: 'unknown' })).toMatchObject({
      code: 'TIMEOUT',
      outcome: 'unknown',
      message: 'too late',
    })
  })
})

describe('inParallel', () => {
  it('answers in the order of the items, with so many under way at once', async () => {
    let underWay = 0
    let most = 0
    const answers = await inParallel([30, 5, 20, 1], 2, async (delayMs) => {
      most = Math.max(most, ++underWay)
      await new Promise((resolve) => setTimeout(resolve, delayMs))
      underWay--
      return delayMs * 2
    })
    expect([answers, most]).toEqual([[60, 10, 40, 2], 2])
    expect(await inParallel([], 3, () => Promise.reject(new Error('nothing to do')))).toEqual([])
  })

  it('starts nothing new after a failure, and waits for what is under way before it throws the first', async () => {
    const ended: number[] = []
    const failing = inParallel([1, 2, 3, 4], 2, async (item) => {
      if (item === 1) throw new Error('first')
      await new Promise((resolve) => setTimeout(resolve, 10))
      ended.push(item)
      throw new Error('second')
    })
    await expect(failing).rejects.toThrow('first')
    expect(ended).toEqual([2])
  })
})
