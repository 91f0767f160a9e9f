// Puts the planes behind one port. An index's host is `http://127.0.0.1:PORT/_host/NAME`: the client appends paths to
// the host that describe_index reports, so a path in it survives and one listener serves every index.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Contract, type Matched, type Violation } from '../shared/contract.ts'
import { type Fault, Faults, type RateLimit } from '../shared/faults.ts'
import { isObject, type JsonObject, listen, messageOf, type Reply, readBody, send } from '../shared/http.ts'
import { controlHandlers } from './control.ts'
import { dataHandlers } from './data.ts'
import { ApiError, errorReply } from './errors.ts'
import { checkRawVectors, checkRequestSize } from './records.ts'
import { apiVersion, controlRoutes, dataRoutes } from './schema.ts'
import type { VectorIndex } from './store.ts'

export interface PineconeEmulatorConfig {
  /** How long a write stays invisible to reads. */
  eventualDelayMs: number
  /** How long a new index stays `Initializing`. */
  indexReadyDelayMs: number
  latencyMs: number
  rateLimit: RateLimit | null
  faults: Fault[]
  /** Undocumented behaviour, see FilterRules. */
  neMatchesMissing: boolean
  /** Largest error added to a score; the service's approximate scores pass 1 by a little. */
  scoreNoise: number
  /** Longest request URL; beyond it 414, as a proxy in front of the service would. */
  maxUrlBytes: number
}

export interface PineconeEmulatorOptions extends Partial<PineconeEmulatorConfig> {
  port?: number
  /** The only key that is let in; without it any key is. */
  apiKey?: string
}

export interface PineconeEmulator {
  url: string
  port: number
  config: PineconeEmulatorConfig
  violations: readonly Violation[]
  configure(change: Partial<PineconeEmulatorConfig>): void
  /** Makes every pending write visible now. */
  settle(): void
  /** Forgets indexes, violations and faults. */
  reset(): void
  close(): Promise<void>
}

const defaults: PineconeEmulatorConfig = {
  eventualDelayMs: 50,
  indexReadyDelayMs: 0,
  latencyMs: 0,
  rateLimit: null,
  faults: [],
  neMatchesMissing: false,
  scoreNoise: 0,
  maxUrlBytes: 60 * 1024,
}

const hostPrefix = '/_host/'

interface Call {
  plane: 'data' | 'control'
  method: string
  path: string
  index: string | undefined
  query: Record<string, string | string[]>
  bytes: number
  body: unknown
}

const queryOf = (params: URLSearchParams): Record<string, string | string[]> => {
  const query: Record<string, string | string[]> = {}
  for (const key of params.keys()) {
    const all = params.getAll(key)
    query[key] = key === 'ids' ? all : (all[0] ?? '')
  }
  return query
}

