// Traversals, shortest paths and modifications in AQL (docs.arangodb.com/3.12/aql: graph-queries, high-level-operations).
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Database } from '../../../../packages/backends/arango/node_modules/arangojs/esm/index.js'
import { type ArangoEmulator, startArangoEmulator } from './index.ts'

let emulator: ArangoEmulator
let db: Database
const ask = async (query: string, binds: Record<string, unknown> = {}): Promise<unknown[]> =>
  (await db.query(query, binds)).all()

beforeAll(async () => {
  emulator = await startArangoEmulator()
  db = new Database({ url: emulator.url })
})
beforeEach(() => emulator.reset())
afterAll(async () => {
  expect(emulator.violations).toEqual([])
  await emulator.close()
})

describe('graph queries', () => {
  beforeEach(async () => {
    const places = await db.createCollection('places')
    const roads = await db.createEdgeCollection('roads')
    await places.saveAll(['A', 'B', 'C', 'D', 'E', 'S'].map((_key) => ({ _key })))
    const road = (from: string, to: string, km = 1) => ({
      _key: `${from}${to}`,
      _from: `places/${from}`,
      _to: `places/${to}`,
      km,
    })
    // traversals.md, uniqueness: S→B, A→S, B→C, C→A, B→E, and a dead end D.
    await roads.saveAll([
      road('S', 'B'),
      road('A', 'S'),
      road('B', 'C', 5),
      road('C', 'A'),
      road('B', 'E'),
      road('E', 'C'),
    ])
  })

  it('goes deep first, or broad first', async () => {
    expect(await ask('FOR v IN 1..3 OUTBOUND "places/S" roads RETURN v._key')).toEqual(['B', 'C', 'A', 'E', 'C'])
    expect(await ask('FOR v IN 1..3 OUTBOUND "places/S" roads OPTIONS { order: "bfs" } RETURN v._key')).toEqual([
      'B',
      'C',
      'E',
      'A',
      'C',
    ])
  })
  it('visits each node once where it is told to, and never the start again', async () => {
    const query =
      'FOR v IN 1..10 OUTBOUND "places/S" roads OPTIONS { order: "bfs", uniqueVertices: "global" } RETURN v._key'
    expect(await ask(query)).toEqual(['B', 'C', 'E', 'A'])
    await expect(
      ask('FOR v IN 1..2 OUTBOUND "places/S" roads OPTIONS { uniqueVertices: "global" } RETURN v'),
    ).rejects.toMatchObject({ errorNum: 10 })
  })
  it('comes back to the start by a cycle, edges being unique on a path', async () => {
    expect(await ask('FOR v IN 4..4 OUTBOUND "places/S" roads RETURN v._key')).toContain('S')
    const path = 'FOR v IN 1..10 OUTBOUND "places/S" roads OPTIONS { uniqueVertices: "path" } RETURN v._key'
    expect(await ask(path)).not.toContain('S')
  })
  it('knows depth 0, directions, edges and paths', async () => {
    expect(
      await ask(
        'FOR v, e, p IN 0..1 OUTBOUND @start @@edges RETURN [v._key, e._key, LENGTH(p.edges), p.vertices[*]._key]',
        { start: 'places/S', '@edges': 'roads' },
      ),
    ).toEqual([
      ['S', null, 0, ['S']],
      ['B', 'SB', 1, ['S', 'B']],
    ])
    expect(await ask('FOR v IN INBOUND "places/S" roads RETURN v._key')).toEqual(['A'])
    expect(await ask('FOR v IN 1 ANY "places/S" roads SORT v._key RETURN v._key')).toEqual(['A', 'B'])
    expect(await ask('FOR d IN places FILTER d._key == "S" FOR v IN OUTBOUND d INBOUND roads RETURN v._key')).toEqual([
      'A',
    ])
  })
  it('prunes: the pruned node is given, what is behind it is not', async () => {
    const query =
      'FOR v, e IN 1..5 OUTBOUND "places/S" roads PRUNE v._key == "C" OPTIONS { order: "bfs", uniqueVertices: "global" } RETURN v._key'
    expect(await ask(query)).toEqual(['B', 'C', 'E'])
  })
  it('gives null for a node that is not there, and nothing for a start that is no id', async () => {
    await db.collection('roads').save({ _from: 'places/D', _to: 'places/gone' })
    expect(await ask('FOR v, e IN 1 OUTBOUND "places/D" roads RETURN [v, e._to]')).toEqual([[null, 'places/gone']])
    const cursor = await db.query('FOR v IN 1 OUTBOUND "D" roads RETURN v')
    expect(await cursor.all()).toEqual([])
    expect(cursor.extra.warnings).toHaveLength(1)
  })
  it('finds shortest paths, by hops and by weight', async () => {
    const query = 'FOR v, e IN OUTBOUND SHORTEST_PATH "places/S" TO "places/C" roads RETURN [v._key, e._key]'
    expect(await ask(query)).toEqual([
      ['S', null],
      ['B', 'SB'],
      ['C', 'BC'],
    ])
    const weighted =
      'FOR v IN OUTBOUND SHORTEST_PATH "places/S" TO "places/C" roads OPTIONS { weightAttribute: "km" } RETURN v._key'
    expect(await ask(weighted)).toEqual(['S', 'B', 'E', 'C'])
    expect(await ask('FOR v IN OUTBOUND SHORTEST_PATH "places/S" TO "places/D" roads RETURN v')).toEqual([])
    expect(await ask('FOR v IN OUTBOUND SHORTEST_PATH "places/S" TO "places/nobody" roads RETURN v')).toEqual([])
    expect(await ask('FOR v IN ANY SHORTEST_PATH "places/B" TO "places/A" roads RETURN v._key')).toHaveLength(3)
  })
})

