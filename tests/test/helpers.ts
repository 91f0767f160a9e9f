import { type DatabaseManager, openDatabase, type VeritasConfig } from '@veritas-db/core'
import { afterEach } from 'vitest'

const open: DatabaseManager[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((db) => db.close()))
})

/** A database in memory that is closed after the test. */
export async function memoryDatabase(config: Omit<VeritasConfig, 'backend'> = {}): Promise<DatabaseManager> {
  return track(await openDatabase({ backend: { type: 'sqlite', config: { path: ':memory:' } }, ...config }))
}

export function track(db: DatabaseManager): DatabaseManager {
  open.push(db)
  return db
}
