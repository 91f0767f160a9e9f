import { openDatabase } from '@veritas-db/core'
import sqlite from '@veritas-db/sqlite'
import { documents, random, vectors } from './data.ts'
import { type Bench, median, ms, type Row, timed } from './measure.ts'

const COUNT = 20_000

/** Searches through the manager, checked against the authority, in the four modes. */
export const hybridSearch: Bench = async ({ runs }) => {
  const embeddings = vectors(COUNT, 384, 'clustered')
  const db = await openDatabase({
    backend: { type: sqlite, config: { path: ':memory:' } },
    performance: { batchSize: 1000 },
  })
  await db.storeDocuments(documents(COUNT, embeddings), 'docs')
  const next = random(3)
  const rows: Row[] = []
  for (const mode of ['semantic', 'metadata', 'graph', 'hybrid'] as const) {
    const times: number[] = []
    for (let i = 0; i < runs * 20; i++) {
      const vector = embeddings[Math.floor(next() * COUNT)]
      if (!vector) continue
      const from = [`document-${Math.floor(next() * COUNT)}`]
      const query = `store ${i} journal`
      const ask = {
        semantic: { vector },
        metadata: { query },
        graph: { graph: { from } },
        hybrid: { query, vector },
      }[mode]
      times.push(await timed(() => db.searchDocuments({ ...ask, mode, collection: 'docs' })))
    }
    rows.push({ benchmark: `search ${COUNT.toLocaleString('en')}`, what: `${mode} p50`, value: ms(median(times)) })
  }
  await db.close()
  return rows
}
