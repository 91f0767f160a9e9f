import { inspect } from 'node:util'
import { runProgram, tlsFront } from '@veritas-db/conformance/network'
import {
  type Backend,
  documentKey,
  type EdgeRecord,
  type ErrorCode,
  type NodeRecord,
  type RowRecord,
  VeritasError,
  validateConfig,
  version,
} from '@veritas-db/core/contract'
import { Database } from 'arangojs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type ArangoEmulator, startArangoEmulator } from '../../../../tools/servers/emulators/arango/index.ts'
import { type ArangoConfigInput, type ArangoRole, arango } from '../src/index.js'

const password = 'the-secret-of-this-test'
const scope = { collection: 'docs' }
const table = { scope, table: 'rows' }
const columns = { s: { type: 'string' }, n: { type: 'number' } } as const
let emulator: ArangoEmulator
const opened: Backend[] = []

const make = async (config: NonNullable<ArangoConfigInput> = {}): Promise<Backend<ArangoRole>> => {
  const own = config.client === undefined ? { url: emulator.url, password } : {}
  const checked = await validateConfig(arango.config, { ...own, ...config }, 'arango')
  const backend = arango.create(checked, { roles: arango.roles, poolSize: 4, queryTimeoutMs: 10_000 })
  opened.push(backend)
  return backend
}

const open = async (config?: NonNullable<ArangoConfigInput>): Promise<Backend<ArangoRole>> => {
  const backend = await make(config)
  await backend.connect()
  return backend
}

const key = (id: string): NodeRecord['key'] => documentKey(scope, id)
const row = (id: string, values: RowRecord['values'] = {}): RowRecord => ({
  key: key(id),
  documentId: id,
  version: version(1),
  values,
})
const node = (id: string): NodeRecord => ({
  key: key(id),
  documentId: id,
  version: version(1),
  label: 'Document',
  placeholder: false,
  properties: {},
})
const edge = (source: string, target: string, type = 'CITES'): EdgeRecord => ({
  source: key(source),
  target: key(target),
  type,
  ordinal: 0,
  version: version(1),
  properties: {},
})

