import { randomBytes } from 'node:crypto'
import { type Backend, validateConfig } from '@veritas-db/core/contract'
import { MongoClient } from 'mongodb'
import mongo, { type MongoConfigInput, type MongoRole } from '../src/index.js'

/** The server to test on; without one the tests that need it are skipped. */
export const url: string | undefined = process.env.VERITAS_MONGO_URL

/** A database that no other run uses. */
export const testConfig = (options: MongoConfigInput = {}): MongoConfigInput => ({
  ...(url !== undefined && { url }),
  database: `veritas_test_${randomBytes(4).toString('hex')}`,
  ...options,
})

/** What every server can be; vectors need one that has `$vectorSearch`. */
export const roles: readonly MongoRole[] = ['relational', 'graph']

export const open = async (
  options: MongoConfigInput,
  asked: readonly MongoRole[] = roles,
): Promise<Backend<MongoRole>> =>
  mongo.create(await validateConfig(mongo.config, options, 'mongo'), {
    roles: asked,
    poolSize: 5,
    queryTimeoutMs: 10_000,
  })

export const dropDatabase = async (name: string | undefined, at: string | undefined = url): Promise<void> => {
  const client = new MongoClient(at ?? '')
  await client.db(name).dropDatabase()
  await client.close()
}
