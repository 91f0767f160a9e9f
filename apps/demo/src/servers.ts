import { spawn } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { DemoError } from './errors.js'
import { ROOT } from './places.js'

const SCRIPT = path.join(ROOT, 'scripts', 'servers.mjs')

/** Starts servers where they don't run yet; their own words go to stderr. @throws DemoError where one does not come up */
export async function startServers(names: readonly string[], signal: AbortSignal): Promise<void> {
  if (names.length === 0) return
  const status = await run(['up', ...names], signal, () => undefined)
  if (status !== 0)
    throw new DemoError(
      'UNAVAILABLE',
      `A server did not start (${names.join(', ')}).`,
      `See why: npm run servers -- logs ${names.join(' ')}`,
    )
}

/** The addresses of servers that run, as environment variables; what the user has set counts more. */
export async function serverEnvironment(signal: AbortSignal): Promise<Readonly<Record<string, string | undefined>>> {
  let text = ''
  const status = await run(['env', '--json'], signal, (chunk) => {
    text += chunk
  })
  if (status !== 0)
    throw new DemoError('UNAVAILABLE', 'The addresses of the servers are not known.', 'See: npm run servers -- status')
  const variables: unknown = JSON.parse(text)
  const known = typeof variables === 'object' && variables !== null ? Object.entries(variables) : []
  return { ...Object.fromEntries(known.map(([name, value]) => [name, String(value)])), ...process.env }
}

/** Runs the servers' script. Of what it says while it works, what nobody waits for is left out. */
function run(words: readonly string[], signal: AbortSignal, onOutput: (chunk: string) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [SCRIPT, ...words], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], signal })
    child.stdout.setEncoding('utf8').on('data', onOutput)
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (!/already running|^Into your shell/.test(line)) process.stderr.write(`${line}\n`)
    })
    child.once('error', reject)
    child.once('close', (code) => resolve(code ?? 1))
  })
}
