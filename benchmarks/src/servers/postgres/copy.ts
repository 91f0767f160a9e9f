import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { batches } from '../shape.ts'

/** Upserts what `write` makes of each item, a batch a transaction. */
export async function copyIn<T>(
  pool: pg.Pool,
  table: string,
  columns: readonly string[],
  all: readonly T[],
  write: (item: T, writer: CopyWriter) => void,
  identity = 'key',
  size = 1000,
): Promise<void> {
  const names = columns.join(', ')
  const set = columns.map((column) => `${column} = excluded.${column}`).join(', ')
  const client = await pool.connect()
  try {
    for (const batch of batches(all, size)) {
      await client.query(
        `BEGIN; CREATE TEMPORARY TABLE batch ON COMMIT DROP AS SELECT ${names} FROM ${table} WHERE false`,
      )
      const writer = new CopyWriter(columns.length)
      for (const item of batch) {
        writer.row()
        write(item, writer)
      }
      const copying = client.query(copyFrom(`COPY pg_temp.batch (${names}) FROM STDIN (FORMAT binary)`))
      await pipeline(Readable.from([writer.end()]), copying)
      await client.query(
        `INSERT INTO ${table} (${names}) SELECT ${names} FROM pg_temp.batch ON CONFLICT (${identity}) DO UPDATE SET ${set}; COMMIT`,
      )
    }
  } finally {
    client.release()
  }
}

/** PostgreSQL's binary COPY format. */
class CopyWriter {
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
    const bytes = binaryVector(value)
    this.#length(bytes.length)
    this.#at += bytes.copy(this.#buffer, this.#at)
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
  bytes.writeInt16BE(value.length, 0)
  bytes.writeInt16BE(0, 2)
  const numbers = bytes.subarray(4)
  numbers.set(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
  numbers.swap32()
  return bytes
}
