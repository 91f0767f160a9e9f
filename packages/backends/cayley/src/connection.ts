import {
  abortError,
  addressOf,
  type CallOptions,
  clientNumber,
  connectWithin,
  Lifecycle,
  type NamedCall,
  type ProbeResult,
  throwIfAborted,
  untilAborted,
  VeritasError,
} from '@veritas-db/core/contract'
import type { Dispatcher } from 'undici'
import type { CayleyConfig } from './config.js'
import { toVeritasError } from './errors.js'
import { Session } from './session.js'
import { Transport } from './transport.js'

/** The HTTP connections to one server. */
export class Connection {
  readonly engineId: string
  readonly #config: CayleyConfig
  readonly #target: string
  readonly #poolSize: number
  readonly #timeoutMs: number
  readonly #life = new Lifecycle('Cayley')
  /** The last write of each scope. */
  readonly #writes = new Map<string, Promise<unknown>>()
  #transport: Transport | undefined
  #pool: Dispatcher | undefined

  constructor(config: CayleyConfig, defaults: { readonly poolSize: number; readonly queryTimeoutMs: number }) {
    const { client, url } = config
    this.#config = config
    this.#target = addressOf(url)
    const base = new URL(url).pathname.replace(/\/+$/, '')
    const owner = client ? `client:${process.pid}:${clientNumber(client)}:` : ''
    this.engineId = `cayley:${owner}${this.#target.toLowerCase()}${base}`
    this.#poolSize = config.poolSize ?? defaults.poolSize
    this.#timeoutMs = config.queryTimeoutMs ?? defaults.queryTimeoutMs
  }

  async connect({ signal }: CallOptions = {}): Promise<void> {
    const connecting = { product: 'Cayley', target: this.#target, timeoutMs: this.#config.connectTimeoutMs }
    try {
      throwIfAborted(signal)
      await this.#life.open(() => connectWithin(connecting, (ending) => this.#connect(ending)), signal)
    } catch (error) {
      throw toVeritasError(error, { target: this.#target, operation: 'connect', signal })
    }
  }

  /** A real round trip. The server tells nobody which version it is. */
  probe(options: CallOptions = {}): Promise<ProbeResult> {
    return this.run({ ...options, operation: 'probe' }, async (session) => {
      await session.query('g.emit(1)', {})
      return { product: 'Cayley', version: 'unknown' }
    })
  }

  /** Waits for what is under way, then closes the connections of our own. */
  close(): Promise<void> {
    return this.#life.close(async () => {
      this.#transport = undefined
      await this.#pool?.close()
    })
  }

  /** Runs one call, which `close` waits for, and explains its errors. */
  async run<T>(call: NamedCall, work: (session: Session) => Promise<T>): Promise<T> {
    const { signal } = call
    let session: Session | undefined
    try {
      throwIfAborted(signal)
      return await this.#life.run(() => {
        session = new Session(this.#opened(), signal)
        return work(session)
      })
    } catch (error) {
      throw toVeritasError(error, { ...call, target: this.#target, changed: session?.changed ?? false })
    }
  }

  /** Lets the writes of a scope, in this process, read and write one after the other. */
  async inTurn<T>(scope: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const before = this.#writes.get(scope) ?? Promise.resolve()
    const turn = before.then(() => {
      throwIfAborted(signal)
      return work()
    })
    // Its caller gets the error; the next only waits.
    const done = turn.then(
      () => undefined,
      () => undefined,
    )
    this.#writes.set(scope, done)
    done.then(() => {
      if (this.#writes.get(scope) === done) this.#writes.delete(scope)
    })
    return untilAborted(turn, signal, (fired) => abortError(fired, { outcome: 'unknown' }))
  }

  #opened(): Transport {
    if (!this.#transport)
      throw new VeritasError({ code: 'INTERNAL', message: 'Cayley: no connection while it is open.' })
    return this.#transport
  }

  async #connect(ending: AbortSignal): Promise<void> {
    const transport = new Transport(this.#config.client ?? (await this.#ownPool()), this.#config)
    await new Session(transport, ending).query('g.emit(1)', {})
    this.#transport = transport
  }

  async #ownPool(): Promise<Dispatcher> {
    const { connectTimeoutMs, tls, url } = this.#config
    const { Pool } = await import('undici')
    this.#pool ??= new Pool(new URL(url).origin, {
      connections: this.#poolSize,
      headersTimeout: this.#timeoutMs,
      bodyTimeout: this.#timeoutMs,
      connect: {
        timeout: connectTimeoutMs,
        ...(tls?.ca !== undefined && { ca: tls.ca }),
        ...(tls?.cert !== undefined && { cert: tls.cert }),
        ...(tls?.key !== undefined && { key: tls.key.reveal() }),
        ...(tls?.rejectUnauthorized !== undefined && { rejectUnauthorized: tls.rejectUnauthorized }),
      },
    })
    return this.#pool
  }
}
