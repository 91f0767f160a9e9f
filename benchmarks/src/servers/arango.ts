import arangoBackend from '@veritas-db/arango'
import { aql, Database } from 'arangojs'
import { compareGraphs, compareTables, type GraphContestant, type TableContestant } from './compare.ts'
import { ourGraph, ourTable } from './ours.ts'
import { batches, FIND_LIMIT, items, open, type ServerBench, SINCE } from './shape.ts'

const COUNT = 1000

/** ArangoDB's emulator, which checks every request and uses no indexes: it tells what we and the client cost, not what the server does. */
export const arangoBench: ServerBench = {
  variable: 'VERITAS_ARANGO_URL',
  async measure(url, options) {
    const { origin, username, password, pathname } = new URL(url)
    const database = pathname.slice(1) || '_system'
    const user = { username: username || 'root', password }
    const db = new Database({ url: origin, databaseName: database, auth: user, maxRetries: false })
    const config = { url: origin, database, ...user, prefix: 'bench' }
    const all = items(COUNT, 2)
    const size = COUNT.toLocaleString('en')
    try {
      const tables = await compareTables(
        { title: `arango (emulator) rows ${size}`, items: all, options, emulated: true },
        { veritas: ourTable(await open(arangoBackend, config)), raw: rawTable(db) },
      )
      const graphs = await compareGraphs(
        { title: `arango (emulator) graph ${size}`, items: all, options, emulated: true },
        { veritas: ourGraph(await open(arangoBackend, config)), raw: rawGraph(db) },
      )
      return [...tables, ...graphs]
    } finally {
      db.close()
    }
  },
}

interface Doc {
  readonly documentId: string
}

async function drop(db: Database, name: string): Promise<void> {
  const collection = db.collection(name)
  if (await collection.exists()) await collection.drop()
}

/** By hand: the import endpoint, which replaces what is there. */
function rawTable(db: Database): TableContestant {
  const rows = db.collection<Doc>('bench_raw_rows')
  return {
    async reset() {
      await drop(db, rows.name)
      await rows.create()
      await rows.ensureIndex({ type: 'persistent', fields: ['kind', 'year'] })
    },
    async load(all) {
      for (const batch of batches(all))
        await rows.import(
          batch.map(({ key, documentId, version, text, metadata }) => ({
            ...{ _key: key, documentId, version, text },
            ...metadata,
          })),
          { onDuplicate: 'replace', complete: true },
        )
    },
    get: async ({ key }) => (await rows.document(key)).documentId,
    async find(kind) {
      const cursor = await db.query<Doc>(
        aql`FOR d IN ${rows} FILTER d.kind == ${kind} AND d.year >= ${SINCE} SORT d._key LIMIT ${FIND_LIMIT} RETURN d`,
      )
      return (await cursor.all()).map((row) => row.documentId)
    },
    close: () => drop(db, rows.name),
  }
}

function rawGraph(db: Database): GraphContestant {
  const nodes = db.collection<Doc>('bench_raw_nodes')
  const edges = db.collection('bench_raw_edges')
  return {
    async reset() {
      await drop(db, nodes.name)
      await drop(db, edges.name)
      await nodes.create()
      await db.createEdgeCollection(edges.name)
    },
    async load(all) {
      for (const batch of batches(all))
        await nodes.import(
          batch.map(({ key, documentId, version, metadata }) => ({
            ...{ _key: key, documentId, version },
            properties: metadata,
          })),
          { onDuplicate: 'replace', complete: true },
        )
      for (const batch of batches(all))
        await edges.import(
          batch.flatMap(({ key, version, targets }) =>
            targets.map((target) => ({
              ...{ _key: `${key}-${target}`, version },
              ...{ _from: `${nodes.name}/${key}`, _to: `${nodes.name}/${target}` },
            })),
          ),
          { onDuplicate: 'replace', complete: true },
        )
    },
    get: async ({ key }) => (await nodes.document(key)).documentId,
    async neighbors({ key }) {
      const cursor = await db.query<Doc>(
        aql`FOR v IN 1..1 OUTBOUND ${`${nodes.name}/${key}`} ${edges} SORT v._key LIMIT 100 RETURN v`,
      )
      return (await cursor.all()).map((node) => node.documentId)
    },
    async close() {
      await drop(db, nodes.name)
      await drop(db, edges.name)
    },
  }
}
