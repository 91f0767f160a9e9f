import { type DatabaseManager, openDatabase, type VeritasConfig } from '@veritas-db/core'
import { afterEach } from 'vitest'

const opened: DatabaseManager[] = []

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()))
})

/** A database in memory that is closed after the test. */
export async function memoryDatabase(config: Omit<VeritasConfig, 'backend'> = {}): Promise<DatabaseManager> {
  return track(await open({ backend: { type: 'sqlite', config: { path: ':memory:' } }, ...config }))
}

/** Opens a database whose backends are this package's dependencies, wherever the test runner was started. */
export function open(config: VeritasConfig): Promise<DatabaseManager> {
  return openDatabase(config, { from: import.meta.dirname })
}

export function track(db: DatabaseManager): DatabaseManager {
  opened.push(db)
  return db
}
