// Puts the handlers behind one port, and holds every request and answer against the description.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Contract, type Matched, type Violation } from '../shared/contract.ts'
import { type Fault, Faults, type RateLimit } from '../shared/faults.ts'
import { isObject, listen, messageOf, type Reply, readBody, send } from '../shared/http.ts'
import { ArangoFailure } from './aql/errors.ts'
import { own, type Value } from './aql/values.ts'
import { Auth } from './auth.ts'
import { collectionHandlers } from './collections.ts'
import { Cursors, cursorHandlers } from './cursors.ts'
import { documentHandlers } from './documents.ts'
import { importHandlers } from './import.ts'
import { type ArangoRequest, asFailure, failed, type Handler, ok } from './request.ts'
import { routes } from './schema.ts'
import { Database, Session } from './store.ts'
import { Transactions, transactionHandlers } from './transactions.ts'

/** Version of the server whose documentation this follows. */
export const emulatedVersion = '3.12.6'

export interface ArangoEmulatorConfig {
  latencyMs: number
  rateLimit: RateLimit | null
  faults: Fault[]
  /** Milliseconds after which an idle stream transaction is aborted. */
  transactionIdleMs: number
}

export interface ArangoEmulatorOptions extends Partial<ArangoEmulatorConfig> {
  port?: number
  username?: string
  password?: string
  /** False lets everybody in. */
  authentication?: boolean
}

export interface ArangoEmulator {
  url: string
  port: number
  config: ArangoEmulatorConfig
  violations: readonly Violation[]
  configure(change: Partial<ArangoEmulatorConfig>): void
  /** Drops all databases but an empty `_system`, and forgets violations and faults. */
  reset(): void
  close(): Promise<void>
}

const serverHandlers: Record<string, Handler> = {
  getVersion: () => ({ status: 200, body: { server: 'arango', version: emulatedVersion, license: 'community' } }),
  getEngine: () => ({ status: 200, body: { name: 'rocksdb', supports: {} } }),
  getTime: () => ok({ time: Date.now() / 1000 }),
  getServerAvailability: () => ok({ mode: 'default' }),
}

const handlers: Record<string, Handler> = {
  ...serverHandlers,
  ...collectionHandlers,
  ...documentHandlers,
  ...importHandlers,
  ...cursorHandlers,
  ...transactionHandlers,
}

interface Call {
  method: string
  database: string
  path: string
  query: Record<string, string>
  headers: Record<string, string | undefined>
  raw: string
  body: Value | undefined
}

const single = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value)

