import type { Socket } from 'node:net'
import { socketServer, type TestServer } from '@veritas-db/conformance/network'

/** PackStream, as far as this stub needs it: texts and maps of texts. */
const text = (value: string): Buffer => {
  const bytes = Buffer.from(value, 'utf8')
  return Buffer.concat([Buffer.from(bytes.length < 16 ? [0x80 + bytes.length] : [0xd0, bytes.length]), bytes])
}
const message = (signature: number, fields: Readonly<Record<string, string>>): Buffer => {
  const entries = Object.entries(fields).flatMap(([name, value]) => [text(name), text(value)])
  const body = Buffer.concat([Buffer.from([0xb1, signature, 0xa0 + entries.length / 2]), ...entries])
  return Buffer.concat([Buffer.from([body.length >> 8, body.length & 0xff]), body, Buffer.from([0, 0])])
}

const HELLO = 0x01
const LOGON = 0x6a
const success = (): Buffer => message(0x70, { server: 'Neo4j/5.26.0', connection_id: 'stub' })

/** A server that speaks Bolt 5.4 up to the log-on, which it refuses as Neo4j does. */
export const refusingServer = (failure: { readonly code: string; readonly message: string }): Promise<TestServer> => {
  const waiting = new WeakMap<Socket, Buffer>()
  return socketServer((socket, chunk) => {
    const before = waiting.get(socket)
    let rest = Buffer.concat([before ?? Buffer.alloc(0), chunk])
    if (!before) {
      // The handshake, which the driver sends at once: four bytes and four versions.
      rest = rest.subarray(20)
      socket.write(Buffer.from([0, 0, 4, 5]))
    }
    // Messages of one chunk each: length, body, and an empty chunk.
    while (rest.length >= 2 && rest.length >= rest.readUInt16BE(0) + 4) {
      const signature = rest[3]
      rest = rest.subarray(rest.readUInt16BE(0) + 4)
      if (signature === HELLO) socket.write(success())
      else if (signature === LOGON) socket.write(message(0x7f, failure))
      else socket.write(message(0x7e, {}))
    }
    waiting.set(socket, rest)
  })
}