export const startPineconeEmulator = async (options: PineconeEmulatorOptions = {}): Promise<PineconeEmulator> => {
  const { port = 0, apiKey, ...given } = options
  const config: PineconeEmulatorConfig = { ...defaults, ...given }
  const indexes = new Map<string, VectorIndex>()
  const control = new Contract(controlRoutes)
  const data = new Contract(dataRoutes)
  const violations: Violation[] = []
  const faults = new Faults()
  let base = ''

  const violate = (kind: Violation['kind'], operation: string, path: string, message: string): void => {
    violations.push({ kind, operation, path, message, at: new Date().toISOString() })
  }

  const dispatch = (call: Call, found: Matched): Reply => {
    const body: JsonObject = isObject(call.body) ? call.body : {}
    if (call.plane === 'control') {
      const handler = controlHandlers[found.route.operation]
      if (!handler) throw new ApiError(501, `${found.route.operation} is not emulated`)
      const hostOf = (name: string): string => `${base}${hostPrefix}${name}`
      return handler({ indexes, params: found.params, body, hostOf, readyDelayMs: config.indexReadyDelayMs })
    }
    const index = indexes.get(call.index ?? '')
    if (!index) throw new ApiError(404, `Index ${call.index} not found`)
    if (performance.now() < index.readyAt) throw new ApiError(503, 'The index is not ready yet')
    const handler = dataHandlers[found.route.operation]
    if (!handler) throw new ApiError(501, `${found.route.operation} is not emulated`)
    const rules = { neMatchesMissing: config.neMatchesMissing }
    index.settle(rules)
    return handler({
      index,
      params: found.params,
      query: call.query,
      body,
      rules,
      delayMs: config.eventualDelayMs,
      scoreNoise: config.scoreNoise,
    })
  }

  const serve = (call: Call, headers: IncomingMessage['headers']): Reply => {
    const contract = call.plane === 'control' ? control : data
    const found = contract.match(call.method, call.path)
    const key = headers['api-key']
    if (!key || (apiKey !== undefined && key !== apiKey)) throw new ApiError(401, 'Invalid API key.')
    if (!found) {
      violate(
        'request',
        'none',
        `${call.method} ${call.path}`,
        'the description has no such operation, or it is not emulated',
      )
      throw new ApiError(501, `${call.method} ${call.path} is not emulated`)
    }
    const { route } = found
    const reject = (message: string): never => {
      violate('request', route.operation, call.path, message)
      throw new ApiError(400, message)
    }
    const version = headers['x-pinecone-api-version']
    if (version !== apiVersion) reject(`X-Pinecone-Api-Version must be ${apiVersion}, got ${String(version)}`)
    const wrongQuery = contract.check(route.query, call.query)
    if (wrongQuery) reject(`query: ${wrongQuery}`)
    if (route.request !== undefined) {
      if (call.plane === 'data') checkRequestSize(call.bytes)
      const wrongBody = contract.check(route.request, call.body)
      if (wrongBody) {
        violate('request', route.operation, call.path, wrongBody)
        // The service's own words where it has some for this mistake.
        if (call.plane === 'data') checkRawVectors(call.body)
        throw new ApiError(400, wrongBody)
      }
      if (call.plane === 'data') checkRawVectors(call.body)
    } else if (call.bytes > 0) reject('this operation takes no body')
    return dispatch(call, found)
  }

  /** The answer as it goes out, or a 500 where the emulator itself broke the description. */
  const checked = (call: Call, reply: Reply): Reply => {
    const contract = call.plane === 'control' ? control : data
    const found = contract.match(call.method, call.path)
    if (!found) return reply
    const schema = contract.answerSchema(found.route, reply.status)
    const wrong =
      schema === undefined
        ? `status ${reply.status} is not in the description`
        : reply.body === undefined
          ? undefined
          : contract.check(schema, reply.body)
    if (!wrong) return reply
    violate('answer', found.route.operation, call.path, wrong)
    return errorReply(new ApiError(500, `the emulator's answer breaks the description: ${wrong}`), call.plane)
  }

  const settle = (): void => {
    for (const index of indexes.values())
      index.settle({ neMatchesMissing: config.neMatchesMissing }, Number.POSITIVE_INFINITY)
  }

  const reset = (): void => {
    indexes.clear()
    violations.length = 0
    config.faults = []
    config.rateLimit = null
  }

  const admin = (method: string, path: string, body: unknown): Reply => {
    if (path === '/_emulator/health') return { status: 200, body: { emulates: 'pinecone', apiVersion } }
    if (path === '/_emulator/violations' && method === 'GET') return { status: 200, body: { violations } }
    if (path === '/_emulator/violations' && method === 'DELETE') violations.length = 0
    else if (path === '/_emulator/settle' && method === 'POST') settle()
    else if (path === '/_emulator/reset' && method === 'POST') reset()
    else if (path === '/_emulator/config' && method === 'POST' && isObject(body)) Object.assign(config, body)
    else if (path !== '/_emulator/config') return { status: 404, body: { message: 'no such emulator command' } }
    return { status: 200, body: { config } }
  }

  const parse = (raw: Buffer): unknown => (raw.length === 0 ? undefined : JSON.parse(raw.toString('utf8')))

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const raw = await readBody(request)
    const method = request.method ?? 'GET'
    const url = new URL(request.url ?? '/', base)
    if (url.pathname.startsWith('/_emulator/')) {
      send(response, admin(method, url.pathname, parse(raw)))
      return
    }
    const hosted = url.pathname.startsWith(hostPrefix)
    const [, , index = '', ...rest] = url.pathname.split('/')
    const call: Call = {
      plane: hosted ? 'data' : 'control',
      method,
      path: hosted ? `/${rest.join('/')}` : url.pathname,
      index: hosted ? index : undefined,
      query: queryOf(url.searchParams),
      bytes: raw.length,
      body: undefined,
    }
    if (config.latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, config.latencyMs))
    let reply: Reply
    let dropped = false
    try {
      const verdict = faults.judge(config, method, call.path)
      if (verdict.kind === 'limited')
        throw new ApiError(429, 'Too many requests', { 'retry-after': String(verdict.retryAfter) })
      if (verdict.kind === 'fault' && verdict.action !== 'drop')
        throw new ApiError(verdict.action, 'A fault was asked for')
      dropped = verdict.kind === 'fault'
      if (Buffer.byteLength(request.url ?? '') > config.maxUrlBytes) throw new ApiError(414, 'Request URI is too long')
      try {
        call.body = parse(raw)
      } catch (error) {
        throw new ApiError(400, `The request body is not JSON: ${messageOf(error)}`)
      }
      reply = checked(call, serve(call, request.headers))
    } catch (error) {
      const known = error instanceof ApiError ? error : new ApiError(500, messageOf(error))
      reply = checked(call, errorReply(known, call.plane))
    }
    if (dropped) response.destroy()
    else send(response, reply)
  }

  const listener = await listen(handle, port)
  base = listener.url
  return {
    url: listener.url,
    port: listener.port,
    config,
    violations,
    configure: (change) => {
      Object.assign(config, change)
    },
    settle,
    reset,
    close: listener.close,
  }
}