export const startArangoEmulator = async (options: ArangoEmulatorOptions = {}): Promise<ArangoEmulator> => {
  const { port = 0, username = 'root', password = '', authentication = true, ...given } = options
  const config: ArangoEmulatorConfig = {
    latencyMs: 0,
    rateLimit: null,
    faults: [],
    transactionIdleMs: 60_000,
    ...given,
  }
  const contract = new Contract(routes)
  const faults = new Faults()
  const auth = new Auth(username, password)
  const databases = new Map<string, Database>([['_system', new Database('_system')]])
  const transactions = new Transactions()
  const cursors = new Cursors()

  const authenticate = (call: Call, found: Matched): Reply | undefined => {
    if (found.route.operation === 'createSessionToken')
      return {
        status: 200,
        body: { jwt: auth.login(own(call.body ?? null, 'username'), own(call.body ?? null, 'password')) },
      }
    if (authentication) auth.check(call.headers.authorization)
    if (found.route.operation === 'renewSessionToken') return { status: 200, body: { jwt: auth.issue(username) } }
    return undefined
  }

  const serve = (call: Call): Reply => {
    const found = contract.match(call.method, call.path)
    if (!found) {
      if (authentication) auth.check(call.headers.authorization)
      contract.record('request', 'none', `${call.method} ${call.path}`, 'no such operation, or it is not emulated')
      throw new ArangoFailure(9, `=the emulator does not know ${call.method} ${call.path}`)
    }
    const { route } = found
    const query = contract.check(route.query, call.query)
    const body =
      route.request === undefined
        ? route.operation !== 'importData' && call.raw !== ''
          ? '/ this operation takes no body'
          : undefined
        : contract.check(route.request, call.body)
    const wrong = query ? `query parameter ${query}` : body
    if (wrong) {
      contract.record('request', route.operation, call.path, wrong)
      throw new ArangoFailure(400, wrong)
    }
    const special = authenticate(call, found)
    if (special) return special
    return dispatch(call, found)
  }

  const dispatch = (call: Call, found: Matched): Reply => {
    const database = databases.get(call.database)
    if (!database) throw new ArangoFailure(1228, call.database)
    const handler = handlers[found.route.operation]
    if (!handler) throw new ArangoFailure(9, found.route.operation)
    transactions.idleMs = config.transactionIdleMs
    const id = call.headers['x-arango-trx-id']
    const ownTransaction = found.route.path.startsWith('/_api/transaction')
    const inTransaction = id !== undefined && !ownTransaction
    const session = inTransaction ? transactions.use(id) : new Session(database)
    const request: ArangoRequest = {
      databases,
      database,
      session,
      transactions,
      cursors,
      inTransaction,
      params: found.params,
      query: call.query,
      headers: call.headers,
      body: call.body ?? null,
      raw: call.raw,
    }
    const reply = handler(request)
    if (!inTransaction) session.commit()
    return reply
  }

  const checked = (call: Call, reply: Reply): Reply => {
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
    contract.record('answer', found.route.operation, call.path, wrong)
    return failed(new ArangoFailure(500, `the emulator's answer breaks the description: ${wrong}`))
  }

  const reset = (): void => {
    databases.clear()
    databases.set('_system', new Database('_system'))
    contract.clear()
    config.faults = []
    config.rateLimit = null
  }

  const admin = (method: string, path: string, body: unknown): Reply => {
    if (path === '/_emulator/health') return { status: 200, body: { emulates: 'arangodb', version: emulatedVersion } }
    if (path === '/_emulator/violations' && method === 'GET')
      return { status: 200, body: { violations: contract.violations } }
    if (path === '/_emulator/violations' && method === 'DELETE') contract.clear()
    else if (path === '/_emulator/reset' && method === 'POST') reset()
    else if (path === '/_emulator/config' && method === 'POST' && isObject(body)) Object.assign(config, body)
    else if (path !== '/_emulator/config') return { status: 404, body: { message: 'no such emulator command' } }
    return { status: 200, body: { config } }
  }

  const parse = (raw: string): Value | undefined => {
    if (raw === '') return undefined
    try {
      const value: Value = JSON.parse(raw)
      return value
    } catch (error) {
      throw new ArangoFailure(600, messageOf(error))
    }
  }

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const raw = (await readBody(request)).toString('utf8')
    const method = request.method ?? 'GET'
    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    if (url.pathname.startsWith('/_emulator/')) {
      send(response, admin(method, url.pathname, raw === '' ? undefined : JSON.parse(raw)))
      return
    }
    const inside = /^\/_db\/([^/]+)(\/.*)$/.exec(url.pathname)
    const call: Call = {
      method,
      database: decodeURIComponent(inside?.[1] ?? '_system'),
      path: inside?.[2] ?? url.pathname,
      // arangojs 10.4 sends the text `undefined` for options that were not given; the server takes it for nothing.
      query: Object.fromEntries([...url.searchParams].filter(([, value]) => value !== 'undefined')),
      headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, single(value)])),
      raw,
      body: undefined,
    }
    if (config.latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, config.latencyMs))
    let reply: Reply
    let dropped = false
    // ArangoDB knows no such limit; the gateways in front of hosted ones do.
    let headers: Record<string, string> = {}
    try {
      const verdict = faults.judge(config, method, call.path)
      if (verdict.kind === 'limited') {
        headers = { 'retry-after': String(verdict.retryAfter) }
        throw new ArangoFailure(503, undefined, 429)
      }
      if (verdict.kind === 'fault' && verdict.action !== 'drop')
        throw new ArangoFailure(verdict.action, undefined, verdict.action)
      dropped = verdict.kind === 'fault'
      if (call.path !== '/_api/import') call.body = parse(raw)
      reply = checked(call, serve(call))
    } catch (error) {
      reply = { ...checked(call, failed(asFailure(error))), headers }
    }
    if (dropped) response.destroy()
    else send(response, reply, method !== 'HEAD')
  }

  const listener = await listen(handle, port)
  return {
    url: listener.url,
    port: listener.port,
    config,
    violations: contract.violations,
    configure: (change) => {
      Object.assign(config, change)
    },
    reset,
    close: listener.close,
  }
}
