import { invalid } from '@veritas-db/core/contract'

/**
 * Values in PostgreSQL's binary formats (its `*_recv` functions): several times faster than text for vectors, on both sides.
 * https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY-FORMAT
 */

/** The types that are sent, with what JavaScript gives for them. */
export interface WireTypes {
  /** 32 hexadecimal digits */
  uuid: string
  text: string
  int4: number
  float8: number
  bool: boolean
  timestamptz: Date
  /** JSON text */
  jsonb: string
  vector: Float32Array
}
export type WireType = keyof WireTypes

/** One column of a batch: its values, row by row. */
export type Column = {
  [T in WireType]: { readonly name: string; readonly type: T; readonly values: readonly (WireTypes[T] | null)[] }
}[WireType]

/** The object ids of types are fixed, but for those of extensions: `vector` has another one in every database. */
export const TYPE_IDS: Readonly<Record<Exclude<WireType, 'vector'>, number>> = {
  uuid: 2950,
  text: 25,
  int4: 23,
  float8: 701,
  bool: 16,
  timestamptz: 1184,
  jsonb: 3802,
}

/** Milliseconds from 1970, where JavaScript starts to count, to 2000, where PostgreSQL does. */
const EPOCH_MS = 946_684_800_000
/** The first and the first too late instant of `timestamptz`: 4713 BC and AD 294277. */
export const TIMESTAMP_RANGE_MS: readonly [number, number] = [-210_866_803_200_000, 9_224_318_016_000_000]
const JSONB_VERSION = 1

/** Microseconds since 2000; an instant out of range is `infinity` or `-infinity`, which compares as it would. */
const microseconds = (date: Date): bigint => {
  const time = date.getTime()
  if (time < TIMESTAMP_RANGE_MS[0]) return -(2n ** 63n)
  if (time >= TIMESTAMP_RANGE_MS[1]) return 2n ** 63n - 1n
  return BigInt(time - EPOCH_MS) * 1000n
}

/** A buffer that grows as it is written. */
class Writer {
  #buffer: Buffer
  #at = 0

  constructor(bytes: number) {
    this.#buffer = Buffer.allocUnsafe(Math.max(bytes, 64))
  }

  get length(): number {
    return this.#at
  }

  /** What was written; the writer must not be used any more. */
  end(): Buffer {
    return this.#buffer.subarray(0, this.#at)
  }

