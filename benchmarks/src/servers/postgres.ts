import { setTimeout } from 'node:timers/promises'
import postgres from '@veritas-db/postgres'
import pg from 'pg'
import type { Row } from '../measure.ts'
import { compareGraphs, compareTables, compareVectors } from './compare.ts'
import { ourGraph, ourTable, ourVectors } from './ours.ts'
import { rawGraph, rawTable, rawVectors, rest, SCHEMA } from './postgres/by-hand.ts'
import { langChainStore, mastraStore } from './postgres/rivals.ts'
import { type Item, items, open, type ServerBench } from './shape.ts'

const COUNT = 10_000
/** With an index that grows with each row, which takes the server some 2 ms. */
const INDEXED = 5000

/** PostgreSQL: all three roles, vectors without and with an HNSW index that is there while they are stored. */
export const postgresBench: ServerBench = {
  variable: 'VERITAS_POSTGRES_URL',
  async measure(url, options) {
    const all = items(COUNT)
    const pool = new pg.Pool({ connectionString: url, max: 2 })
    const size = COUNT.toLocaleString('en')
    const rows: Row[] = []
    try {
      await pool.query(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE; CREATE SCHEMA ${SCHEMA}`)
      for (const hnsw of [false, true]) {
        const some = hnsw ? all.slice(0, INDEXED) : all
        const comparison = {
          title: `postgres vector ${some.length.toLocaleString('en')}${hnsw ? ', HNSW live' : ', no index'}`,
          items: some,
          options,
          loadGoal: hnsw ? 1.2 : 5,
        }
        const ours = await veritas(url, pool, hnsw, some)
        const others = {
          raw: rawVectors(pool, hnsw),
          LangChain: langChainStore(url, hnsw, some),
          Mastra: mastraStore(url, hnsw, some),
        }
        rows.push(...(await compareVectors(comparison, { veritas: ours, ...others })))
      }
      const table = ourTable(await open(postgres, ourConfig(url)), () => rest(pool))
      const raw = rawTable(pool)
      const tables = { title: `postgres rows ${size}`, items: all, options }
      rows.push(...(await compareTables(tables, { veritas: table, raw })))
      const graph = ourGraph(await open(postgres, ourConfig(url)), () => rest(pool))
      const graphs = { title: `postgres graph ${size}`, items: all, options }
      rows.push(...(await compareGraphs(graphs, { veritas: graph, raw: rawGraph(pool) })))
      return rows
    } finally {
      await pool.query(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE`)
      await pool.end()
    }
  },
}

const ourConfig = (url: string, config: Record<string, unknown> = {}): Record<string, unknown> => ({
  url,
  schema: SCHEMA,
  ...config,
})

/** Ours as it comes, without an index; or with the HNSW index alone, built on one record before the others come. */
async function veritas(
  url: string,
  pool: pg.Pool,
  hnsw: boolean,
  all: readonly Item[],
): Promise<ReturnType<typeof ourVectors>> {
  const config = hnsw ? { indexThresholdRows: 0 } : { index: 'none' }
  const ours = ourVectors(await open(postgres, ourConfig(url, config)), () => rest(pool))
  if (!hnsw) return ours
  return {
    ...ours,
    async reset() {
      await ours.reset()
      const first = all.slice(0, 1)
      await ours.load(first)
      const built = async (): Promise<boolean> => {
        const { rows } = await pool.query(
          `SELECT FROM pg_indexes JOIN pg_class ON relname = indexname JOIN pg_index ON indexrelid = pg_class.oid
           WHERE schemaname = $1 AND indisvalid AND indexdef LIKE '%USING hnsw%' AND tablename LIKE 'veritas%'`,
          [SCHEMA],
        )
        return rows.length > 0
      }
      for (const item of first) {
        do {
          await ours.query(item.vector, false)
          await setTimeout(50)
        } while (!(await built()))
        await ours.role.delete({ scope: ours.place.scope, keys: [item.key] })
      }
    },
  }
}
