import { spawn } from 'node:child_process'
import { access, constants, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { unusedPort } from '@veritas-db/conformance/network'
import { createClient } from 'redis'

/** A Redis of our own, without modules and without persistence. */
export interface BareServer {
  readonly url: string
  close(): Promise<void>
}

/** Starts the program that a running server says it is, without RediSearch; or the reason why that is not possible. */
export async function startBareServer(url: string): Promise<BareServer | string> {
  const program = await executableOf(url)
  if (program === undefined) return 'the server does not name a program on this machine'
  const port = await unusedPort()
  const folder = await mkdtemp(path.join(tmpdir(), 'veritas-redis-'))
  const child = spawn(
    program,
    ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'],
    { stdio: 'ignore' },
  )
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()).on('error', () => resolve()))
  const server: BareServer = {
    url: `redis://127.0.0.1:${port}`,
    async close() {
      child.kill('SIGKILL')
      await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
  for (let tries = 0; tries < 50; tries++) {
    const [sets, searches] = await commandsOf(server.url).catch(() => [undefined, undefined])
    if (sets !== undefined && sets !== null && searches === null) return server
    if (sets === null || searches) break
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  await server.close()
  return 'it could not be started without RediSearch and with vector sets'
}

async function executableOf(url: string): Promise<string | undefined> {
  const info = await ask(url, ['INFO', 'server'])
  const program = /^executable:(\S+)/m.exec(String(info))?.[1]
  if (program === undefined) return undefined
  return access(program, constants.X_OK).then(
    () => program,
    () => undefined,
  )
}

const commandsOf = async (url: string): Promise<unknown[]> =>
  (await ask(url, ['COMMAND', 'INFO', 'VSIM', 'FT.SEARCH'])) as unknown[]

async function ask(url: string, command: string[]): Promise<unknown> {
  const client = createClient({ url, RESP: 2, socket: { reconnectStrategy: false } })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await client.sendCommand(command)
  } finally {
    await client.close()
  }
}
