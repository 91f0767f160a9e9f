import { randomBytes } from 'node:crypto'
import {
  type CallOptions,
  type ProbeResult,
  type RoleName,
  throwIfAborted,
  VeritasError,
} from '@veritas-db/core/contract'
import type { Dispatcher } from 'undici'
import type { HugeGraphConfig } from './config.js'
import { isExisting, isMissing, isUndefined, Refusal, toVeritasError } from './errors.js'
import { type CommonNames, commonNames } from './names.js'
import { type Method, Transport } from './transport.js'

const injected = new WeakMap<Dispatcher, number>()
let injectedCount = 0
const numberOf = (client: Dispatcher): number => {
  const number = injected.get(client) ?? ++injectedCount
  injected.set(client, number)
  return number
}

/** What a call says of itself, for its errors. */
export interface Call extends CallOptions {
  readonly operation: string
  readonly role?: RoleName
  /** Whether it changes anything. */
  readonly write?: boolean
}

/** Where the graph is: the path of its resources, and the name under which scripts find it. */
interface Place {
  readonly path: string
  readonly alias: string
}

/** One call. */
export class Session {
  readonly signal: AbortSignal | undefined
  /** Whether a part of the call's work has been done, so that its failure leaves that part behind. */
  changed = false
  readonly #transport: Transport
  readonly #place: Place
  readonly #names: CommonNames
  readonly #maxScriptBytes: number

  constructor(transport: Transport, place: Place, config: HugeGraphConfig, signal: AbortSignal | undefined) {
    this.#transport = transport
    this.#place = place
    this.#names = commonNames(config.prefix)
    this.#maxScriptBytes = config.maxScriptBytes
    this.signal = signal
  }

  /** Sends one request for a resource of the graph, such as `/schema/vertexlabels`. */
  async send(method: Method, path: string, body?: unknown): Promise<unknown> {
    throwIfAborted(this.signal)
    return this.#transport.send(method, this.#place.path + path, body, this.signal)
  }

  /** Runs one of our scripts. Arguments that are too long for its request are stored as a vertex first, which the script takes. */
  async run(script: string, args: Readonly<Record<string, unknown>>): Promise<readonly unknown[]> {
    const z = JSON.stringify(args)
    const l = this.#names.data
    const body = this.#request(script, { z, s: '', l })
    if (Buffer.byteLength(body) <= this.#maxScriptBytes) return this.#post(body)
    const s = `${this.#names.stage}:${randomBytes(12).toString('hex')}`
    await this.#stage(s, z)
    try {
      return await this.#post(this.#request(script, { z: '', s, l }))
    } catch (error) {
      // A script that failed has taken nothing back; one that was cut off may still be running, and takes it.
      if (error instanceof Refusal) await this.#unstage(s)
      throw error
    }
  }

  /** Runs a script of the user's. */
  async raw(query: string, parameters: Readonly<Record<string, unknown>>): Promise<readonly unknown[]> {
    throwIfAborted(this.signal)
    return this.#post(this.#request(query, parameters))
  }

  #request(gremlin: string, bindings: Readonly<Record<string, unknown>>): string {
    const { alias } = this.#place
    const aliases = { graph: alias, g: `__g_${alias}` }
    return JSON.stringify({ gremlin, bindings, language: 'gremlin-groovy', aliases })
  }

  async #post(body: string): Promise<readonly unknown[]> {
    throwIfAborted(this.signal)
    const answer = await this.#transport.send('POST', '/gremlin', body, this.signal)
    const data = (answer as { result?: { data?: unknown } } | null)?.result?.data
    return Array.isArray(data) ? data : data === undefined || data === null ? [] : [data]
  }

  async #stage(id: string, text: string): Promise<void> {
    const { stage, data } = this.#names
    const vertex = { label: stage, id, properties: { [data]: text } }
    try {
      await this.send('POST', '/graph/vertices', vertex)
    } catch (error) {
      if (!isUndefined(error)) throw error
      await this.makeLabel('propertykeys', { name: data, data_type: 'TEXT', cardinality: 'SINGLE' })
      await this.makeLabel('vertexlabels', {
        name: stage,
        id_strategy: 'CUSTOMIZE_STRING',
        properties: [data],
        enable_label_index: true,
      })
      await this.send('POST', '/graph/vertices', vertex)
    }
  }

  async #unstage(id: string): Promise<void> {
    try {
      await this.send('DELETE', `/graph/vertices/${encodeURIComponent(JSON.stringify(id))}`)
    } catch (error) {
      // What failed is what the caller has to know; the rest is dropped with the label.
      if (!(error instanceof Refusal)) throw error
    }
  }

  /** Makes a part of the schema where it is not there. Answers what the server says of it. */
  async makeLabel(kind: string, definition: Readonly<Record<string, unknown>>): Promise<unknown> {
    try {
      return await this.send('POST', `/schema/${kind}`, { ...definition, check_exist: false })
    } catch (error) {
      if (!isExisting(error)) throw error
      return this.send('GET', `/schema/${kind}/${encodeURIComponent(String(definition.name))}`)
    }
  }
}