const failure = async (call: () => Promise<unknown>, code: ErrorCode): Promise<VeritasError> => {
  const error = await call().then(
    (value) => expect.fail(`must fail with ${code}, answered ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  )
  if (!VeritasError.is(error, code)) throw error
  expect(`${error.message} ${JSON.stringify(error)}`).not.toContain(password)
  return error
}

beforeAll(async () => {
  emulator = await startArangoEmulator({ password })
})
afterEach(async () => {
  expect(emulator.violations).toEqual([])
  emulator.reset()
  emulator.configure({ latencyMs: 0, transactionIdleMs: 60_000 })
  await Promise.all(opened.splice(0).map((backend) => backend.close()))
})
afterAll(() => emulator.close())

describe('connecting', () => {
  it('a wrong password is AUTHENTICATION', async () => {
    const backend = await make({ password: 'wrong-password' })
    const error = await failure(() => backend.connect(), 'AUTHENTICATION')
    expect(error.message).not.toContain('wrong-password')
  })

  it('a token stands in place of user and password', async () => {
    const client = new Database({ url: emulator.url })
    const token = await client.login('root', password)
    client.close()
    const checked = await validateConfig(arango.config, { url: emulator.url, token }, 'arango')
    expect(JSON.stringify(checked)).not.toContain(token)
    const backend = arango.create(checked, { roles: ['graph'], poolSize: 2, queryTimeoutMs: 10_000 })
    opened.push(backend)
    await backend.connect()
    expect(await backend.probe()).toEqual({ product: 'ArangoDB', version: '3.12.6' })
  })

  it('a database that is not there is CONFIGURATION', async () => {
    const backend = await make({ database: 'nowhere' })
    const error = await failure(() => backend.connect(), 'CONFIGURATION')
    expect(error.message).toContain('option database')
  })

  it('a wrong address fails fast and is named', async () => {
    const backend = await make({ url: 'http://127.0.0.1:1' })
    const start = performance.now()
    const error = await failure(() => backend.connect(), 'CONNECTION')
    expect(error.message).toContain('127.0.0.1:1')
    expect(error.outcome).toBe('not-applied')
    expect(performance.now() - start).toBeLessThan(3000)
  })

  it('a server that does not answer ends in TIMEOUT, and a later attempt may succeed', async () => {
    emulator.configure({ latencyMs: 300 })
    const backend = await make({ timeoutMs: 50 })
    const error = await failure(() => backend.connect(), 'TIMEOUT')
    expect(error.message).toContain(`:${emulator.port}`)
    emulator.configure({ latencyMs: 0 })
    await backend.connect()
    await backend.probe()
  })

  it('options that do not fit are refused, and engineId names address and database', async () => {
    for (const config of [
      { url: 'http://root:x@127.0.0.1' },
      { prefix: 'A' },
      { prefix: 'a__b' },
      { token: 'a', password: 'b' },
    ])
      await failure(() => validateConfig(arango.config, config, 'arango'), 'CONFIGURATION')
    expect((await make({ database: 'shop' })).engineId).toBe(`arango:${emulator.url}/#shop`)
  })

  it('TLS with an authority of its own works, and is refused without it', async () => {
    const front = await tlsFront({ host: '127.0.0.1', port: emulator.port })
    const url = `https://localhost:${front.port}`
    const { relational } = (await open({ url, tls: { ca: front.ca, servername: 'localhost' } })).roles
    await relational.ensureTable({ ...table, columns })
    await relational.upsert({ ...table, records: [row('a', { s: 'x' })] })
    expect(await relational.count(table)).toBe(1)
    emulator.configure({ rateLimit: { everyNth: 1 } })
    expect((await failure(() => relational.count(table), 'RATE_LIMITED')).retryAfterMs).toBeGreaterThan(0)
    emulator.configure({ rateLimit: null })
    const untrusting = await make({ url })
    const error = await failure(() => untrusting.connect(), 'CONNECTION')
    expect(error).toMatchObject({ outcome: 'not-applied', retryable: false })
    expect(error.message).toContain(`localhost:${front.port}`)
    expect(error.message).toContain('tls.ca')
    await Promise.all(opened.splice(0).map((backend) => backend.close()))
    await front.close()
  })

  it('a key of TLS is shown nowhere', async () => {
    const config = await validateConfig(arango.config, { tls: { key: 'hunter2-key' } }, 'arango')
    expect(`${JSON.stringify(config)} ${inspect(config, { depth: 9 })}`).not.toContain('hunter2-key')
  })

  it('a process that used it ends by itself', async () => {
    const program = `
      import { arango } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)}
      import { validateConfig } from '@veritas-db/core/contract'
      const config = await validateConfig(arango.config, { url: '${emulator.url}', password: '${password}' }, 'arango')
      const backend = arango.create(config, { roles: ['graph'], poolSize: 2, queryTimeoutMs: 60000 })
      await backend.connect()
      await backend.roles.graph.ensureSchema({ scope: { collection: 'a' }, labels: ['A'], edgeTypes: ['B'] })
      await backend.close()
      console.log('closed')`
    expect(await runProgram(program, { cwd: new URL('..', import.meta.url) })).toEqual({ code: 0, output: 'closed\n' })
  })
})

it('two clients of the user’s own are two engines, even where their databases are called the same', async () => {
  const [one, two] = [new Database({ url: emulator.url }), new Database({ url: emulator.url })]
  expect((await make({ client: one })).engineId).toBe((await make({ client: one })).engineId)
  expect((await make({ client: one })).engineId).not.toBe((await make({ client: two })).engineId)
  one.close()
  two.close()
})

it('an injected client is used and not closed', async () => {
  const client = new Database({ url: emulator.url, auth: { username: 'root', password }, maxRetries: false })
  const backend = await open({ client })
  const { relational } = backend.roles
  await relational.ensureTable({ ...table, columns })
  await relational.transaction({}, async (role) => {
    await role.upsert({ ...table, records: [row('a', { s: 'x' })] })
  })
  await backend.close()
  expect((await client.version()).server).toBe('arango')
  expect((await client.listCollections()).map((c) => c.name)).toContain('veritas_catalog')
  client.close()
})

