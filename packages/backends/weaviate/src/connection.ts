import {
  addressOf,
  type CallOptions,
  clientNumber,
  connectWithin,
  Lifecycle,
  type NamedCall,
  type ProbeResult,
  throwIfAborted,
  untilAborted,
} from '@veritas-db/core/contract'
import type { ClientParams, WeaviateClient } from 'weaviate-client'
import type { WeaviateConfig } from './config.js'
import { StatusError, toVeritasError } from './errors.js'
import { type GrpcAddress, reach } from './reach.js'

/** One call. */
export interface Session {
  readonly client: WeaviateClient
  readonly signal: AbortSignal | undefined
  /** Whether a part of the call's work has been done, so that its failure leaves that part behind. */
  changed: boolean
  /** Runs a request over gRPC, which ends when the signal fires or nothing listens there. */
  grpc<T>(request: (signal: AbortSignal) => Promise<T>): Promise<T>
  /** Runs a request over REST, which is left to itself when the signal fires: the client knows no signals there. */
  rest<T>(request: Promise<T>): Promise<T>
  /** Posts to the REST API what the client has no method for, such as a path like `/batch/objects`. */
  post(path: string, body: unknown): Promise<unknown>
}

/** How long a request over gRPC may take before it is asked whether anybody listens, in milliseconds. */
const WATCH_AFTER_MS = 250

/** The way to one server: opened once, and closed when the last call has ended. */
export class Connection {
  readonly engineId: string
  readonly #config: WeaviateConfig
  readonly #target: string
  readonly #grpc: GrpcAddress
  readonly #queryTimeoutMs: number
  readonly #life = new Lifecycle('Weaviate')
  #client: WeaviateClient | undefined

  constructor(config: WeaviateConfig, queryTimeoutMs: number) {
    const { client, url } = config
    this.#config = config
    this.#target = client ? "the injected client's address" : addressOf(url)
    this.#grpc = grpcAddress(config)
    this.#queryTimeoutMs = queryTimeoutMs
    this.engineId = client ? `weaviate:injected:${clientNumber(client)}` : `weaviate:${addressOf(url)}`
  }

  async connect({ signal }: CallOptions = {}): Promise<void> {
    try {
      throwIfAborted(signal)
      await this.#life.open(() => this.#open(), signal)
    } catch (error) {
      throw toVeritasError(error, { target: this.#target, operation: 'connect', signal })
    }
  }

  async probe(options: CallOptions = {}): Promise<ProbeResult> {
    return this.run({ ...options, operation: 'probe' }, async (session) => {
      const { version } = await session.rest(session.client.getMeta())
      return { product: 'Weaviate', version: version === undefined || version === '' ? 'unknown' : version }
    })
  }

  /** Waits for what is under way, then closes the client, unless it was injected. */
  close(): Promise<void> {
    return this.#life.close(async () => {
      const client = this.#client
      this.#client = undefined
      if (client && !this.#config.client) await shut(client)
    })
  }

  /** Runs one call, which `close` waits for, and explains its errors. */
  async run<T>(call: NamedCall, work: (session: Session) => Promise<T>): Promise<T> {
    const { signal } = call
    let session: Session | undefined
    try {
      throwIfAborted(signal)
      return await this.#life.run(() => {
        session = this.#session(signal)
        return work(session)
      })
    } catch (error) {
      throw toVeritasError(error, { ...call, target: this.#target, changed: session?.changed ?? false })
    }
  }

  #session(signal: AbortSignal | undefined): Session {
    const client = this.#client
    if (!client) throw new Error('There is no client before the connection is open.')
    return {
      client,
      signal,
      changed: false,
      grpc: (request) => this.#watched(signal, request),
      rest: (request) => untilAborted(request, signal, reasonOf),
      post: (path, body) => this.#post(client, path, body, signal),
    }
  }

