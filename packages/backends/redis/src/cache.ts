import { type CacheService, type CallOptions, invalid, splitBatches, throwIfAborted } from '@veritas-db/core/contract'
import type { Connection, Reply } from './connection.js'

/** Keys in one request. */
const KEYS_A_REQUEST = 500
/** Bytes that are written before the answers are waited for. */
const BYTES_AT_ONCE = 8 * 1024 * 1024

/** A cache in Redis, which all processes with the same prefix share. Entries expire by themselves. */
export class RedisCache implements CacheService {
  readonly #connection: Connection
  readonly #prefix: string

  constructor(connection: Connection, prefix: string) {
    this.#connection = connection
    this.#prefix = `${prefix}:cache:`
  }

  async get(options: Parameters<CacheService['get']>[0]): Promise<readonly (Uint8Array | null)[]> {
    const { keys } = options
    return this.#connection.run({ ...signalOf(options), operation: 'cache.get' }, async (session) => {
      const values: (Uint8Array | null)[] = []
      for (const some of splitBatches(keys, { batchRecords: KEYS_A_REQUEST })) {
        throwIfAborted(session.signal)
        const found = await session.send(['MGET', ...this.#names(some)], true)
        for (const value of found as readonly Reply[]) values.push(Buffer.isBuffer(value) ? value : null)
      }
      return values
    })
  }

  async set(options: Parameters<CacheService['set']>[0]): Promise<void> {
    const { entries, ttlMs } = options
    if (!(ttlMs > 0)) throw invalid('ttlMs', `needs a number of milliseconds above 0, got ${ttlMs}`)
    const ttl = String(Math.min(Math.ceil(ttlMs), Number.MAX_SAFE_INTEGER))
    await this.#connection.run({ ...signalOf(options), operation: 'cache.set', write: true }, async (session) => {
      const limits = { batchRecords: KEYS_A_REQUEST, batchBytes: BYTES_AT_ONCE }
      for (const some of splitBatches(entries, limits, ({ value }) => value.length)) {
        throwIfAborted(session.signal)
        await Promise.all(
          some.map(({ key, value }) => {
            const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
            return session.send(['SET', this.#prefix + key, bytes, 'PX', ttl])
          }),
        )
        session.changed = true
      }
    })
  }

  async delete(options: Parameters<CacheService['delete']>[0]): Promise<void> {
    await this.#connection.run({ ...signalOf(options), operation: 'cache.delete', write: true }, async (session) => {
      for (const some of splitBatches(options.keys, { batchRecords: KEYS_A_REQUEST })) {
        throwIfAborted(session.signal)
        await session.send(['UNLINK', ...this.#names(some)])
        session.changed = true
      }
    })
  }

  #names(keys: readonly string[]): string[] {
    return keys.map((key) => this.#prefix + key)
  }
}

const signalOf = ({ signal }: CallOptions): CallOptions => (signal ? { signal } : {})