describe('a bad day', () => {
  it('429 is RATE_LIMITED, 5xx UNAVAILABLE with an unknown outcome of a write', async () => {
    const { relational } = (await open()).roles
    await relational.ensureTable({ ...table, columns })
    await relational.count(table)
    emulator.configure({ rateLimit: { everyNth: 1 } })
    const limited = await failure(() => relational.upsert({ ...table, records: [row('a')] }), 'RATE_LIMITED')
    expect(limited).toMatchObject({ retryable: true, outcome: 'not-applied' })
    emulator.configure({ rateLimit: null, faults: [{ action: 503, times: 2 }] })
    const down = await failure(() => relational.upsert({ ...table, records: [row('a')] }), 'UNAVAILABLE')
    expect(down).toMatchObject({ outcome: 'unknown', operation: 'upsert', role: 'relational' })
    expect((await failure(() => relational.count(table), 'UNAVAILABLE')).outcome).toBe('not-applied')
    await relational.upsert({ ...table, records: [row('a')] })
  })

  it('a connection that breaks after the work is done is CONNECTION with an unknown outcome', async () => {
    const { relational } = (await open()).roles
    await relational.ensureTable({ ...table, columns })
    await relational.count(table)
    emulator.configure({ faults: [{ action: 'drop', times: 1, path: '/_api/cursor' }] })
    const error = await failure(() => relational.upsert({ ...table, records: [row('a')] }), 'CONNECTION')
    expect(error.outcome).toBe('unknown')
    expect(await relational.count(table)).toBe(1)
  })

  it('a commit that breaks has an unknown outcome', async () => {
    const backend = await open()
    await backend.roles.relational.ensureTable({ ...table, columns })
    emulator.configure({ faults: [{ action: 'drop', times: 1, method: 'PUT', path: '/_api/transaction/' }] })
    const unit = (): Promise<unknown> =>
      backend.unitOfWork?.({}, (roles) => roles.relational.upsert({ ...table, records: [row('a')] })) ??
      Promise.resolve()
    const error = await failure(unit, 'CONNECTION')
    expect(error).toMatchObject({ outcome: 'unknown', operation: 'unitOfWork' })
  })

  it('two units that change the same row: the later is a CONFLICT that may be tried again', async () => {
    const [one, two] = [await open(), await open()]
    await one.roles.relational.ensureTable({ ...table, columns })
    const records = [row('a')]
    await one.unitOfWork?.({}, async (roles) => {
      await roles.relational.upsert({ ...table, records })
      const other = (): Promise<unknown> =>
        two.unitOfWork?.({}, (r) => r.relational.upsert({ ...table, records })) ?? Promise.resolve()
      const error = await failure(other, 'CONFLICT')
      expect(error.retryable).toBe(true)
    })
    expect(await two.roles.relational.count(table)).toBe(1)
  })

  it('a transaction that the server gave up is a CONFLICT that may be tried again', async () => {
    const backend = await open()
    await backend.roles.relational.ensureTable({ ...table, columns })
    emulator.configure({ transactionIdleMs: 20 })
    const unit = (): Promise<unknown> =>
      backend.unitOfWork?.({}, async (roles) => {
        await roles.relational.upsert({ ...table, records: [row('a')] })
        await new Promise((resolve) => setTimeout(resolve, 60))
        await roles.relational.upsert({ ...table, records: [row('b')] })
      }) ?? Promise.resolve()
    expect((await failure(unit, 'CONFLICT')).retryable).toBe(true)
    emulator.configure({ transactionIdleMs: 60_000 })
    expect(await backend.roles.relational.count(table)).toBe(0)
  })

  it('a transaction whose call is aborted while it begins is not left open', async () => {
    const { graph } = (await open()).roles
    await graph.ensureSchema({ scope, labels: ['Document'], edgeTypes: ['CITES'] })
    await graph.upsertNodes({ scope, nodes: [node('a')] })
    emulator.configure({ latencyMs: 60 })
    const sets = [{ source: key('a'), version: version(1), edges: [] }]
    await failure(() => graph.replaceEdges({ scope, sets, signal: AbortSignal.timeout(90) }), 'ABORTED')
    emulator.configure({ latencyMs: 0 })
    await new Promise((resolve) => setTimeout(resolve, 200))
    const client = new Database({ url: emulator.url, auth: { username: 'root', password } })
    expect(await client.listTransactions()).toEqual([])
    client.close()
  })

  it('a collection made while a unit runs is not a part of it, and is when it is tried again', async () => {
    const [one, two] = [await open(), await open()]
    await one.roles.relational.ensureTable({ ...table, columns })
    const late = { scope, table: 'late' }
    const unit = (): Promise<unknown> =>
      one.unitOfWork?.({}, async ({ relational }) => {
        await relational.count(table)
        await two.roles.relational.ensureTable({ ...late, columns })
        await relational.upsert({ ...late, records: [row('a')] })
      }) ?? Promise.resolve()
    expect((await failure(unit, 'CONFLICT')).retryable).toBe(true)
    await unit()
    expect(await two.roles.relational.count(late)).toBe(1)
  })
})