  async #post(client: WeaviateClient, path: string, body: unknown, signal: AbortSignal | undefined): Promise<unknown> {
    const { bearerToken, headers: own } = await untilAborted(client.getConnectionDetails(), signal, reasonOf)
    const headers = new Headers(own)
    headers.set('content-type', 'application/json')
    if (bearerToken !== undefined) headers.set('authorization', bearerToken)
    const url = `${this.#config.url.replace(/\/+$/, '')}/v1${path}`
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
      ...(signal && { signal }),
    })
    if (!response.ok) throw new StatusError(response.status, await response.text())
    return response.json()
  }

  /**
   * The client tries a request over gRPC five times where the server is unavailable, 15 s in all, and that cannot be turned off.
   * So a request that takes longer than a moment is ended where nobody listens at the address.
   */
  async #watched<T>(signal: AbortSignal | undefined, request: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController()
    const stop = (): void => controller.abort(signal?.reason)
    signal?.addEventListener('abort', stop, { once: true })
    const timer = setTimeout(() => {
      this.#reach().catch((error: unknown) => controller.abort(error))
    }, WATCH_AFTER_MS)
    try {
      return await untilAborted(request(controller.signal), controller.signal, reasonOf)
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
    }
  }

  /** Rejects where gRPC cannot be reached. Where that of an injected client is, or what a proxy connects to, is not known. */
  async #reach(signal?: AbortSignal): Promise<void> {
    if (this.#config.client || this.#config.grpcProxyUrl !== undefined) return
    await reach(this.#grpc, signal)
  }

  async #open(): Promise<void> {
    const timeoutMs = this.#config.connectTimeoutMs ?? this.#queryTimeoutMs
    const client = this.#config.client ?? (await this.#make())
    try {
      await connectWithin({ product: 'Weaviate', target: this.#target, timeoutMs }, async (signal) => {
        // The schema needs good credentials and a leader.
        await client.collections.exists('Veritas')
        await this.#reach(signal)
      })
      this.#client = client
    } catch (error) {
      if (!this.#config.client) await shut(client)
      throw error
    }
  }

  async #make(): Promise<WeaviateClient> {
    const { default: weaviate } = await import('weaviate-client')
    const config = this.#config
    const url = new URL(config.url)
    const secure = url.protocol === 'https:'
    const seconds = Math.ceil(this.#queryTimeoutMs / 1000) + 1
    const auth = authOf(weaviate, config)
    const params: ClientParams = {
      connectionParams: {
        http: {
          host: url.hostname,
          port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
          secure,
          path: url.pathname.replace(/\/+$/, ''),
        },
        grpc: this.#grpc,
      },
      headers: Object.fromEntries(Object.entries(config.headers ?? {}).map(([name, value]) => [name, value.reveal()])),
      // Longer than the manager's, which is the one that should end a call.
      timeout: { init: seconds, query: seconds, insert: seconds },
      // We check ourselves: those of the client hide why they failed.
      skipInitChecks: true,
      ...(auth !== undefined && { auth }),
      ...(config.grpcProxyUrl !== undefined && { proxies: { grpc: config.grpcProxyUrl } }),
    }
    return weaviate.client(params)
  }
}

type Weaviate = typeof import('weaviate-client')['default']

const authOf = (weaviate: Weaviate, config: WeaviateConfig): ClientParams['auth'] => {
  const { apiKey, username, password, clientSecret, accessToken, refreshToken, expiresInSeconds } = config
  const scopes = config.scopes ? { scopes: [...config.scopes] } : {}
  if (apiKey) return new weaviate.ApiKey(apiKey.reveal())
  if (username !== undefined && password)
    return new weaviate.AuthUserPasswordCredentials({ username, password: password.reveal(), ...scopes })
  if (clientSecret) return new weaviate.AuthClientCredentials({ clientSecret: clientSecret.reveal(), ...scopes })
  if (accessToken)
    return new weaviate.AuthAccessTokenCredentials({
      accessToken: accessToken.reveal(),
      expiresIn: expiresInSeconds,
      ...(refreshToken && { refreshToken: refreshToken.reveal() }),
    })
  return undefined
}

const shut = async (client: WeaviateClient): Promise<void> => {
  client.oidcAuth?.stopTokenRefresh()
  await client.close()
}

/** Left as it is: what explains the errors of a call knows whether it may have changed something. */
const reasonOf = (signal: AbortSignal): unknown => signal.reason

const grpcAddress = (config: WeaviateConfig): GrpcAddress => {
  const { hostname, protocol } = new URL(config.url)
  const [, host = hostname, port = '50051'] = /^(.*):(\d+)$/.exec(config.grpc ?? '') ?? []
  return { host, port: Number(port), secure: config.grpcSecure ?? protocol === 'https:' }
}