  #room(bytes: number): void {
    const needed = this.#at + bytes
    if (needed <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(larger, 0, 0, this.#at)
    this.#buffer = larger
  }

  int16(value: number): void {
    this.#room(2)
    this.#at = this.#buffer.writeInt16BE(value, this.#at)
  }
  int32(value: number): void {
    this.#room(4)
    this.#at = this.#buffer.writeInt32BE(value, this.#at)
  }
  uint32(value: number): void {
    this.#room(4)
    this.#at = this.#buffer.writeUInt32BE(value, this.#at)
  }
  byte(value: number): void {
    this.#room(1)
    this.#at = this.#buffer.writeUInt8(value, this.#at)
  }
  text(value: string): void {
    // The length comes first and is known last.
    this.#room(4 + value.length * 3)
    const length = this.#buffer.write(value, this.#at + 4, 'utf8')
    this.#buffer.writeInt32BE(length, this.#at)
    this.#at += 4 + length
  }
  jsonb(value: string): void {
    this.#room(5 + value.length * 3)
    const length = this.#buffer.write(value, this.#at + 5, 'utf8')
    this.#buffer.writeInt32BE(length + 1, this.#at)
    this.#buffer[this.#at + 4] = JSONB_VERSION
    this.#at += 5 + length
  }
  uuid(value: string): void {
    this.#room(20)
    this.#buffer.writeInt32BE(16, this.#at)
    if (this.#buffer.write(value, this.#at + 4, 16, 'hex') !== 16 || value.length !== 32)
      throw invalid('key', 'needs 32 hexadecimal digits')
    this.#at += 20
  }
  float64(value: number): void {
    this.#room(8)
    this.#at = this.#buffer.writeDoubleBE(value, this.#at)
  }
  int64(value: bigint): void {
    this.#room(8)
    this.#at = this.#buffer.writeBigInt64BE(value, this.#at)
  }
  vector(value: Float32Array): void {
    this.#room(8 + value.byteLength)
    this.int32(4 + value.byteLength)
    this.int16(value.length)
    this.int16(0)
    const bytes = this.#buffer.subarray(this.#at, this.#at + value.byteLength)
    bytes.set(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
    bytes.swap32()
    this.#at += value.byteLength
  }
}

const WRITE: { readonly [T in WireType]: (writer: Writer, value: WireTypes[T]) => void } = {
  uuid: (w, value) => w.uuid(value),
  text: (w, value) => w.text(value),
  int4: (w, value) => {
    w.int32(4)
    w.int32(value)
  },
  float8: (w, value) => {
    w.int32(8)
    w.float64(value)
  },
  bool: (w, value) => {
    w.int32(1)
    w.byte(value ? 1 : 0)
  },
  timestamptz: (w, value) => {
    w.int32(8)
    w.int64(microseconds(value))
  },
  jsonb: (w, value) => w.jsonb(value),
  vector: (w, value) => w.vector(value),
}

/** A guess at the bytes of a batch, so that its buffer seldom grows. */
const bytesOf = (column: Column): number => {
  const first = column.values[0]
  const one =
    typeof first === 'string' ? first.length * 1.2 + 16 : first instanceof Float32Array ? first.byteLength + 8 : 12
  return Math.ceil(one * column.values.length)
}

const cell = (column: Column): ((writer: Writer, row: number) => void) => {
  // Value and writer come from the same column, which the type of a union of columns cannot say.
  const write = WRITE[column.type] as (writer: Writer, value: unknown) => void
  const { values } = column
  return (writer, row) => {
    const value = values[row]
    if (value === null || value === undefined) writer.int32(-1)
    else write(writer, value)
  }
}

/** One parameter that holds a whole column, as an array of its type. `typeId` is the object id of the elements' type. */
export const encodeArray = (column: Column, typeId: number): Buffer => {
  const { values } = column
  const writer = new Writer(24 + bytesOf(column))
  writer.int32(values.length === 0 ? 0 : 1)
  writer.int32(values.some((value) => value === null) ? 1 : 0)
  writer.uint32(typeId)
  if (values.length === 0) return writer.end()
  writer.int32(values.length)
  writer.int32(1)
  const write = cell(column)
  for (let row = 0; row < values.length; row++) write(writer, row)
  return writer.end()
}

export const uuidArray = (values: readonly string[]): Buffer =>
  encodeArray({ name: '', type: 'uuid', values }, TYPE_IDS.uuid)
export const textArray = (values: readonly string[]): Buffer =>
  encodeArray({ name: '', type: 'text', values }, TYPE_IDS.text)
export const intArray = (values: readonly number[]): Buffer =>
  encodeArray({ name: '', type: 'int4', values }, TYPE_IDS.int4)

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')

/** Bytes of one piece of a COPY: while the server takes one, the next is encoded. */
const CHUNK_BYTES = 256 * 1024

/** A batch as the input of `COPY … FROM STDIN (FORMAT binary)`, its columns in their order, piece by piece. */
export function* encodeCopy(columns: readonly Column[]): Generator<Buffer> {
  const rows = columns[0]?.values.length ?? 0
  const cells = columns.map(cell)
  let writer = new Writer(CHUNK_BYTES)
  for (const byte of SIGNATURE) writer.byte(byte)
  writer.int32(0)
  writer.int32(0)
  for (let row = 0; row < rows; row++) {
    writer.int16(cells.length)
    for (const write of cells) write(writer, row)
    if (writer.length < CHUNK_BYTES - 4096) continue
    yield writer.end()
    writer = new Writer(CHUNK_BYTES)
  }
  writer.int16(-1)
  yield writer.end()
}

/** One instant as a binary parameter. */
export const encodeTimestamp = (date: Date): Buffer => {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeBigInt64BE(microseconds(date))
  return bytes
}

/** One vector as a binary parameter. */
export const encodeVector = (vector: Float32Array): Buffer => {
  const writer = new Writer(8 + vector.byteLength)
  writer.vector(vector)
  return writer.end().subarray(4)
}

/** A vector from what `vector_send` gives, as PostgreSQL prints bytes: `\x` and hexadecimal digits. */
export const decodeVector = (text: string): Float32Array => {
  const bytes = Buffer.from(text.slice(2), 'hex')
  const vector = new Float32Array((bytes.length - 4) / 4)
  const target = Buffer.from(vector.buffer)
  bytes.copy(target, 0, 4)
  target.swap32()
  return vector
}