describe('several processes', () => {
  it('columns and edge types that another process has added are seen at once by writes', async () => {
    const [one, two] = [await open(), await open()]
    await one.roles.relational.ensureTable({ ...table, columns })
    await two.roles.relational.upsert({ ...table, records: [row('a', { s: 'x' })] })
    await one.roles.relational.ensureTable({ ...table, columns: { ...columns, late: { type: 'boolean' } } })
    await two.roles.relational.upsert({ ...table, records: [row('b', { late: true })] })
    await failure(() => two.roles.relational.upsert({ ...table, records: [row('c', { never: 1 })] }), 'VALIDATION')
    expect(await two.roles.relational.count(table)).toBe(2)

    await one.roles.graph.ensureSchema({ scope, labels: ['Document'], edgeTypes: ['CITES'] })
    await two.roles.graph.upsertNodes({ scope, nodes: ['a', 'b'].map(node) })
    await one.roles.graph.ensureSchema({ scope, labels: ['Document'], edgeTypes: ['LIKES'] })
    const { outcomes } = await two.roles.graph.upsertEdges({ scope, edges: [edge('a', 'b', 'LIKES'), edge('a', 'b')] })
    expect(outcomes.map((o) => o.status)).toEqual(['applied', 'applied'])
    await failure(() => two.roles.graph.upsertEdges({ scope, edges: [edge('a', 'b', 'NEVER')] }), 'VALIDATION')
    await two.roles.graph.deleteNodes({ scope, keys: [key('b')] })
    expect(await one.roles.graph.count({ scope, of: 'edges' })).toBe(0)
  })

  it('a table that another process has dropped is NOT_FOUND', async () => {
    const [one, two] = [await open(), await open()]
    await one.roles.relational.ensureTable({ ...table, columns })
    expect(await two.roles.relational.count(table)).toBe(0)
    await one.roles.relational.dropTable(table)
    await failure(() => two.roles.relational.count(table), 'NOT_FOUND')
    await failure(() => two.roles.relational.upsert({ ...table, records: [row('a')] }), 'NOT_FOUND')
  })

  it('a column of another type is a CONFLICT', async () => {
    const { relational } = (await open()).roles
    await relational.ensureTable({ ...table, columns })
    await failure(() => relational.ensureTable({ ...table, columns: { n: { type: 'date' } } }), 'CONFLICT')
  })
})

describe('beyond the contract', () => {
  it('raw AQL finds the collections by names of ours', async () => {
    const { graph, relational } = (await open()).roles
    await graph.ensureSchema({ scope, labels: ['Document'], edgeTypes: ['CITES'] })
    await graph.upsertNodes({ scope, nodes: ['a', 'b'].map(node) })
    await graph.upsertEdges({ scope, edges: [edge('a', 'b')] })
    const query = 'FOR n IN @@nodes FILTER n._key == @key FOR v IN OUTBOUND n @@edges_CITES RETURN v.documentId'
    expect(await graph.raw({ scope, query, parameters: { key: key('a') } })).toEqual(['b'])
    await relational.ensureTable({ ...table, columns })
    await relational.upsert({ ...table, records: [row('a', { n: 2 }), row('b', { n: 3 })] })
    const sum = 'FOR r IN @@table_rows COLLECT AGGREGATE n = SUM(r.`values`.n) RETURN n'
    expect(await relational.raw({ scope, query: sum })).toEqual([5])
    await failure(() => relational.raw({ scope, query: 'RETURN 1', parameters: [1] }), 'VALIDATION')
  })

  it('declared fields are indexed, as far as their names allow', async () => {
    const { graph } = (await open()).roles
    const fields = { year: 'number', 'a.tags': 'string[]', when: 'date', 'odd name': 'string' } as const
    await graph.ensureSchema({ scope, labels: ['Document'], edgeTypes: [], fields })
    const client = new Database({ url: emulator.url, auth: { username: 'root', password } })
    const [nodes] = (await client.listCollections()).filter((c) => c.name.endsWith('_nodes'))
    const indexes = await client.collection(nodes?.name ?? '').indexes()
    expect(indexes.flatMap((i) => ('fields' in i ? [i.fields] : []))).toEqual([
      ['_key'],
      ['placeholder', 'label'],
      ['data.year'],
      ['data.a.tags[*]'],
      ['data.when.$date'],
    ])
    client.close()
  })
})
