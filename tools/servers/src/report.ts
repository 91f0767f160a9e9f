import Table from 'cli-table3'
import colors from 'picocolors'
import { ServerError } from './errors.ts'
import type { Event, Failure, ServerStatus, State } from './index.ts'

const clock = (ms: number): string => {
  const seconds = Math.floor(ms / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

const phaseColor = {
  waiting: colors.dim,
  preparing: colors.cyan,
  starting: colors.blue,
  ready: colors.green,
  failed: colors.red,
}

/** One line a step, with the time since the beginning. On stderr, for stdout is for the result. */
export const progressPrinter = (): ((event: Event) => void) => {
  const begun = Date.now()
  return ({ name, phase, detail }) => {
    const time = colors.dim(clock(Date.now() - begun).padStart(6))
    process.stderr.write(`${time}  ${name.padEnd(12)}${phaseColor[phase](phase.padEnd(10))} ${detail}\n`)
  }
}

const stateColor: Record<State, (text: string) => string> = {
  running: colors.green,
  external: colors.cyan,
  silent: colors.red,
  crashed: colors.red,
  stopped: colors.dim,
  absent: colors.dim,
}

const EDGES = ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right']
const RULES = ['mid', 'left-mid', 'mid-mid', 'right-mid', 'left', 'right']
const PLAIN = { ...Object.fromEntries([...EDGES, ...RULES].map((part) => [part, ''])), middle: ' ' }

export const statusTable = (servers: readonly ServerStatus[]): string => {
  const table = new Table({
    head: ['server', 'version', 'state', 'port', 'RSS', 'variables'],
    // It would colour what goes into a file as well.
    style: { head: colors.isColorSupported ? ['bold'] : [], border: [], compact: true },
    chars: PLAIN,
    colAligns: ['left', 'left', 'left', 'right', 'right', 'left'],
  })
  for (const server of servers)
    table.push([
      server.name,
      server.state === 'external' ? '' : server.version,
      stateColor[server.state](server.state),
      server.pid === undefined ? '' : String(Object.values(server.ports ?? {})[0] ?? ''),
      server.rss === undefined ? '' : `${server.rss} MB`,
      // The user's own values may hold passwords.
      Object.entries(server.env)
        .map(([name, value]) => (server.state === 'external' ? `${name} (yours)` : `${name}=${value}`))
        .join('\n'),
    ])
  return table.toString()
}

const quoted = (value: string): string => `'${value.replaceAll("'", `'\\''`)}'`

/** Lines for a shell's `eval`. */
export const exportLines = (variables: Readonly<Record<string, string>>): string =>
  Object.entries(variables)
    .map(([name, value]) => `export ${name}=${/^[\w:/.@-]+$/.test(value) ? value : quoted(value)}\n`)
    .join('')

const indent = (text: string): string => text.replaceAll(/^/gm, '    ')

export const describeError = (error: unknown, title = ''): string => {
  const lead = `${colors.red('✗')} ${title}`
  if (!(error instanceof ServerError))
    return `${lead}${error instanceof Error ? (error.stack ?? error.message) : error}`
  const parts = [`${lead}${error.message}`]
  if (error.log) parts.push(colors.dim(indent(error.log)))
  if (error.next) parts.push(`  → ${error.next.replaceAll('\n', '\n  → ')}`)
  return parts.join('\n')
}

export const describeFailures = (failures: readonly Failure[]): string =>
  failures.map(({ name, error }) => describeError(error, `${name}: `)).join('\n')
