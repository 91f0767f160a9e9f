// The HTTP API, driven by arangojs (docs.arangodb.com/3.12/develop/http-api).
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { aql, Database } from '../../../../packages/backends/arango/node_modules/arangojs/esm/index.js'
import { type ArangoEmulator, startArangoEmulator } from './index.ts'

let emulator: ArangoEmulator
let db: Database

beforeAll(async () => {
  emulator = await startArangoEmulator({ password: 'secret' })
  db = new Database({ url: emulator.url, auth: { username: 'root', password: 'secret' } })
})
afterEach(() => {
  expect(emulator.violations).toEqual([])
  emulator.reset()
})
afterAll(() => emulator.close())

describe('server and databases', () => {
  it('lets in by password and by token, and nobody else', async () => {
    expect(await db.version()).toMatchObject({ server: 'arango' })
    const stranger = new Database({ url: emulator.url, auth: { username: 'root', password: 'wrong' } })
    await expect(stranger.version()).rejects.toMatchObject({ code: 401, errorNum: 11 })
    const holder = new Database({ url: emulator.url })
    await expect(holder.login('root', 'wrong')).rejects.toMatchObject({ code: 401 })
    await holder.login('root', 'secret')
    expect(await holder.version()).toMatchObject({ server: 'arango' })
    await holder.renewAuthToken()
    holder.useBearerAuth('no.token.atall')
    await expect(holder.version()).rejects.toMatchObject({ code: 401 })
  })
  it('creates and drops databases', async () => {
    const other = await db.createDatabase('other')
    expect(await db.listDatabases()).toEqual(['_system', 'other'])
    await expect(db.createDatabase('other')).rejects.toMatchObject({ errorNum: 1207, code: 409 })
    expect(await other.get()).toMatchObject({ name: 'other', isSystem: false })
    await db.dropDatabase('other')
    expect(await other.exists()).toBe(false)
    await expect(other.listCollections()).rejects.toMatchObject({ errorNum: 1228, code: 404 })
    expect(await db.availability()).toBe('default')
  })
})

describe('collections and indexes', () => {
  it('creates, lists, describes, counts, truncates and drops', async () => {
    const docs = await db.createCollection('docs')
    await db.createEdgeCollection('links')
    await expect(db.createCollection('docs')).rejects.toMatchObject({ errorNum: 1207 })
    await expect(db.createCollection('1bad')).rejects.toMatchObject({ errorNum: 1208 })
    expect((await db.listCollections()).map((c) => [c.name, c.type])).toEqual([
      ['docs', 2],
      ['links', 3],
    ])
    expect(await docs.properties()).toMatchObject({
      name: 'docs',
      waitForSync: false,
      keyOptions: { type: 'traditional' },
    })
    await docs.saveAll([{}, {}])
    expect((await docs.count()).count).toBe(2)
    await docs.truncate()
    expect((await docs.count()).count).toBe(0)
    await docs.drop()
    expect(await docs.exists()).toBe(false)
    await expect(docs.count()).rejects.toMatchObject({ errorNum: 1203, code: 404 })
  })
  it('holds unique indexes, sparse or not', async () => {
    const docs = await db.createCollection('docs')
    const made = await docs.ensureIndex({
      type: 'persistent',
      fields: ['mail'],
      unique: true,
      sparse: true,
      name: 'mails',
    })
    expect(made).toMatchObject({ isNewlyCreated: true, unique: true, name: 'mails' })
    expect(await docs.ensureIndex({ type: 'persistent', fields: ['mail'], unique: true, sparse: true })).toMatchObject({
      isNewlyCreated: false,
      id: made.id,
    })
    await docs.saveAll([{ mail: 'a' }, {}, {}])
    await expect(docs.save({ mail: 'a' })).rejects.toMatchObject({ errorNum: 1210, code: 409 })
    await docs.ensureIndex({ type: 'persistent', fields: ['a.b', 'c'] })
    expect((await docs.indexes()).map((i) => i.type)).toEqual(['primary', 'persistent', 'persistent'])
    await docs.dropIndex('mails')
    await docs.save({ mail: 'a' })
    await expect(docs.ensureIndex({ type: 'persistent', fields: ['mail'], unique: true })).rejects.toMatchObject({
      errorNum: 1210,
    })
  })
})

