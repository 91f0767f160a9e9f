// MongoDB's wire protocol, as far as a proxy needs it: messages out of a stream of bytes, the command in an OP_MSG, an
// answer as an OP_MSG. https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
import { BSON, type Document } from 'mongodb'

const OP_MSG = 2013
const HEADER_BYTES = 16
/** Flag bits of an OP_MSG. */
const CHECKSUM_PRESENT = 1
const MORE_TO_COME = 2

/** Cuts a stream into messages. */
export class Framer {
  #chunks: Buffer[] = []
  #size = 0

  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk)
    this.#size += chunk.length
    const messages: Buffer[] = []
    while (this.#size >= 4) {
      const [first] = this.#chunks
      const length = (first && first.length >= 4 ? first : this.#joined()).readInt32LE(0)
      if (length < HEADER_BYTES) throw new Error(`a message of ${length} bytes is none of MongoDB's`)
      // Chunks of a large message are joined once, when it is complete.
      if (this.#size < length) break
      const all = this.#joined()
      messages.push(all.subarray(0, length))
      this.#chunks = [all.subarray(length)]
      this.#size -= length
    }
    return messages
  }

  #joined(): Buffer {
    const all = this.#chunks.length === 1 && this.#chunks[0] ? this.#chunks[0] : Buffer.concat(this.#chunks)
    this.#chunks = [all]
    return all
  }
}

export const requestIdOf = (message: Buffer): number => message.readInt32LE(4)
export const responseToOf = (message: Buffer): number => message.readInt32LE(8)

/** A command, as the body of an OP_MSG holds it; its documents may be in sections beside the body. */
export interface Command {
  readonly requestId: number
  /** The first field's name. */
  readonly name: string
  /** No answer will come. */
  readonly silent: boolean
  /** Read when asked for: most commands are only passed on. */
  body(): Document
}

const options = { promoteBuffers: false, promoteValues: true, promoteLongs: true } as const

/** The place of the body among the sections. */
const bodyAt = (message: Buffer): number | undefined => {
  const flags = message.readInt32LE(HEADER_BYTES)
  const end = message.length - (flags & CHECKSUM_PRESENT ? 4 : 0)
  for (let at = HEADER_BYTES + 4; at < end; ) {
    const kind = message.readUInt8(at)
    if (kind === 0) return at + 1
    at += 1 + message.readInt32LE(at + 1)
  }
  return undefined
}

/** The command in a message; undefined where it is no OP_MSG (old clients, the first handshake). */
export const readCommand = (message: Buffer): Command | undefined => {
  if (message.readInt32LE(12) !== OP_MSG) return undefined
  const at = bodyAt(message)
  if (at === undefined) return undefined
  // length of the document, type of its first field, then that field's name
  const start = at + 5
  const name = message.toString('utf8', start, message.indexOf(0, start))
  return {
    requestId: requestIdOf(message),
    name,
    silent: (message.readInt32LE(HEADER_BYTES) & MORE_TO_COME) !== 0,
    body: () => BSON.deserialize(message.subarray(at, at + message.readInt32LE(at)), options),
  }
}

/** Whether an answer says that the command succeeded. */
export const succeeded = (message: Buffer): boolean => {
  if (message.readInt32LE(12) !== OP_MSG) return false
  const at = bodyAt(message)
  return (
    at !== undefined &&
    BSON.deserialize(message.subarray(at), { ...options, allowObjectSmallerThanBufferSize: true }).ok === 1
  )
}

let lastId = 0

export const writeAnswer = (responseTo: number, document: Document): Buffer => {
  const body = BSON.serialize(document, { ignoreUndefined: true })
  const head = Buffer.alloc(HEADER_BYTES + 5)
  head.writeInt32LE(head.length + body.length, 0)
  lastId = (lastId + 1) % 0x7fffffff
  head.writeInt32LE(lastId, 4)
  head.writeInt32LE(responseTo, 8)
  head.writeInt32LE(OP_MSG, 12)
  return Buffer.concat([head, body])
}
