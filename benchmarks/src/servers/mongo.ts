import mongoBackend from '@veritas-db/mongo'
import { type Collection, type Db, MongoClient } from 'mongodb'
import { compareGraphs, compareTables, type GraphContestant, type TableContestant } from './compare.ts'
import { ourGraph, ourTable } from './ours.ts'
import { batches, EDGE_TYPE, FIND_LIMIT, items, open, type ServerBench, SINCE, VECTOR_FIELDS } from './shape.ts'

const COUNT = 2000
const DATABASE = 'veritas_bench'

/** MongoDB's protocol. LangChain's and Mastra's stores need `$vectorSearch`, which only Atlas and mongot have. */
export const mongoBench: ServerBench = {
  variable: 'VERITAS_MONGO_URL',
  async measure(url, options) {
    const all = items(COUNT, 2)
    const client = await new MongoClient(url, { retryReads: false, retryWrites: false }).connect()
    // As durable as ours.
    const db = client.db(DATABASE, { writeConcern: { w: 'majority' } })
    const config = { url, database: DATABASE }
    const size = COUNT.toLocaleString('en')
    try {
      const tables = await compareTables(
        { title: `mongo rows ${size}`, items: all, options },
        { veritas: ourTable(await open(mongoBackend, config, ['relational', 'graph'])), raw: rawTable(db) },
      )
      const graphs = await compareGraphs(
        { title: `mongo graph ${size}`, items: all, options },
        { veritas: ourGraph(await open(mongoBackend, config, ['relational', 'graph'])), raw: rawGraph(db) },
      )
      return [...tables, ...graphs]
    } finally {
      await db.dropDatabase()
      await client.close()
    }
  },
}

interface Doc {
  readonly _id: string
  readonly documentId: string
  readonly [field: string]: unknown
}

/** By hand: unordered bulk writes that replace. */
function rawTable(db: Db): TableContestant {
  const rows: Collection<Doc> = db.collection<Doc>('raw_rows')
  return {
    async reset() {
      await rows.drop()
      await rows.createIndexes([{ key: { kind: 1 } }, { key: { year: 1 } }])
    },
    async load(all) {
      for (const batch of batches(all))
        await rows.bulkWrite(
          batch.map(({ key, documentId, version, text, metadata }) => ({
            replaceOne: { filter: { _id: key }, replacement: { documentId, version, text, ...metadata }, upsert: true },
          })),
          { ordered: false },
        )
    },
    get: async ({ key }) => (await rows.findOne({ _id: key }))?.documentId,
    async find(kind) {
      const found = rows.find({ kind, year: { $gte: SINCE } }, { sort: { _id: 1 }, limit: FIND_LIMIT })
      return (await found.toArray()).map((row) => row.documentId)
    },
    async close() {
      await rows.drop()
    },
  }
}

/** By hand: edges in their source's document, as MongoDB's own guides have it. Documents come with their references, so one write does for both. */
function rawGraph(db: Db): GraphContestant {
  const nodes: Collection<Doc> = db.collection<Doc>('raw_nodes')
  return {
    async reset() {
      await nodes.drop()
      // Ours has the fields' indexes, too: nodes are to be found by them.
      const fields = Object.keys(VECTOR_FIELDS).map((field) => ({ key: { [`properties.${field}`]: 1 as const } }))
      await nodes.createIndexes([{ key: { 'edges.target': 1 } }, ...fields])
    },
    async load(all) {
      for (const batch of batches(all))
        await nodes.bulkWrite(
          batch.map(({ key, documentId, version, metadata, targets }) => {
            const edges = targets.map((target) => ({ type: EDGE_TYPE, target, version }))
            const replacement = { documentId, version, label: 'Document', properties: metadata, edges }
            return { replaceOne: { filter: { _id: key }, replacement, upsert: true } }
          }),
          { ordered: false },
        )
    },
    get: async ({ key }) => (await nodes.findOne({ _id: key }, { projection: { edges: 0 } }))?.documentId,
    async neighbors({ key }) {
      const found = nodes.aggregate<{ found: Doc[] }>([
        { $match: { _id: key } },
        // A list of its own: SecantusDB, unlike MongoDB, looks nothing up by a field within a list of objects.
        { $project: { targets: { $map: { input: '$edges', in: '$$this.target' } } } },
        {
          $lookup: {
            from: 'raw_nodes',
            localField: 'targets',
            foreignField: '_id',
            pipeline: [{ $sort: { _id: 1 } }, { $limit: 100 }, { $project: { edges: 0 } }],
            as: 'found',
          },
        },
        { $project: { found: 1 } },
      ])
      return (await found.toArray()).flatMap((source) => source.found.map((node) => node.documentId))
    },
    async close() {
      await nodes.drop()
    },
  }
}