describe('documents', () => {
  it('creates, reads, updates, replaces and removes', async () => {
    const docs = await db.createCollection('docs')
    const first = await docs.save({ _key: 'a', o: { x: 1 } }, { returnNew: true })
    expect(first).toMatchObject({ _id: 'docs/a', new: { o: { x: 1 } } })
    await expect(docs.save({ _key: 'a' })).rejects.toMatchObject({ errorNum: 1210 })
    const second = await docs.update('a', { o: { y: 2 } }, { returnNew: true, returnOld: true })
    expect(second).toMatchObject({ _oldRev: first._rev, new: { o: { x: 1, y: 2 } }, old: { o: { x: 1 } } })
    await docs.replace('docs/a', { only: true })
    expect(await docs.document('a')).toMatchObject({ _key: 'a', only: true })
    expect(await docs.documentExists('a')).toBe(true)
    await docs.remove('a')
    expect(await docs.documentExists('a')).toBe(false)
    expect(await docs.document('a', { graceful: true })).toBeNull()
    await expect(docs.update('a', {})).rejects.toMatchObject({ errorNum: 1202, code: 404 })
    expect(await docs.save({ _key: 'b' }, { silent: true })).toBeUndefined()
  })
  it('compares revisions', async () => {
    const docs = await db.createCollection('docs')
    const { _rev } = await docs.save({ _key: 'a' })
    await expect(docs.update('a', { n: 1 }, { ifMatch: 'other' })).rejects.toMatchObject({ errorNum: 1200, code: 412 })
    await docs.update('a', { n: 1 }, { ifMatch: _rev })
    await expect(docs.replace('a', { _rev, n: 2 }, { ignoreRevs: false })).rejects.toMatchObject({ errorNum: 1200 })
    await docs.replace('a', { _rev, n: 2 })
    await expect(docs.document('a', { ifMatch: _rev })).rejects.toMatchObject({ code: 412 })
    await expect(docs.remove('a', { ifMatch: _rev })).rejects.toMatchObject({ code: 412 })
  })
  it('holds to the rules of keys', async () => {
    const docs = await db.createCollection('docs')
    for (const _key of ['x'.repeat(254), "a_-:.@()+,=;$!*'%z", '123']) await docs.save({ _key })
    expect(await docs.document("a_-:.@()+,=;$!*'%z")).toMatchObject({ _key: "a_-:.@()+,=;$!*'%z" })
    for (const _key of ['', 'a/b', 'a b', 'ä', 'x'.repeat(255)])
      await expect(docs.save({ _key })).rejects.toMatchObject({ errorNum: 1221, code: 400 })
  })
  it('writes in bulk, each for itself', async () => {
    const docs = await db.createCollection('docs')
    const saved = await docs.saveAll([{ _key: 'a', n: 1 }, { _key: 'a' }, { _key: 'no/key' }])
    expect(saved[0]).toMatchObject({ _key: 'a' })
    expect(saved.slice(1)).toMatchObject([
      { error: true, errorNum: 1210 },
      { error: true, errorNum: 1221 },
    ])
    const modes = async (overwriteMode: 'ignore' | 'update' | 'replace') => {
      await docs.saveAll([{ _key: 'a', m: overwriteMode }], { overwriteMode })
      const { _id, _rev, ...rest } = await docs.document('a')
      return rest
    }
    expect(await modes('ignore')).toEqual({ _key: 'a', n: 1 })
    expect(await modes('update')).toEqual({ _key: 'a', n: 1, m: 'update' })
    expect(await modes('replace')).toEqual({ _key: 'a', m: 'replace' })
    expect(await docs.updateAll([{ _key: 'a', k: 1 }, { _key: 'zz' }])).toMatchObject([
      { _key: 'a' },
      { error: true, errorNum: 1202 },
    ])
    expect(await docs.documents(['a', 'nobody'])).toMatchObject([
      { _key: 'a', k: 1 },
      { error: true, errorNum: 1202 },
    ])
    expect(await docs.removeAll(['a', 'docs/nobody'])).toMatchObject([{ _key: 'a' }, { error: true, errorNum: 1202 }])
  })
  it('holds back older versions with versionAttribute', async () => {
    const docs = await db.createCollection('docs')
    const save = (v: number) => docs.saveAll([{ _key: 'a', v }], { overwriteMode: 'replace', versionAttribute: 'v' })
    await save(2)
    await save(1)
    expect(await docs.document('a')).toMatchObject({ v: 2 })
  })
  it('wants ends of an edge, and lists edges of a node', async () => {
    const links = await db.createEdgeCollection('links')
    await expect(links.save({ n: 1 })).rejects.toMatchObject({ errorNum: 1233 })
    await links.save({ _key: 'l', _from: 'a/1', _to: 'a/2' })
    expect((await links.outEdges('a/1')).edges).toMatchObject([{ _key: 'l' }])
    expect((await links.inEdges('a/1')).edges).toEqual([])
    expect((await links.edges('a/2')).edges).toHaveLength(1)
  })
  it('imports, and handles duplicates as it is told', async () => {
    const docs = await db.createCollection('docs')
    expect(await docs.import([{ _key: 'a', n: 1 }, { _key: 'b' }])).toMatchObject({ created: 2, errors: 0, empty: 0 })
    expect(await docs.import([{ _key: 'a' }, { _key: 'c' }], { details: true })).toMatchObject({
      created: 1,
      errors: 1,
      details: [expect.any(String)],
    })
    expect(await docs.import([{ _key: 'a', m: 1 }], { onDuplicate: 'update' })).toMatchObject({ updated: 1 })
    expect(await docs.document('a')).toMatchObject({ n: 1, m: 1 })
    expect(await docs.import([{ _key: 'a', m: 2 }], { onDuplicate: 'replace' })).toMatchObject({ updated: 1 })
    expect(await docs.import([{ _key: 'a', m: 3 }], { onDuplicate: 'ignore' })).toMatchObject({ ignored: 1, errors: 0 })
    expect((await docs.document('a')).n).toBeUndefined()
    await expect(docs.import([{ _key: 'z' }, { _key: 'a' }], { complete: true })).rejects.toMatchObject({
      errorNum: 1210,
    })
    expect(await docs.documentExists('z')).toBe(false)
    expect(
      await docs.import([
        ['_key', 'n'],
        ['h', 1],
      ]),
    ).toMatchObject({ created: 1 })
  })
})

