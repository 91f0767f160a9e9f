import { validateConfig } from '@veritas-db/core/contract'
import { MongoClient } from 'mongodb'
import { describe, expect, it, vi } from 'vitest'
import { Connection } from '../src/connection.js'
import { mongoConfig } from '../src/index.js'
import { bulk } from '../src/write.js'

/** What the driver throws where some operations failed, and perhaps the confirmation of the others. */
const bulkError = (unconfirmed: boolean): Error =>
  Object.assign(new Error('some failed'), {
    name: 'MongoBulkWriteError',
    errorLabels: [],
    writeErrors: [{ index: 1, code: 11000, errmsg: 'taken' }],
    result: {
      matchedCount: 1,
      modifiedCount: 1,
      upsertedIds: {},
      getWriteConcernError: () => (unconfirmed ? { code: 64 } : undefined),
    },
  })

describe('a bulk write of which some operations fail', () => {
  const run = async (error: Error): Promise<Awaited<ReturnType<typeof bulk>>> => {
    const connection = new Connection(await validateConfig(mongoConfig, {}, 'mongo'), 1, 1000, false)
    const collection = new MongoClient('mongodb://127.0.0.1').db('d').collection('c')
    vi.spyOn(collection, 'bulkWrite').mockRejectedValue(error)
    return bulk(connection, undefined, collection, [])
  }

  it('tells which failed', async () => {
    const { errors, matched } = await run(bulkError(false))
    expect([...errors.keys(), matched]).toEqual([1, 1])
  })

  it('fails as a whole where the others were not confirmed', async () => {
    const error = bulkError(true)
    await expect(run(error)).rejects.toBe(error)
  })
})
