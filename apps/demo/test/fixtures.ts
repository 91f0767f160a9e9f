import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type DatabaseManager, openDatabase, type VeritasDocument } from '@veritas-db/core'
import { onTestFinished } from 'vitest'
import type { Corpus, Problem } from '../src/corpus/types.js'
import { APP } from '../src/places.js'

/** A folder that goes away with the test. */
export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'veritas-demo-')))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Writes files, by their paths in a folder; objects as JSON. */
export function write(folder: string, files: Readonly<Record<string, string | Uint8Array | object>>): void {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, ...name.split('/'))
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(
      file,
      typeof content === 'string' || content instanceof Uint8Array ? content : JSON.stringify(content),
    )
  }
}

export function link(folder: string, from: string, to: string): void {
  const place = path.join(folder, ...from.split('/'))
  mkdirSync(path.dirname(place), { recursive: true })
  symlinkSync(path.join(folder, ...to.split('/')), place, 'junction')
}

export interface ReadCorpus {
  readonly documents: readonly VeritasDocument[]
  readonly byId: ReadonlyMap<string, VeritasDocument>
  readonly problems: readonly Problem[]
}

export async function readAll(corpus: Corpus): Promise<ReadCorpus> {
  const problems: Problem[] = []
  const documents: VeritasDocument[] = []
  for await (const document of corpus.documents((problem) => problems.push(problem))) documents.push(document)
  return { documents, byId: new Map(documents.map((d) => [d.id ?? '', d])), problems }
}

export function targets(document: VeritasDocument | undefined): string[] {
  return (document?.references ?? []).map((r) => (typeof r === 'string' ? r : r.id))
}

/** The embedded database in a file of its own. */
export async function embedded(): Promise<DatabaseManager> {
  const folder = temporaryFolder()
  const db = await openDatabase(
    { backend: { type: 'sqlite', config: { path: path.join(folder, 'test.db') } } },
    { from: APP },
  )
  onTestFinished(() => db.close())
  return db
}
