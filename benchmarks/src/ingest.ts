import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openDatabase, type VeritasDocument } from '@veritas-db/core'
import sqlite from '@veritas-db/sqlite'
import { documents, vectors } from './data.ts'
import { type Bench, contest, perSecond, timed } from './measure.ts'

const COUNT = 20_000
const BATCH = 1000

/** Documents a second into the embedded backend, against a program written by hand for the same rows. Embeddings are given. */
export const ingest: Bench = async ({ runs }) => {
  const all = documents(COUNT, vectors(COUNT, 384, 'clustered'))
  const inFolder = async (work: (folder: string) => Promise<number>): Promise<number> => {
    const folder = mkdtempSync(path.join(tmpdir(), 'veritas-bench-'))
    try {
      return await work(folder)
    } finally {
      rmSync(folder, { recursive: true })
    }
  }
  const times = await contest(runs, {
    hand: () => inFolder((folder) => byHand(path.join(folder, 'hand.db'), all)),
    veritas: () =>
      inFolder(async (folder) => {
        const db = await openDatabase({
          backend: { type: sqlite, config: { path: path.join(folder, 'veritas.db') } },
          performance: { batchSize: BATCH },
        })
        await db.ensureCollection('docs', { dimensions: 384, embeddings: 'given' })
        const time = await timed(async () => {
          const summary = await db.storeDocuments(all, 'docs')
          if (summary.stored !== COUNT)
            throw new Error(`stored ${summary.stored} of ${COUNT}: ${summary.failures[0]?.error.message}`)
        })
        await db.close()
        return time
      }),
  })
  const ratio = (times.hand ?? 0) / (times.veritas ?? 1)
  return [
    { benchmark: 'ingest', what: `written by hand, ${BATCH} a transaction`, value: perSecond(COUNT, times.hand ?? 0) },
    {
      benchmark: 'ingest',
      what: 'storeDocuments',
      value: perSecond(COUNT, times.veritas ?? 0),
      ratio,
      goal: '≥ 0.7',
      reached: ratio >= 0.7,
    },
  ]
}

/** Vector, full text, metadata row, node and three edges a document, with prepared statements: what a good engineer writes in an hour. */
async function byHand(file: string, all: readonly VeritasDocument[]): Promise<number> {
  const db = new DatabaseSync(file)
  db.exec(`
    PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    CREATE TABLE docs(rowid INTEGER PRIMARY KEY, id TEXT UNIQUE, title TEXT, type TEXT, created INTEGER, text TEXT, metadata TEXT);
    CREATE INDEX docs_type ON docs(type); CREATE INDEX docs_created ON docs(created);
    CREATE VIRTUAL TABLE fts USING fts5(title, text, content='');
    CREATE TABLE vectors(rowid INTEGER PRIMARY KEY, embedding BLOB);
    CREATE TABLE nodes(id TEXT PRIMARY KEY, label TEXT, properties TEXT) WITHOUT ROWID;
    CREATE TABLE edges(source TEXT, type TEXT, target TEXT, PRIMARY KEY(source, type, target)) WITHOUT ROWID;
    CREATE INDEX edges_target ON edges(target);`)
  const doc = db.prepare('INSERT INTO docs(rowid, id, title, type, created, text, metadata) VALUES (?,?,?,?,?,?,?)')
  const fts = db.prepare('INSERT INTO fts(rowid, title, text) VALUES (?,?,?)')
  const vector = db.prepare('INSERT INTO vectors(rowid, embedding) VALUES (?,?)')
  const node = db.prepare('INSERT INTO nodes VALUES (?,?,?)')
  const edge = db.prepare('INSERT OR REPLACE INTO edges VALUES (?,?,?)')
  const time = await timed(() => {
    for (let start = 0; start < all.length; start += BATCH) {
      db.exec('BEGIN IMMEDIATE')
      for (let i = start; i < Math.min(start + BATCH, all.length); i++) {
        const d = all[i] as VeritasDocument
        const id = d.id ?? ''
        const metadata = JSON.stringify(d.metadata)
        doc.run(i + 1, id, d.title ?? null, d.documentType ?? null, Number(d.createdDate), d.text, metadata)
        fts.run(i + 1, d.title ?? null, d.text)
        const embedding = d.embedding as Float32Array
        vector.run(i + 1, new Uint8Array(embedding.buffer, embedding.byteOffset, embedding.byteLength))
        node.run(id, 'Document', metadata)
        for (const target of d.references ?? [])
          edge.run(id, 'REFERENCES', typeof target === 'string' ? target : target.id)
      }
      db.exec('COMMIT')
    }
  })
  db.close()
  return time
}
