// Streams documents in a process of its own and prints by how much it grew after the first 10,000.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openDatabase, type VeritasDocument } from '@veritas-db/core'
import sqlite from '@veritas-db/sqlite'
import { random } from './data.ts'

const COUNT = 200_000
const WARM = 10_000
const folder = mkdtempSync(path.join(tmpdir(), 'veritas-memory-'))
const db = await openDatabase({
  backend: { type: sqlite, config: { path: path.join(folder, 'm.db') } },
  performance: { batchSize: 1000 },
})
const next = random(5)
let start = 0
let peak = 0

function* source(): Generator<VeritasDocument> {
  for (let i = 0; i < COUNT; i++) {
    if (i === WARM) {
      globalThis.gc?.()
      start = process.memoryUsage.rss()
    }
    if (i > WARM && i % 1000 === 0) peak = Math.max(peak, process.memoryUsage.rss())
    yield {
      id: `d${i}`,
      text: `document ${i} about streaming`,
      references: [`d${i >> 1}`],
      metadata: { n: i },
      embedding: Float32Array.from({ length: 64 }, () => next() - 0.5),
    }
  }
}

await db.storeDocuments(source(), 'docs')
await db.close()
rmSync(folder, { recursive: true })
console.log(JSON.stringify({ count: COUNT, growthMb: (peak - start) / 2 ** 20 }))