/** The way to one server: a pool of connections, closed when the last call has ended. */
export class Connection {
  readonly engineId: string
  readonly #config: HugeGraphConfig
  readonly #target: string
  readonly #connectTimeoutMs: number
  readonly #running = new Set<Promise<unknown>>()
  #opening: Promise<void> | undefined
  #open: { readonly transport: Transport; readonly place: Place } | undefined
  #pool: Dispatcher | undefined
  #closing: Promise<void> | undefined

  constructor(config: HugeGraphConfig, queryTimeoutMs: number) {
    const { client, url, graph, graphSpace, pathStyle } = config
    this.#config = config
    this.#target = withPort(url)
    this.#connectTimeoutMs = config.connectTimeoutMs ?? queryTimeoutMs
    const place = pathStyle === 'graphspaces' ? `${graphSpace}/${graph}` : graph
    this.engineId = `hugegraph:${this.#target}/${place}${client ? `:injected:${numberOf(client)}` : ''}`
  }

  async connect(options: CallOptions = {}): Promise<void> {
    const { signal } = options
    throwIfAborted(signal)
    if (this.#closing) throw closedError()
    this.#opening ??= this.#connect(signal).catch((error: unknown) => {
      this.#opening = undefined
      throw error
    })
    await this.#opening
  }

  async probe(options: CallOptions = {}): Promise<ProbeResult> {
    return this.run({ ...options, operation: 'probe' }, async (session) => {
      const transport = this.#open?.transport
      const version = transport ? await versionOf(transport, session.signal) : undefined
      return { product: 'HugeGraph', version: version ?? 'unknown' }
    })
  }

  /** Waits for what is under way, then closes the connections of our own. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await Promise.allSettled([...this.#running, this.#opening])
    this.#open = undefined
    const pool = this.#pool
    this.#pool = undefined
    await pool?.close()
  }

  /** Runs one call, which `close` waits for, and explains its errors. */
  run<T>(call: Call, work: (session: Session) => Promise<T>): Promise<T> {
    const promise = this.#run(call, work)
    this.#running.add(promise)
    const forget = (): void => {
      this.#running.delete(promise)
    }
    promise.then(forget, forget)
    return promise
  }

  async #run<T>(call: Call, work: (session: Session) => Promise<T>): Promise<T> {
    const { signal } = call
    let session: Session | undefined
    try {
      throwIfAborted(signal)
      if (this.#closing) throw closedError()
      if (!this.#open)
        throw new VeritasError({ code: 'CONNECTION', message: 'HugeGraph is not connected: call connect() first.' })
      session = new Session(this.#open.transport, this.#open.place, this.#config, signal)
      return await work(session)
    } catch (error) {
      throw toVeritasError(error, { ...call, target: this.#target, changed: session?.changed ?? false })
    }
  }

  async #connect(signal: AbortSignal | undefined): Promise<void> {
    const { client, tls, url } = this.#config
    const limit = AbortSignal.timeout(this.#connectTimeoutMs)
    const ending = signal ? AbortSignal.any([signal, limit]) : limit
    try {
      if (!client) {
        const { Pool } = await import('undici')
        this.#pool ??= new Pool(new URL(url).origin, {
          connections: this.#config.poolSize,
          // The manager limits how long a call takes; these only end what nobody waits for any more.
          headersTimeout: 0,
          bodyTimeout: 0,
          connect: { ...tls, timeout: this.#connectTimeoutMs },
        })
      }
      const transport = new Transport(client ?? (this.#pool as Dispatcher), this.#config)
      const place = this.#placeOf(await versionOf(transport, ending))
      const session = new Session(transport, place, this.#config, ending)
      await this.#checkGraph(session)
      // This needs credentials that are good, a graph that is there, and a Gremlin server that answers.
      await session.raw('graph.traversal() != null', {})
      this.#open = { transport, place }
    } catch (error) {
      if (limit.aborted && !signal?.aborted)
        throw new VeritasError({
          code: 'CONNECTION',
          backend: 'hugegraph',
          operation: 'connect',
          message: `HugeGraph at ${this.#target} did not answer within ${this.#connectTimeoutMs} ms.`,
          cause: error,
        })
      throw toVeritasError(error, { target: this.#target, operation: 'connect', signal })
    }
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

const versionOf = async (transport: Transport, signal: AbortSignal | undefined): Promise<string | undefined> => {
  const answer = await transport.send('GET', '/versions', undefined, signal)
  const core = (answer as { versions?: { core?: unknown } } | null)?.versions?.core
  return typeof core === 'string' ? core : undefined
}

const closedError = (): VeritasError =>
  new VeritasError({ code: 'CONNECTION', message: 'The connection to HugeGraph has been closed.', retryable: false })

/** Host and port of a URL, also where the port is the protocol's own. */
const withPort = (url: string): string => {
  const { hostname, port, protocol } = new URL(url)
  return `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`
}
