import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { hasCode, ServerError } from './errors.ts'
import type { Ports } from './types.ts'

const canListen = (port: number, host: string): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error) => (hasCode(error, 'EADDRINUSE', 'EACCES') ? resolve(false) : reject(error)))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })

export const isFree = async (port: number): Promise<boolean> =>
  // A listener on one address only shows up on that address on some systems.
  (await canListen(port, '127.0.0.1')) && (await canListen(port, '0.0.0.0'))

// What servers started by this process are about to bind.
const promised = new Set<number>()

const takeNear = async (preferred: number, last: number | undefined): Promise<number> => {
  const candidates = last === undefined ? [] : [last]
  // Steps of 100 stay below the ports that systems give to outgoing connections (32768 and up on Linux).
  for (let port = preferred; port < 32_700; port += 100) candidates.push(port)
  for (const port of candidates) {
    if (promised.has(port)) continue
    promised.add(port)
    if (await isFree(port)) return port
    promised.delete(port)
  }
  throw new ServerError(`No free port from ${preferred} on in steps of 100`, {
    next: 'Stop servers you no longer need: npm run servers -- status',
  })
}

const waitUntilFree = async (ports: readonly number[], ms: number): Promise<void> => {
  const until = Date.now() + ms
  for (const port of ports) while (Date.now() < until && !(await isFree(port))) await sleep(50)
}

/**
 * Takes ports for one server: those of its last run where they are free, so that the environment stays stable.
 * Give them back by `release` when the server has bound them.
 */
export const takePorts = async (preferred: Ports, last?: Ports): Promise<{ ports: Ports; release: () => void }> => {
  // What was killed a moment ago may still be letting go.
  if (last) await waitUntilFree(Object.values(last), 2_000)
  const ports: Record<string, number> = {}
  const release = (): void => {
    for (const port of Object.values(ports)) promised.delete(port)
  }
  try {
    for (const [use, port] of Object.entries(preferred)) ports[use] = await takeNear(port, last?.[use])
  } catch (error) {
    release()
    throw error
  }
  return { ports, release }
}
