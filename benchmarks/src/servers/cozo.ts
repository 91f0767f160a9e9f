import cozoBackend from '@veritas-db/cozo'
import type { Row } from '../measure.ts'
import {
  compareGraphs,
  compareTables,
  compareVectors,
  type GraphContestant,
  type TableContestant,
  type VectorContestant,
} from './compare.ts'
import { type Http, http, succeeded } from './http.ts'
import { ourGraph, ourTable, ourVectors } from './ours.ts'
import { batches, DIMENSIONS, EDGE_TYPE, FIND_LIMIT, items, K, open, type ServerBench, SINCE } from './shape.ts'

const COUNT = 2000
const VECTORS = 1000

/** CozoDB over HTTP: 2,000 documents, and 1,000 vectors, of which its index takes some 100 a second. Neither LangChain nor Mastra has a store for it. */
export const cozoBench: ServerBench = {
  variable: 'VERITAS_COZO_URL',
  async measure(url, options) {
    const all = items(COUNT)
    const client = http(url)
    const config = { url, prefix: 'bench' }
    const size = COUNT.toLocaleString('en')
    const rows: Row[] = []
    try {
      rows.push(
        ...(await compareTables(
          { title: `cozo rows ${size}`, items: all, options },
          { veritas: ourTable(await open(cozoBackend, config)), raw: rawTable(client) },
        )),
      )
      rows.push(
        ...(await compareGraphs(
          { title: `cozo graph ${size}`, items: all, options },
          { veritas: ourGraph(await open(cozoBackend, config)), raw: rawGraph(client) },
        )),
      )
      rows.push(
        ...(await compareVectors(
          { title: `cozo vector ${VECTORS.toLocaleString('en')}`, items: all.slice(0, VECTORS), options },
          { veritas: ourVectors(await open(cozoBackend, config)), raw: rawVectors(client) },
        )),
      )
      return rows
    } finally {
      await client.close()
    }
  },
}

type Rows = readonly (readonly unknown[])[]

async function run(client: Http, script: string, params: Record<string, unknown> = {}, more = {}): Promise<Rows> {
  const text = succeeded(await client.send('POST', '/text-query', JSON.stringify({ script, params, ...more })))
  return (JSON.parse(text) as { rows: Rows }).rows
}

/** A script that reads, and is told to. */
const read = (client: Http, script: string, params: Record<string, unknown>): Promise<Rows> =>
  run(client, script, params, { immutable: true })

async function drop(client: Http, name: string, index?: string): Promise<void> {
  const there = await run(client, '::relations')
  if (!there.some(([relation]) => relation === name)) return
  if (index) await run(client, `::hnsw drop ${name}:${index}`)
  for (const [relation] of there)
    if (typeof relation === 'string' && relation.startsWith(`${name}:`) && relation !== `${name}:${index}`)
      await run(client, `::index drop ${relation}`)
  await run(client, `::remove ${name}`)
}

/** By hand: one `:put` a batch, an index for the columns that are filtered by. */
function rawTable(client: Http): TableContestant {
  const name = 'bench_raw_rows'
  const columns = 'd, v, title, kind, year, open, text'
  return {
    async reset() {
      await drop(client, name)
      await run(
        client,
        `:create ${name} {k: String => d: String, v: String, title: String?, kind: String?, year: Float?, open: Bool?, text: String?}`,
      )
      await run(client, `::index create ${name}:by_kind {kind, year, k}`)
    },
    async load(all) {
      for (const batch of batches(all))
        await run(client, `?[k, ${columns}] <- $rows :put ${name} {k => ${columns}}`, {
          rows: batch.map(({ key, documentId, version, text, metadata: { title, kind, year, open } }) => [
            ...[key, documentId, version, title, kind, year, open, text],
          ]),
        })
    },
    async get({ key }) {
      const rows = await read(client, `?[${columns}] := *${name}{k: $key, ${columns}}`, { key })
      return rows[0]?.[0] as string | undefined
    },
    async find(kind) {
      const script = `found[k] := *${name}:by_kind{kind: $kind, year, k}, year >= $since
        ?[k, ${columns}] := found[k], *${name}{k, ${columns}} :order k :limit ${FIND_LIMIT}`
      return (await read(client, script, { kind, since: SINCE })).map((row) => String(row[1]))
    },
    close: () => drop(client, name),
  }
}