describe('cursors', () => {
  it('gives batches, a count and a full count', async () => {
    const cursor = await db.query(aql`FOR i IN 1..${7} RETURN i`, { batchSize: 3, count: true })
    expect(cursor.count).toBe(7)
    expect(await cursor.all()).toEqual([1, 2, 3, 4, 5, 6, 7])
    const limited = await db.query('FOR i IN 1..7 LIMIT 2 RETURN i', {}, { fullCount: true })
    expect(limited.extra.stats?.fullCount).toBe(7)
    const killed = await db.query('FOR i IN 1..7 RETURN i', {}, { batchSize: 2 })
    await killed.kill()
    const retried = await db.query('FOR i IN 1..5 RETURN i', {}, { batchSize: 2, allowRetry: true })
    expect(await retried.all()).toEqual([1, 2, 3, 4, 5])
    const late = await db.query('FOR i IN 1..7 RETURN i', {}, { batchSize: 2, ttl: 0.01 })
    await new Promise((resolve) => setTimeout(resolve, 30))
    await expect(late.all()).rejects.toMatchObject({ errorNum: 1600, code: 404 })
    expect(await db.parse('FOR d IN docs FILTER d.a == @a RETURN d')).toMatchObject({
      collections: ['docs'],
      bindVars: ['a'],
    })
  })
})

