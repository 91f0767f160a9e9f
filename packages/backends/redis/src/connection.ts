import {
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
import type { InjectedClient, RedisConfig } from './config.js'
import { isNoScript, toVeritasError } from './errors.js'
import type { Script } from './scripts.js'

type Redis = typeof import('redis')
type OwnClient = ReturnType<Redis['createClient']>
/** What a command is made of. */
export type Argument = string | Buffer

/** An answer of RESP 2; texts are `Buffer`s where they were asked for as bytes. */
export type Reply = string | number | Buffer | null | readonly Reply[]

/** RESP's mark of a text, by which the client is told to hand it over as bytes. */
const BYTES = { 36: Buffer } as const

/** Time is limited by the manager's signals; the client's own limit, a signal for each command, takes a fifth of a read's time. */
const OURS = { timeout: 0 } as const
const OURS_IN_BYTES = { ...OURS, typeMapping: BYTES } as const

/** One call, on one connection, so that its commands arrive in order. */
export class Session {
  readonly signal: AbortSignal | undefined
  /** Whether a part of the call's work has been done, so that its failure leaves that part behind. */
  changed = false
  readonly #client: InjectedClient

  constructor(client: InjectedClient, signal: AbortSignal | undefined) {
    this.#client = client
    this.signal = signal
  }

  /** Sends one command. */
  send(args: readonly Argument[], bytes = false): Promise<Reply> {
    const options = bytes ? OURS_IN_BYTES : OURS
    const { signal } = this
    if (!signal) return this.#client.sendCommand<Reply>(args, options)
    throwIfAborted(signal)
    return untilAborted(this.#client.sendCommand<Reply>(args, { ...options, abortSignal: signal }), signal, reasonOf)
  }

  /** Which of some commands the server has. A user who may not ask is taken to have them all. */
  async knows(commands: readonly string[]): Promise<boolean[]> {
    try {
      const found = (await this.send(['COMMAND', 'INFO', ...commands])) as readonly Reply[]
      return commands.map((_, i) => (found[i] ?? null) !== null)
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOPERM')) throw error
      return commands.map(() => true)
    }
  }

  /** Sends commands that the server carries out together, or not at all. */
  async transaction(commands: readonly (readonly Argument[])[]): Promise<readonly Reply[]> {
    throwIfAborted(this.signal)
    // A connection that the client makes anew in between must not be given the rest of it.
    const options = { ...OURS, chainId: Symbol('transaction') }
    const answers = Promise.all(
      [['MULTI'], ...commands, ['EXEC']].map((args) => this.#client.sendCommand<Reply>(args, options)),
    )
    const replies = (await untilAborted(answers, this.signal, reasonOf)).at(-1) as readonly Reply[]
    for (const reply of replies) if (reply instanceof Error) throw reply
    return replies
  }

  /** Runs a script, which is sent as a whole where the server does not have it yet. */
  async run(script: Script, keys: readonly string[], args: readonly Argument[], bytes = false): Promise<Reply> {
    const rest = [String(keys.length), ...keys, ...args]
    try {
      return await this.send(['EVALSHA', script.sha, ...rest], bytes)
    } catch (error) {
      if (!isNoScript(error)) throw error
      return this.send(['EVAL', script.text, ...rest], bytes)
    }
  }
}

/** The way to one server: connections that are opened once, opened again by the next call where they broke, and closed when the last call has ended. */
export class Connection {
  readonly engineId: string
  /** How long a query may work on the server, in milliseconds. */
  readonly queryTimeoutMs: number
  readonly #config: RedisConfig
  readonly #target: string
  readonly #connectTimeoutMs: number
  readonly #life = new Lifecycle('Redis')
  readonly #clients: (OwnClient | undefined)[]
  readonly #opening = new Map<number, Promise<OwnClient>>()
  #turn = 0

  constructor(config: RedisConfig, queryTimeoutMs: number) {
    const { client, host, port, database } = config
    const target = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
    this.#config = config
    this.#target = client ? `the injected client's address` : target
    this.#connectTimeoutMs = config.connectTimeoutMs ?? queryTimeoutMs
    this.#clients = Array.from({ length: config.poolSize })
    this.queryTimeoutMs = queryTimeoutMs
    this.engineId = client ? `redis:injected:${clientNumber(client)}` : `redis:${target}/${database}`
  }

  /** Opens the first connection and lets `prepare` ask the server, once for all callers; after a failure the next one tries again. */
  async connect(prepare: (session: Session) => Promise<void>, { signal }: CallOptions = {}): Promise<void> {
    try {
      throwIfAborted(signal)
      await this.#life.open(() => this.#begin(prepare), signal)
    } catch (error) {
      throw toVeritasError(error, { operation: 'connect', target: this.#target, signal })
    }
  }

  async #begin(prepare: (session: Session) => Promise<void>): Promise<void> {
    if (this.#config.client) {
      const { options: made } = this.#config.client
      if (made && made.RESP !== 2)
        throw new VeritasError({
          code: 'CONFIGURATION',
          message: 'The injected client speaks RESP 3: make it with createClient({ RESP: 2 }).',
        })
    }
    try {
      // Not with a caller's signal: others may be waiting for the same attempt.
      await this.#within(async (limit) => {
        const session = new Session(this.#config.client ?? (await this.#client(limit)), limit)
        await session.send(['PING'])
        await prepare(session)
      })
    } catch (error) {
      this.#release()
      throw error
    }
  }

  #within<T>(work: (limit: AbortSignal) => Promise<T>): Promise<T> {
    return connectWithin({ product: 'Redis', target: this.#target, timeoutMs: this.#connectTimeoutMs }, work)
  }

  async probe(options: CallOptions = {}): Promise<ProbeResult> {
    const info = await this.run({ ...options, operation: 'probe' }, (session) => session.send(['INFO', 'server']))
    const version = /^redis_version:(\S+)/m.exec(String(info))?.[1]
    return { product: 'Redis', version: version ?? 'unknown' }
  }

  /** Waits for what is under way, then closes the connections of our own. */
  close(): Promise<void> {
    return this.#life.close(async () => {
      await Promise.allSettled(this.#opening.values())
      this.#release()
    })
  }

  /** Ends connections at once: calls have ended, and what an aborted one has left behind might never be answered. */
  #release(): void {
    for (const client of this.#clients) if (client?.isOpen) client.destroy()
    this.#clients.fill(undefined)
  }

  /** Runs one call, which `close` waits for, and explains its errors. */
  async run<T>(call: NamedCall, work: (session: Session) => Promise<T>): Promise<T> {
    const { signal } = call
    const begun: { session?: Session } = {}
    try {
      throwIfAborted(signal)
      return await this.#life.run(async () => {
        const session = new Session(this.#config.client ?? (await this.#client(signal)), signal)
        begun.session = session
        return work(session)
      })
    } catch (error) {
      throw toVeritasError(error, {
        ...call,
        // Until there is a session, nothing was sent.
        write: (call.write ?? false) && begun.session !== undefined,
        target: this.#target,
        changed: begun.session?.changed ?? false,
      })
    }
  }

  /** The next connection; one that broke is made anew. */
  async #client(signal: AbortSignal | undefined): Promise<OwnClient> {
    const place = this.#turn++ % this.#clients.length
    const there = this.#clients[place]
    if (there?.isReady) return there
    let opening = this.#opening.get(place)
    if (!opening) {
      opening = this.#open(place).finally(() => this.#opening.delete(place))
      this.#opening.set(place, opening)
      // The call that waits for it may be aborted meanwhile, and then nobody else looks at a failure.
      opening.catch(() => undefined)
    }
    return untilAborted(opening, signal, reasonOf)
  }

  async #open(place: number): Promise<OwnClient> {
    const { host, port, tls, username, password, database } = this.#config
    const { createClient } = await import('redis')
    const common = {
      // After our own limit: it ends a socket that `destroy` does not know yet.
      connectTimeout: this.#connectTimeoutMs + 100,
      reconnectStrategy: false as const,
      host,
      port,
    }
    const client = createClient({
      RESP: 2,
      socket: tls ? { ...tls, key: tls.key?.reveal(), ...common, tls: true } : common,
      database,
      // Without a connection a command fails at once: the manager decides whether to try again.
      disableOfflineQueue: true,
      disableClientInfo: true,
      ...(username !== undefined && { username }),
      ...(password && { password: password.reveal() }),
    })
    // Calls are told of what breaks; without a listener the process would end.
    client.on('error', () => undefined)
    try {
      await this.#within(() => client.connect())
      // Before it no longer counts as being opened: `close` finds it in one place or the other.
      this.#clients[place] = client as OwnClient
      return client as OwnClient
    } catch (error) {
      if (client.isOpen) client.destroy()
      throw error
    }
  }
}

/** Left as it is: what explains the errors of a call knows whether it may have changed something. */
const reasonOf = (signal: AbortSignal): unknown => signal.reason
