import {
  addressOf,
  type CallOptions,
  clientNumber,
  connectWithin,
  Lifecycle,
  type NamedCall,
  type ProbeResult,
  throwIfAborted,
  VeritasError,
} from '@veritas-db/core/contract'
import type { Dispatcher } from 'undici'
import type { HugeGraphConfig } from './config.js'
import { isMissing, Refusal, toVeritasError } from './errors.js'
import { type Place, Session } from './session.js'
import { Transport } from './transport.js'

/** The way to one server: a pool of connections, closed when the last call has ended. */
export class Connection {
  readonly engineId: string
  readonly #config: HugeGraphConfig
  readonly #target: string
  readonly #connectTimeoutMs: number
  readonly #life = new Lifecycle('HugeGraph')
  #open: { readonly transport: Transport; readonly place: Place } | undefined
  #pool: Dispatcher | undefined

  constructor(config: HugeGraphConfig, queryTimeoutMs: number) {
    const { client, url, graph, graphSpace, pathStyle } = config
    this.#config = config
    this.#target = addressOf(url)
    this.#connectTimeoutMs = config.connectTimeoutMs ?? queryTimeoutMs
    const place = pathStyle === 'graphspaces' ? `${graphSpace}/${graph}` : graph
    this.engineId = `hugegraph:${this.#target}/${place}${client ? `:injected:${clientNumber(client)}` : ''}`
  }

  async connect({ signal }: CallOptions = {}): Promise<void> {
    const connecting = { product: 'HugeGraph', target: this.#target, timeoutMs: this.#connectTimeoutMs }
    try {
      throwIfAborted(signal)
      await this.#life.open(() => connectWithin(connecting, (ending) => this.#connect(ending)), signal)
    } catch (error) {
      throw toVeritasError(error, { target: this.#target, operation: 'connect', signal })
    }
  }

  async probe(options: CallOptions = {}): Promise<ProbeResult> {
    return this.run({ ...options, operation: 'probe' }, async (session) => ({
      product: 'HugeGraph',
      version: (await versionOf(this.#opened().transport, session.signal)) ?? 'unknown',
    }))
  }

  /** Waits for what is under way, then closes the connections of our own. */
  close(): Promise<void> {
    return this.#life.close(async () => {
      this.#open = undefined
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
        const { transport, place } = this.#opened()
        session = new Session(transport, place, this.#config, signal)
        return work(session)
      })
    } catch (error) {
      throw toVeritasError(error, { ...call, target: this.#target, changed: session?.changed ?? false })
    }
  }

  #opened(): { readonly transport: Transport; readonly place: Place } {
    if (!this.#open) throw new VeritasError({ code: 'INTERNAL', message: 'HugeGraph: no connection while it is open.' })
    return this.#open
  }

  async #connect(ending: AbortSignal): Promise<void> {
    const transport = new Transport(this.#config.client ?? (await this.#ownPool()), this.#config)
    const place = this.#placeOf(await versionOf(transport, ending))
    const session = new Session(transport, place, this.#config, ending)
    await this.#checkGraph(session)
    // This needs credentials that are good, a graph that is there, and a Gremlin server that answers.
    await session.raw('graph.traversal() != null', {})
    this.#open = { transport, place }
  }

  async #ownPool(): Promise<Dispatcher> {
    const { Pool } = await import('undici')
    this.#pool ??= new Pool(new URL(this.#config.url).origin, {
      connections: this.#config.poolSize,
      // The manager limits how long a call takes; these would end what it allows.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { ...secure(this.#config.tls), timeout: this.#connectTimeoutMs },
    })
    return this.#pool
  }

  /** A script for a graph that is not there would also make the server fail at the next one (1.5.0). */
  async #checkGraph(session: Session): Promise<void> {
    const { graph, graphSpace } = this.#config
    try {
      await session.send('GET', '')
    } catch (error) {
      if (!isMissing(error) && !(error instanceof Refusal && error.status === 400)) throw error
      throw new VeritasError({
        code: 'CONFIGURATION',
        message: `HugeGraph at ${this.#target} has no graph "${graph}", or no graph space "${graphSpace}": set graph, graphSpace and pathStyle.`,
        cause: error,
      })
    }
  }

  #placeOf(version: string | undefined): Place {
    const { pathStyle, graph, graphSpace } = this.#config
    const [major = 1, minor = 0] = (version ?? '').split('.').map(Number)
    const spaces = pathStyle === 'auto' ? major > 1 || minor >= 7 : pathStyle === 'graphspaces'
    return spaces
      ? { path: `/graphspaces/${graphSpace}/graphs/${graph}`, alias: `${graphSpace}-${graph}` }
      : { path: `/graphs/${graph}`, alias: graph }
  }
}

const secure = (tls: HugeGraphConfig['tls'] = {}): Record<string, unknown> => {
  const { key, passphrase, ...plain } = tls
  const given = Object.entries({ ...plain, key: key?.reveal(), passphrase: passphrase?.reveal() })
  return Object.fromEntries(given.filter(([, value]) => value !== undefined))
}

const versionOf = async (transport: Transport, signal: AbortSignal | undefined): Promise<string | undefined> => {
  const answer = await transport.send('GET', '/versions', undefined, signal)
  const core = (answer as { versions?: { core?: unknown } } | null)?.versions?.core
  return typeof core === 'string' ? core : undefined
}