function rawGraph(client: Http): GraphContestant {
  const nodes = 'bench_raw_nodes'
  const edges = 'bench_raw_edges'
  // Columns, since the server reads and writes JSON several times more slowly.
  const columns = 'd, v, title, kind, year, open'
  return {
    async reset() {
      await drop(client, nodes)
      await drop(client, edges)
      await run(
        client,
        `:create ${nodes} {k: String => d: String, v: String, title: String?, kind: String?, year: Float?, open: Bool?}`,
      )
      await run(client, `:create ${edges} {s: String, y: String, t: String => v: String}`)
    },
    async load(all) {
      for (const batch of batches(all))
        await run(client, `?[k, ${columns}] <- $rows :put ${nodes} {k => ${columns}}`, {
          rows: batch.map(({ key, documentId, version, metadata: { title, kind, year, open } }) => [
            ...[key, documentId, version, title, kind, year, open],
          ]),
        })
      for (const batch of batches(all))
        await run(client, `?[s, y, t, v] <- $rows :put ${edges} {s, y, t => v}`, {
          rows: batch.flatMap(({ key, version, targets }) =>
            targets.map((target) => [key, EDGE_TYPE, target, version]),
          ),
        })
    },
    async get({ key }) {
      const rows = await read(client, `?[${columns}] := *${nodes}{k: $key, ${columns}}`, { key })
      return rows[0]?.[0] as string | undefined
    },
    async neighbors({ key }) {
      const script = `?[k, ${columns}] := *${edges}{s: $key, t: k}, *${nodes}{k, ${columns}} :order k :limit 100`
      return (await read(client, script, { key })).map((row) => String(row[1]))
    },
    async close() {
      await drop(client, nodes)
      await drop(client, edges)
    },
  }
}

function rawVectors(client: Http): VectorContestant {
  const name = 'bench_raw_vectors'
  const columns = 'd, v, text, title, kind, year, open'
  const bytes = ({ buffer, byteOffset, byteLength }: Float32Array): string =>
    Buffer.from(buffer, byteOffset, byteLength).toString('base64')
  return {
    async reset() {
      await drop(client, name, 'nearest')
      await run(
        client,
        `:create ${name} {k: String => x: <F32; ${DIMENSIONS}>, d: String, v: String, text: String, title: String, kind: String, year: Float, open: Bool}`,
      )
      await run(
        client,
        `::hnsw create ${name}:nearest {dim: ${DIMENSIONS}, dtype: F32, fields: [x], distance: Cosine, m: 16, ef_construction: 64}`,
      )
    },
    async load(all) {
      for (const batch of batches(all))
        await run(
          client,
          `row[k, b, ${columns}] <- $rows ?[k, x, ${columns}] := row[k, b, ${columns}], x = vec(b) :put ${name} {k => x, ${columns}}`,
          {
            rows: batch.map(({ key, vector, documentId, version, text, metadata: { title, kind, year, open } }) => [
              ...[key, bytes(vector), documentId, version, text, title, kind, year, open],
            ]),
          },
        )
    },
    async get({ key }) {
      const rows = await read(client, `?[${columns}] := *${name}{k: $key, ${columns}}`, { key })
      return rows[0]?.[0] as string | undefined
    },
    async query(vector, filtered) {
      const filter = filtered ? ', filter: year >= $since' : ''
      const script = `?[${columns}, distance] := ~${name}:nearest{${columns} | query: vec($vector), k: ${K}, ef: 100, bind_distance: distance${filter}} :order distance`
      const rows = await read(client, script, { vector: bytes(vector), since: SINCE })
      return rows.map((row) => String(row[0]))
    },
    close: () => drop(client, name, 'nearest'),
  }
}