describe('stream transactions', () => {
  it('shows nothing before commit, and nothing after abort', async () => {
    const docs = await db.createCollection('docs')
    const first = await db.beginTransaction({ write: [docs] })
    await first.step(() => docs.save({ _key: 'a' }))
    await first.step(() => db.query(aql`INSERT { _key: "b" } INTO ${docs}`))
    expect(await first.step(() => docs.documentExists('a'))).toBe(true)
    expect(await docs.documentExists('a')).toBe(false)
    expect(await first.commit()).toMatchObject({ status: 'committed' })
    expect((await docs.count()).count).toBe(2)
    const second = await db.beginTransaction(docs)
    await second.step(() => docs.remove('a'))
    expect(await db.listTransactions()).toMatchObject([{ id: second.id, state: 'running' }])
    expect(await second.abort()).toMatchObject({ status: 'aborted' })
    expect(await docs.documentExists('a')).toBe(true)
    await expect(second.step(() => docs.remove('a'))).rejects.toMatchObject({ errorNum: 1654, code: 410 })
    // arangojs 10.4 has 10 for "transaction not found" where the documentation has 1655: its exists() throws.
    await expect(db.transaction('999999999').get()).rejects.toMatchObject({ errorNum: 1655, code: 404 })
  })
  it('meets write-write conflicts with 1200, and refuses undeclared collections', async () => {
    const docs = await db.createCollection('docs')
    const other = await db.createCollection('other')
    await docs.save({ _key: 'a' })
    const one = await db.beginTransaction({ write: [docs] })
    const two = await db.beginTransaction({ write: [docs] })
    await one.step(() => docs.update('a', { n: 1 }))
    await expect(two.step(() => docs.update('a', { n: 2 }))).rejects.toMatchObject({ errorNum: 1200, code: 409 })
    await expect(docs.update('a', { n: 3 })).rejects.toMatchObject({ errorNum: 1200 })
    await one.commit()
    await expect(two.step(() => docs.update('a', { n: 2 }))).rejects.toMatchObject({ errorNum: 1200 })
    await expect(two.step(() => other.save({}))).rejects.toMatchObject({ errorNum: 1652 })
    await two.abort()
    expect(await docs.document('a')).toMatchObject({ n: 1 })
    await expect(db.beginTransaction({ write: ['nowhere'] })).rejects.toMatchObject({ errorNum: 1203 })
  })
})

describe('bad days and bad requests', () => {
  it('fails, or hangs up after the work is done, when told to', async () => {
    const docs = await db.createCollection('docs')
    emulator.configure({
      faults: [
        { action: 503, times: 1 },
        { action: 'drop', times: 1, method: 'POST', path: '/_api/document' },
      ],
    })
    await expect(docs.count()).rejects.toMatchObject({ code: 503 })
    await expect(docs.save({ _key: 'a' })).rejects.toThrow()
    expect(await docs.documentExists('a')).toBe(true)
  })
  it('records what the description does not have', async () => {
    const call = (path: string, body?: object) =>
      fetch(`${emulator.url}${path}`, {
        method: body ? 'POST' : 'GET',
        headers: { authorization: `Basic ${btoa('root:secret')}` },
        ...(body ? { body: JSON.stringify(body) } : {}),
      })
    expect((await call('/_api/cursor', { query: 'RETURN 1', surprise: 1 })).status).toBe(400)
    expect(await (await call('/_api/foxx')).json()).toMatchObject({ error: true, code: 501 })
    const listed = (await (await fetch(`${emulator.url}/_emulator/violations`)).json()) as { violations: unknown[] }
    expect(listed.violations).toHaveLength(2)
    await fetch(`${emulator.url}/_emulator/violations`, { method: 'DELETE' })
    expect((await fetch(`${emulator.url}/_emulator/health`)).status).toBe(200)
  })
})
