import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { batches } from '../shape.ts'

/** What is written: a table's columns, and what `write` makes of each item. */
export interface Rows<T> {
  readonly table: string
  readonly columns: readonly string[]
  write(item: T, writer: CopyWriter): void
}

/** Upserts rows with the primary key `key`, a batch a transaction: copied into a temporary table, and merged from it. */
export async function upsert<T>(pool: pg.Pool, rows: Rows<T>, all: readonly T[]): Promise<void> {
  const names = rows.columns.join(', ')
  const set = rows.columns.map((column) => `${column} = excluded.${column}`).join(', ')
  await alone(pool, async (client) => {
    await client.query(
      `DROP TABLE IF EXISTS pg_temp.batch; CREATE TEMPORARY TABLE batch ON COMMIT DELETE ROWS AS SELECT ${names} FROM ${rows.table} WHERE false`,
    )
    for (const batch of batches(all)) {
      await client.query('BEGIN')
      await copy(client, { ...rows, table: 'pg_temp.batch' }, batch)
      await client.query(
        `INSERT INTO ${rows.table} (${names}) SELECT ${names} FROM pg_temp.batch ON CONFLICT (key) DO UPDATE SET ${set}; COMMIT`,
      )
    }
  })
}

/** Copies items right into a table. */
export async function copy<T>(client: pg.PoolClient, rows: Rows<T>, items: readonly T[]): Promise<void> {
  const writer = new CopyWriter(rows.columns.length)
  for (const item of items) {
    writer.row()
    rows.write(item, writer)
  }
  const stream = client.query(copyFrom(`COPY ${rows.table} (${rows.columns.join(', ')}) FROM STDIN (FORMAT binary)`))
  await pipeline(Readable.from([writer.end()]), stream)
}

/** Work on one connection, which is closed where it fails in the middle of a transaction. */
export async function alone(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<void>): Promise<void> {
  const client = await pool.connect()
  try {
    await work(client)
    client.release()
  } catch (error) {
    client.release(true)
    throw error
  }
}

/** PostgreSQL's binary COPY format. */
export class CopyWriter {
  readonly #width: number
  #buffer = Buffer.allocUnsafe(2 ** 20)
  #at = 0

  constructor(width: number) {
    this.#width = width
    // The signature, no flags, no extension.
    this.#at = this.#buffer.write(`PGCOPY\n\xff\r\n\0${'\0'.repeat(8)}`, 'latin1')
  }
  row(): void {
    this.#room(2)
    this.#at = this.#buffer.writeInt16BE(this.#width, this.#at)
  }
  uuid(hex: string): void {
    this.#length(16)
    this.#at += this.#buffer.write(hex, this.#at, 'hex')
  }
  text(value: string): void {
    const bytes = Buffer.byteLength(value)
    this.#length(bytes)
    this.#at += this.#buffer.write(value, this.#at)
  }
  jsonb(value: object): void {
    const text = JSON.stringify(value)
    this.#length(Buffer.byteLength(text) + 1)
    this.#buffer[this.#at++] = 1
    this.#at += this.#buffer.write(text, this.#at)
  }
  float8(value: number): void {
    this.#length(8)
    this.#at = this.#buffer.writeDoubleBE(value, this.#at)
  }
  bool(value: boolean): void {
    this.#length(1)
    this.#buffer[this.#at++] = value ? 1 : 0
  }
  vector(value: Float32Array): void {
    this.#length(4 + value.byteLength)
    this.#at = writeVector(this.#buffer, value, this.#at)
  }
  end(): Buffer {
    this.#room(2)
    this.#at = this.#buffer.writeInt16BE(-1, this.#at)
    return this.#buffer.subarray(0, this.#at)
  }
  #length(bytes: number): void {
    this.#room(bytes + 4)
    this.#at = this.#buffer.writeInt32BE(bytes, this.#at)
  }
  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + bytes))
    this.#buffer.copy(larger, 0, 0, this.#at)
    this.#buffer = larger
  }
}

/** A vector as pgvector receives it. */
export function binaryVector(value: Float32Array): Buffer {
  const bytes = Buffer.allocUnsafe(4 + value.byteLength)
  writeVector(bytes, value, 0)
  return bytes
}

function writeVector(bytes: Buffer, value: Float32Array, at: number): number {
  bytes.writeInt16BE(value.length, at)
  bytes.writeInt16BE(0, at + 2)
  const numbers = bytes.subarray(at + 4, at + 4 + value.byteLength)
  numbers.set(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
  numbers.swap32()
  return at + 4 + value.byteLength
}