describe('modifications', () => {
  beforeEach(async () => {
    await db.createCollection('users')
  })
  const users = () => ask('FOR u IN users SORT u._key RETURN UNSET(u, "_id", "_rev")')

  it('INSERT with each overwriteMode', async () => {
    expect(await ask('INSERT { _key: "a", n: 1 } INTO users RETURN NEW._id')).toEqual(['users/a'])
    await expect(ask('INSERT { _key: "a" } INTO users')).rejects.toMatchObject({ errorNum: 1210, code: 409 })
    expect(await ask('INSERT { _key: "a", n: 2 } INTO users OPTIONS { overwriteMode: "ignore" } RETURN NEW')).toEqual([
      null,
    ])
    expect(
      await ask('INSERT { _key: "a", m: 2 } INTO users OPTIONS { overwriteMode: "update" } RETURN [OLD.m, NEW.n]'),
    ).toEqual([[null, 1]])
    expect(
      await ask('INSERT { _key: "a", k: 3 } INTO users OPTIONS { overwriteMode: "replace" } RETURN OLD.n'),
    ).toEqual([1])
    expect(await users()).toEqual([{ _key: 'a', k: 3 }])
  })
  it('leaves a document whose version is not lower, with versionAttribute', async () => {
    const upsert = (v: number, n: string) =>
      ask(
        'INSERT { _key: "a", v: @v, n: @n } INTO users OPTIONS { overwriteMode: "replace", versionAttribute: "v" } RETURN OLD._rev == NEW._rev',
        { v, n },
      )
    expect(await upsert(5, 'five')).toEqual([false])
    expect(await upsert(5, 'again')).toEqual([true])
    expect(await upsert(4, 'late')).toEqual([true])
    expect(await upsert(6, 'six')).toEqual([false])
    expect(await users()).toEqual([{ _key: 'a', v: 6, n: 'six' }])
  })
  it('UPDATE merges, REPLACE does not, REMOVE removes', async () => {
    await ask('INSERT { _key: "a", o: { x: 1 }, gone: 1 } INTO users')
    await ask('UPDATE "a" WITH { o: { y: 2 }, gone: null } IN users OPTIONS { keepNull: false }')
    expect(await users()).toEqual([{ _key: 'a', o: { x: 1, y: 2 } }])
    await ask('FOR u IN users UPDATE u WITH { o: { z: 3 } } IN users OPTIONS { mergeObjects: false }')
    expect(await users()).toEqual([{ _key: 'a', o: { z: 3 } }])
    expect(await ask('REPLACE { _key: "a", n: 1 } IN users RETURN [OLD.o, NEW.n]')).toEqual([[{ z: 3 }, 1]])
    expect(await ask('FOR u IN users REMOVE u IN users RETURN OLD._key')).toEqual(['a'])
    await expect(ask('UPDATE "a" WITH { n: 1 } IN users')).rejects.toMatchObject({ errorNum: 1202 })
    expect(await ask('REMOVE "a" IN users OPTIONS { ignoreErrors: true }')).toEqual([])
  })
  it('UPSERT inserts, then updates', async () => {
    const query =
      'UPSERT { name: "superuser" } INSERT { name: "superuser", logins: 1 } UPDATE { logins: OLD.logins + 1 } IN users RETURN { logins: NEW.logins, type: OLD ? "update" : "insert" }'
    expect(await ask(query)).toEqual([{ logins: 1, type: 'insert' }])
    expect(await ask(query)).toEqual([{ logins: 2, type: 'update' }])
    const many =
      'FOR i IN 1..4 UPSERT { _key: CONCAT("k", i % 2) } INSERT { _key: CONCAT("k", i % 2), n: 1 } REPLACE { n: OLD.n + 1 } IN users RETURN NEW.n'
    expect(await ask(many)).toEqual([1, 1, 2, 2])
    expect(
      await ask(
        'UPSERT FILTER CURRENT.n == 2 AND CURRENT._key == "k0" INSERT {} UPDATE { hit: true } IN users RETURN NEW._key',
      ),
    ).toEqual(['k0'])
  })
  it('is all or nothing, and reads before it writes', async () => {
    await expect(ask('FOR k IN ["a", "b", "a"] INSERT { _key: k } INTO users')).rejects.toMatchObject({
      errorNum: 1210,
    })
    expect(await users()).toEqual([])
    await expect(ask('INSERT { _key: "a" } INTO users FOR u IN users RETURN u')).rejects.toMatchObject({
      errorNum: 1579,
    })
    await expect(ask('INSERT { _key: "a" } INTO users RETURN DOCUMENT("users/a")')).rejects.toMatchObject({
      errorNum: 1579,
    })
    expect(
      await ask(
        'FOR r IN @rows LET old = DOCUMENT(users, r._key) FILTER old == null OR old.v < r.v INSERT r INTO users OPTIONS { overwriteMode: "replace" } RETURN NEW._key',
        { rows: [{ _key: 'a', v: 1 }] },
      ),
    ).toEqual(['a'])
  })
  it('checks revisions where it is told to', async () => {
    const [rev] = await ask('INSERT { _key: "a" } INTO users RETURN NEW._rev')
    await expect(
      ask('UPDATE { _key: "a", _rev: "other" } WITH { _rev: "other", n: 1 } IN users OPTIONS { ignoreRevs: false }'),
    ).rejects.toMatchObject({ errorNum: 1200, code: 409 })
    expect(
      await ask('UPDATE "a" WITH { _rev: @rev, n: 1 } IN users OPTIONS { ignoreRevs: false } RETURN NEW.n', { rev }),
    ).toEqual([1])
  })
  it('finds by key and by ends of an edge what a scan finds', async () => {
    await ask('FOR i IN 1..2000 INSERT { _key: TO_STRING(i), n: i } INTO users')
    const keys = Array.from({ length: 1000 }, (_, i) => String(i * 3))
    const join = 'FOR k IN @keys FOR u IN users FILTER u._key == k AND u.n > 10 RETURN u.n'
    expect(await ask(join, { keys })).toHaveLength(663)
    expect(await ask('FOR u IN @@c FILTER u._key IN @keys RETURN u', { keys, '@c': 'users' })).toHaveLength(666)
    expect(await ask('FOR u IN users FILTER u._id == "users/7" OR u.n == 8 SORT u.n RETURN u.n')).toEqual([7, 8])
    expect(await ask('FOR u IN users FILTER u._key == u.n RETURN u')).toEqual([])
    expect(await ask('FOR u IN users FILTER "users/9" == u._id RETURN u.n')).toEqual([9])
  })
})
