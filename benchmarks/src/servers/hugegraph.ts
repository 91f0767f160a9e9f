import { setTimeout } from 'node:timers/promises'
import hugegraphBackend from '@veritas-db/hugegraph'
import { compareGraphs, type GraphContestant } from './compare.ts'
import { type Http, http, succeeded } from './http.ts'
import { ourGraph } from './ours.ts'
import { batches, items, open, type ServerBench } from './shape.ts'

const COUNT = 2000

/** HugeGraph over REST: 2,000 nodes with 6,000 edges. Neither LangChain nor Mastra has a store for it. */
export const hugegraphBench: ServerBench = {
  variable: 'VERITAS_HUGEGRAPH_URL',
  async measure(url, options) {
    const client = http(url)
    try {
      return await compareGraphs(
        { title: `hugegraph graph ${COUNT.toLocaleString('en')}`, items: items(COUNT, 2), options },
        { veritas: ourGraph(await open(hugegraphBackend, { url, prefix: 'bench' })), raw: raw(client) },
      )
    } finally {
      await client.close()
    }
  },
}

/** Paths as servers up to 1.5 have them. */
const GRAPH = '/graphs/hugegraph'
const NODE = 'bench_raw_node'
const EDGE = 'bench_raw_references'
const PROPERTIES = {
  bench_raw_document: 'TEXT',
  bench_raw_version: 'TEXT',
  bench_raw_title: 'TEXT',
  bench_raw_kind: 'TEXT',
  bench_raw_year: 'INT',
  bench_raw_open: 'BOOLEAN',
}
/** What the server takes at once, unless it is told otherwise; three edges a document. */
const MAX_BATCH = 500

interface Vertex {
  readonly properties: { readonly bench_raw_document?: string }
}

/** Two requests at once, which the server answers a fifth faster than one after the other. */
async function inTwos<T>(all: Iterable<T>, work: (one: T) => Promise<unknown>): Promise<void> {
  const left = all[Symbol.iterator]()
  const worker = async (): Promise<void> => {
    for (let next = left.next(); !next.done; next = left.next()) await work(next.value)
  }
  await Promise.all([worker(), worker()])
}

/** By hand: the batch endpoints, which put a record in the place of one with its id; ids are keys; neighbours by their edges. */
function raw(client: Http): GraphContestant {
  const post = async (path: string, body: unknown): Promise<string> =>
    succeeded(await client.send('POST', GRAPH + path, JSON.stringify(body)))
  const remove = async (path: string): Promise<void> => {
    const answer = await client.send('DELETE', GRAPH + path)
    if (answer.status === 404 || answer.status === 400) return
    // 0 where there is nothing to wait for.
    const { task_id: task } = JSON.parse(succeeded(answer)) as { task_id?: number }
    for (let status = ''; task && status !== 'success'; await setTimeout(100)) {
      const text = succeeded(await client.send('GET', `${GRAPH}/tasks/${task}`))
      status = (JSON.parse(text) as { task_status: string }).task_status
      if (status === 'failed' || status === 'cancelled') throw new Error(text.slice(0, 500))
    }
  }
  const clear = async (): Promise<void> => {
    await remove(`/schema/edgelabels/${EDGE}`)
    await remove(`/schema/vertexlabels/${NODE}`)
    for (const name of Object.keys(PROPERTIES)) await remove(`/schema/propertykeys/${name}`)
  }
  return {
    async reset() {
      await clear()
      for (const [name, type] of Object.entries(PROPERTIES))
        await post('/schema/propertykeys', { name, data_type: type, cardinality: 'SINGLE' })
      await post('/schema/vertexlabels', {
        name: NODE,
        id_strategy: 'CUSTOMIZE_STRING',
        properties: Object.keys(PROPERTIES),
        nullable_keys: [],
        enable_label_index: false,
      })
      await post('/schema/edgelabels', {
        name: EDGE,
        source_label: NODE,
        target_label: NODE,
        frequency: 'SINGLE',
        properties: ['bench_raw_version'],
        enable_label_index: false,
      })
    },
    async load(all) {
      await inTwos(batches(all, MAX_BATCH), (batch) =>
        post(
          '/graph/vertices/batch',
          batch.map(({ key, documentId, version, metadata: { title, kind, year, open } }) => ({
            label: NODE,
            id: key,
            properties: {
              ...{ bench_raw_document: documentId, bench_raw_version: version, bench_raw_title: title },
              ...{ bench_raw_kind: kind, bench_raw_year: year, bench_raw_open: open },
            },
          })),
        ),
      )
      await inTwos(batches(all, Math.floor(MAX_BATCH / 3)), (batch) =>
        post(
          '/graph/edges/batch?check_vertex=true',
          batch.flatMap(({ key, version, targets }) =>
            targets.map((target) => ({
              ...{ label: EDGE, outV: key, inV: target, outVLabel: NODE, inVLabel: NODE },
              properties: { bench_raw_version: version },
            })),
          ),
        ),
      )
    },
    async get({ key }) {
      const text = succeeded(await client.send('GET', `${GRAPH}/graph/vertices/%22${key}%22`))
      return (JSON.parse(text) as Vertex).properties.bench_raw_document
    },
    async neighbors({ key }) {
      // Two requests: the traverser that gives vertices takes a second for the same.
      const path = `${GRAPH}/graph/edges?vertex_id=%22${key}%22&direction=OUT&label=${EDGE}&limit=100`
      const { edges } = JSON.parse(succeeded(await client.send('GET', path))) as { edges: { inV: string }[] }
      if (edges.length === 0) return []
      const ids = edges.map(({ inV }) => `ids=%22${inV}%22`).join('&')
      const text = succeeded(await client.send('GET', `${GRAPH}/traversers/vertices?${ids}`))
      const { vertices } = JSON.parse(text) as { vertices: Vertex[] }
      return vertices.map(({ properties }) => properties.bench_raw_document ?? '')
    },
    close: clear,
  }
}
