import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { addressOf, clientNumber, connectWithin, Lifecycle, VeritasError } from '../../src/contract/index.js'

const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('the life of a connection', () => {
  it('opens once for all that ask, and again after a failure', async () => {
    const life = new Lifecycle('Mine')
    let opened = 0
    const open = async (): Promise<void> => {
      await sleep(5)
      if (++opened === 1) throw new Error('not yet')
    }
    const [one, two] = await Promise.allSettled([life.open(open), life.open(open)])
    expect([one.status, two.status, opened]).toEqual(['rejected', 'rejected', 1])
    await Promise.all([life.open(open), life.open(open)])
    await life.open(open)
    expect(opened).toBe(2)
  })

  it('a caller that gives up does not stop the opening for others', async () => {
    const life = new Lifecycle('Mine')
    const { promise, resolve } = Promise.withResolvers<void>()
    const impatient = failure(life.open(() => promise, AbortSignal.timeout(5)))
    const patient = life.open(() => Promise.reject(new Error('opened twice')))
    expect(await impatient).toMatchObject({ code: 'ABORTED' })
    resolve()
    await patient
    expect(await life.run(async () => 7)).toBe(7)
  })

  it('runs nothing before it is open or after it is closed, and says which', async () => {
    const life = new Lifecycle('Mine')
    const run = (): Promise<unknown> => failure(life.run(async () => 1))
    expect(await run()).toMatchObject({ code: 'CONNECTION', message: 'Mine is not connected: call connect() first.' })
    await life.open(async () => undefined)
    expect(await run()).toBeUndefined()
    await life.close(() => undefined)
    const closed = { code: 'CONNECTION', retryable: false, message: 'The connection to Mine has been closed.' }
    expect(await run()).toMatchObject(closed)
    expect(await failure(life.open(async () => undefined))).toMatchObject(closed)
    expect(life.closed).toBe(true)
  })

  it('closes once, after what is under way, however that ends', async () => {
    const life = new Lifecycle('Mine')
    const events: string[] = []
    const opening = life.open(async () => {
      await sleep(10)
      events.push('open')
    })
    const early = life.close(() => {
      events.push('released')
    })
    await Promise.all([opening, early])
    expect(events).toEqual(['open', 'released'])

    const other = new Lifecycle('Mine')
    await other.open(async () => undefined)
    const calls = [sleep(20), sleep(5).then(() => Promise.reject(new Error('broke')))].map((call) =>
      failure(other.run(() => call)).then(() => events.push('call')),
    )
    const release = async (): Promise<void> => void events.push('released')
    await Promise.all([other.close(release), other.close(release), ...calls])
    expect(events.slice(2)).toEqual(['call', 'call', 'released'])
  })
})

describe('connecting within a time', () => {
  const at = { product: 'Mine', target: 'db:7', timeoutMs: 20 }

  it('gives what the work gives, or its error', async () => {
    expect(await connectWithin(at, async () => 3)).toBe(3)
    const error = new VeritasError({ code: 'AUTHENTICATION', message: 'no' })
    expect(await failure(connectWithin(at, () => Promise.reject(error)))).toBe(error)
  })

  it('ends when the time is over, also where nobody listens, and says where and when', async () => {
    const error = await failure(connectWithin(at, () => new Promise(() => undefined)))
    expect(error).toMatchObject({ code: 'CONNECTION', outcome: 'not-applied', retryable: true })
    expect((error as Error).message).toBe('Mine at db:7 did not answer within 20 ms.')
  })

  it('ends with the caller’s reason where the caller gives up', async () => {
    const reason = new Error('enough')
    const signal = AbortSignal.abort(reason)
    expect(await failure(connectWithin({ ...at, signal }, () => new Promise(() => undefined)))).toBe(reason)
  })
})

it('a client keeps its number', () => {
  const [one, two] = [{}, {}]
  expect(clientNumber(one)).toBe(clientNumber(one))
  expect(clientNumber(two)).not.toBe(clientNumber(one))
})

it('an address has a port, also where it is the protocol’s own', () => {
  expect(addressOf('http://x')).toBe('x:80')
  expect(addressOf('https://x/path')).toBe('x:443')
  expect(addressOf('https://x:8443')).toBe('x:8443')
  expect(addressOf('bolt://u:p@[::1]', { 'bolt:': 7687 })).toBe('[::1]:7687')
  expect(addressOf('bolt://x')).toBe('x')
})
