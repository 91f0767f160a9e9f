// A proxy in front of a server that speaks MongoDB's protocol: it answers what belongs to vector search, and passes on all else.
import { connect, createServer, type Socket } from 'node:net'
import { MongoClient } from 'mongodb'
import type { Violation } from '../shared/contract.ts'
import { SearchCommands, type SearchConfig } from './commands.ts'
import { errorAnswer } from './errors.ts'
import { type Command, Framer, readCommand, requestIdOf, responseToOf, succeeded, writeAnswer } from './wire.ts'

export interface MongoSearchOptions extends Partial<SearchConfig> {
  /** The connection string of the server behind, without TLS. */
  behind: string
  port?: number
}

export interface MongoSearchEmulator {
  /** A connection string. */
  url: string
  port: number
  /** Requests that do not fit the documentation. */
  violations: readonly Violation[]
  configure(change: Partial<SearchConfig>): void
  /** Makes all indexes ready, and all writes seen, now. */
  settle(): void
  /** Forgets indexes and violations. */
  reset(): void
  close(): Promise<void>
}

const defaults: SearchConfig = { buildMs: 50, lagMs: 50, squaredEuclidean: true }

/** What changes documents or removes collections, with the field that names the collection, where that is in the body. */
const WRITES: ReadonlySet<string> = new Set(['insert', 'update', 'delete', 'findAndModify', 'findandmodify'])
const ANYWHERE: ReadonlySet<string> = new Set(['bulkWrite', 'commitTransaction', 'renameCollection'])
const OURS: ReadonlySet<string> = new Set([
  'createSearchIndexes',
  'updateSearchIndex',
  'dropSearchIndex',
  'aggregate',
  'getMore',
  'killCursors',
])

export const startMongoSearchEmulator = async (options: MongoSearchOptions): Promise<MongoSearchEmulator> => {
  const { behind, port = 0, ...given } = options
  const config: SearchConfig = { ...defaults, ...given }
  // Connects when it is first needed: the server behind may start later.
  const client = new MongoClient(behind, { serverSelectionTimeoutMS: 5000 })
  const commands = new SearchCommands(client, config)
  const address = client.options.hosts[0]
  if (address?.host === undefined) throw new Error(`no host in the connection string of the server behind`)
  const target = { host: address.host, port: address.port ?? 27_017 }
  const sockets = new Set<Socket>()

  /** What to do once a command has succeeded. */
  const effectOf = (command: Command): (() => void) | undefined => {
    const { name } = command
    if (ANYWHERE.has(name)) return () => commands.indexes.noteWrite(undefined, config.lagMs)
    if (name === 'dropDatabase') {
      const namespace = `${command.body().$db}.`
      return () => commands.indexes.forget(namespace)
    }
    if (name !== 'drop' && !WRITES.has(name)) return undefined
    const body = command.body()
    const namespace = `${body.$db}.${body[name]}`
    if (name === 'drop') return () => commands.indexes.forget(namespace)
    // What a transaction writes is seen when it is committed.
    return body.autocommit === false ? undefined : () => commands.indexes.noteWrite(namespace, config.lagMs)
  }

  const serve = (near: Socket): void => {
    const far = connect(target)
    const effects = new Map<number, () => void>()
    const end = (): void => {
      near.destroy()
      far.destroy()
    }
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      // Whoever has the other end is told by the connection's end.
      socket.on('error', end)
      socket.on('close', () => {
        sockets.delete(socket)
        end()
      })
    }
    const handle = async (message: Buffer): Promise<void> => {
      const command = readCommand(message)
      if (command && OURS.has(command.name)) {
        const answer = await commands.run(command.name, command.body()).catch(errorAnswer)
        if (answer) {
          near.write(writeAnswer(command.requestId, answer))
          return
        }
      }
      const effect = command && effectOf(command)
      if (effect && command.silent) effect()
      else if (effect) effects.set(requestIdOf(message), effect)
      far.write(message)
    }
    const requests = new Framer()
    let last: Promise<void> = Promise.resolve()
    near.on('data', (chunk) => {
      for (const message of requests.push(chunk)) last = last.then(() => handle(message)).catch(end)
    })
    const answers = new Framer()
    far.on('data', (chunk) => {
      for (const message of answers.push(chunk)) {
        const effect = effects.get(responseToOf(message))
        effects.delete(responseToOf(message))
        if (effect && succeeded(message)) effect()
        near.write(message)
      }
    })
  }

  const server = createServer(serve)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve())
  })
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('the emulator has no TCP address')
  return {
    url: `mongodb://127.0.0.1:${bound.port}/?directConnection=true&appName=emulator`,
    port: bound.port,
    violations: commands.violations,
    configure: (change) => {
      Object.assign(config, change)
    },
    settle: () => commands.indexes.settle(),
    reset: () => {
      commands.indexes.clear()
      commands.violations.length = 0
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
      await client.close()
    },
  }
}
