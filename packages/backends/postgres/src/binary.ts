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

/** Up to this length it is faster to write a text letter by letter than to have Node do it. */
const SHORT = 48
/** What a digit is worth; 16 for what is none. */
const HEX = new Uint8Array(128).fill(16)
for (const [value, digit] of [...'0123456789abcdef'].entries()) HEX[digit.charCodeAt(0)] = value

/** A buffer that grows as it is written. */
class Writer {
  #bytes: Buffer
  #view: DataView
  #at = 0

  constructor(bytes: number) {
    this.#bytes = Buffer.allocUnsafe(Math.max(bytes, 64))
    this.#view = viewOf(this.#bytes)
  }

  get length(): number {
    return this.#at
  }

  /** What was written; the writer must not be used any more. */
  end(): Buffer {
    return this.#bytes.subarray(0, this.#at)
  }

  #room(bytes: number): void {
    const needed = this.#at + bytes
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
    this.#view = viewOf(larger)
  }

  int16(value: number): void {
    this.#room(2)
    this.#view.setInt16(this.#at, value)
    this.#at += 2
  }
  int32(value: number): void {
    this.#room(4)
    this.#view.setInt32(this.#at, value)
    this.#at += 4
  }
  byte(value: number): void {
    this.#room(1)
    this.#bytes[this.#at++] = value
  }
  bytes(value: Uint8Array): void {
    this.#room(value.length)
    this.#bytes.set(value, this.#at)
    this.#at += value.length
  }
  text(value: string): void {
    this.#room(4 + value.length * 3)
    this.#text(value, 0)
  }
  jsonb(value: string): void {
    this.#room(5 + value.length * 3)
    this.#bytes[this.#at + 4] = JSONB_VERSION
    this.#text(value, 1)
  }
  /** The length comes first and is known last; `before` bytes of the value are there already. There must be room. */
  #text(value: string, before: number): void {
    const start = this.#at + 4 + before
    const short = value.length <= SHORT ? this.#ascii(value, start) : -1
    const length = before + (short >= 0 ? short : this.#bytes.write(value, start, 'utf8'))
    this.#view.setInt32(this.#at, length)
    this.#at += 4 + length
  }
  /** Writes a text of ASCII and gives its length; -1 for any other. */
  #ascii(value: string, start: number): number {
    const bytes = this.#bytes
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i)
      if (code > 127) return -1
      bytes[start + i] = code
    }
    return value.length
  }
  uuid(value: string): void {
    this.#room(20)
    this.#view.setInt32(this.#at, 16)
    const bytes = this.#bytes
    const start = this.#at + 4
    let codes = 0
    let digits = 0
    for (let i = 0; i < 16; i++) {
      const high = value.charCodeAt(i * 2)
      const low = value.charCodeAt(i * 2 + 1)
      const upper = HEX[high & 127] as number
      const lower = HEX[low & 127] as number
      codes |= high | low
      digits |= upper | lower
      bytes[start + i] = (upper << 4) | lower
    }
    if (value.length !== 32 || codes > 127 || digits > 15) throw invalid('key', 'needs 32 hexadecimal digits')
    this.#at += 20
  }
  int4(value: number): void {
    this.#room(8)
    this.#view.setInt32(this.#at, 4)
    this.#view.setInt32(this.#at + 4, value)
    this.#at += 8
  }
  float8(value: number): void {
    this.#room(12)
    this.#view.setInt32(this.#at, 8)
    this.#view.setFloat64(this.#at + 4, value)
    this.#at += 12
  }
  bool(value: boolean): void {
    this.#room(5)
    this.#view.setInt32(this.#at, 1)
    this.#bytes[this.#at + 4] = value ? 1 : 0
    this.#at += 5
  }
  timestamptz(value: Date): void {
    this.#room(12)
    this.#view.setInt32(this.#at, 8)
    this.#view.setBigInt64(this.#at + 4, microseconds(value))
    this.#at += 12
  }
  vector(value: Float32Array): void {
    this.#room(8 + value.byteLength)
    this.#view.setInt32(this.#at, 4 + value.byteLength)
    this.#view.setInt16(this.#at + 4, value.length)
    this.#view.setInt16(this.#at + 6, 0)
    this.#at += 8
    const bytes = this.#bytes.subarray(this.#at, this.#at + value.byteLength)
    bytes.set(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
    bytes.swap32()
    this.#at += value.byteLength
  }

  /** The value of a column in a row, its length first; null has the length -1. */
  cell({ type, values }: Column, row: number): void {
    const value = values[row] ?? null
    if (value === null) return this.int32(-1)
    // Value and type come from the same column, which the type of a union of columns cannot say.
    switch (type) {
      case 'uuid':
        return this.uuid(value as string)
      case 'text':
        return this.text(value as string)
      case 'int4':
        return this.int4(value as number)
      case 'float8':
        return this.float8(value as number)
      case 'bool':
        return this.bool(value as boolean)
      case 'timestamptz':
        return this.timestamptz(value as Date)
      case 'jsonb':
        return this.jsonb(value as string)
      case 'vector':
        return this.vector(value as Float32Array)
    }
  }
}

const viewOf = (bytes: Buffer): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

/** A guess at the bytes of a batch, so that its buffer seldom grows. */
const bytesOf = (column: Column): number => {
  const first = column.values[0]
  const one =
    typeof first === 'string' ? first.length * 1.2 + 16 : first instanceof Float32Array ? first.byteLength + 8 : 12
  return Math.ceil(one * column.values.length)
}

/** One parameter that holds a whole column, as an array of its type. `typeId` is the object id of the elements' type. */
export const encodeArray = (column: Column, typeId: number): Buffer => {
  const { values } = column
  const writer = new Writer(24 + bytesOf(column))
  writer.int32(values.length === 0 ? 0 : 1)
  writer.int32(values.includes(null) ? 1 : 0)
  writer.int32(typeId)
  if (values.length === 0) return writer.end()
  writer.int32(values.length)
  writer.int32(1)
  for (let row = 0; row < values.length; row++) writer.cell(column, row)
  return writer.end()
}

export const uuidArray = (values: readonly string[]): Buffer =>
  encodeArray({ name: '', type: 'uuid', values }, TYPE_IDS.uuid)
export const textArray = (values: readonly string[]): Buffer =>
  encodeArray({ name: '', type: 'text', values }, TYPE_IDS.text)
export const intArray = (values: readonly number[]): Buffer =>
  encodeArray({ name: '', type: 'int4', values }, TYPE_IDS.int4)

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')

/** Bytes of one piece of a COPY: while the server works on one, the next is encoded. */
const CHUNK_BYTES = 256 * 1024

/** A batch as the input of `COPY … FROM STDIN (FORMAT binary)`, its columns in their order, piece by piece. */
export function* encodeCopy(columns: readonly Column[]): Generator<Buffer> {
  const rows = columns[0]?.values.length ?? 0
  let writer = new Writer(CHUNK_BYTES)
  writer.bytes(SIGNATURE)
  writer.int32(0)
  writer.int32(0)
  for (let row = 0; row < rows; row++) {
    writer.int16(columns.length)
    for (const column of columns) writer.cell(column, row)
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
