import { connect } from 'node:net'
import { messageOf } from './errors.ts'

const TIMEOUT_MS = 5_000
const HOST = '127.0.0.1'

/** One HTTP request; throws unless it is answered with 2xx. */
export const http = async (port: number, path: string, body?: unknown): Promise<string> => {
  const response = await fetch(`http://${HOST}:${port}${path}`, {
    signal: AbortSignal.timeout(TIMEOUT_MS),
    ...(body === undefined
      ? {}
      : {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: typeof body === 'string' ? body : JSON.stringify(body),
        }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${path} answers ${response.status}: ${text.slice(0, 200)}`)
  return text
}

/** One turn of a conversation over TCP: what to send, and whether the answer so far is all of it (throws on a bad one). */
export interface Turn {
  readonly send: Buffer
  complete(answer: Buffer): boolean
}

/** Speaks to a server over one TCP connection. */
export const converse = (port: number, turns: readonly Turn[]): Promise<void> =>
  new Promise((resolve, reject) => {
    let at = 0
    let answer = Buffer.alloc(0)
    const socket = connect({ port, host: HOST })
    const fail = (why: unknown): void => {
      socket.destroy()
      reject(why instanceof Error ? why : new Error(messageOf(why)))
    }
    const next = (): void => {
      const turn = turns[at]
      if (turn) {
        answer = Buffer.alloc(0)
        socket.write(turn.send)
      } else {
        socket.destroy()
        resolve()
      }
    }
    socket.setTimeout(TIMEOUT_MS, () => fail(new Error('no answer in time')))
    socket.once('error', fail)
    socket.once('close', () => fail(new Error('the server closed the connection')))
    socket.once('connect', next)
    socket.on('data', (data) => {
      try {
        answer = Buffer.concat([answer, data])
        if (!turns[at]?.complete(answer)) return
        at += 1
        next()
      } catch (error) {
        fail(error)
      }
    })
  })

/** Whether something accepts connections at all. */
export const accepts = (port: number): Promise<void> => converse(port, [])
