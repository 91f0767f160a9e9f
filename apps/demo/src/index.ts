import process from 'node:process'
import pc from 'picocolors'
import { describeError } from './errors.js'
import { checkOptions, commandLine, type Options } from './options.js'
import { type Listener, run } from './run.js'
import { outcomeJson } from './show/json.js'
import { Report } from './show/report.js'
import { oneLine } from './show/text.js'

const INTERRUPTED = 130

/** Runs the demo; answers the exit code. */
async function main(): Promise<number> {
  const options = commandLine().parse().opts<Options>()
  const controller = new AbortController()
  const stop = (): void => {
    // The first Ctrl-C lets what is under way finish; whoever presses it again does not want to wait.
    if (controller.signal.aborted) process.exit(INTERRUPTED)
    process.stderr.write(pc.dim('\nStopping after what is being written; Ctrl-C again to stop at once.\n'))
    controller.abort()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  const report = new Report(process.stdout, process.stderr)
  const listener: Listener = options.json ? quiet(report) : report
  try {
    checkOptions(options)
    const outcome = await run(options, listener, controller.signal)
    if (options.json) process.stdout.write(`${outcomeJson(outcome)}\n`)
    else report.finished(outcome, options)
    return outcome.report.failed > 0 ? 1 : 0
  } catch (error) {
    report.stop()
    if (controller.signal.aborted) {
      process.stderr.write('Stopped. What was stored stays; the same command goes on from here.\n')
      return INTERRUPTED
    }
    fail(error, options.json === true)
    return 1
  } finally {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}

/** For programs: only what the user should know while waiting, on stderr. */
function quiet(report: Report): Listener {
  const nothing = (): void => undefined
  return {
    say: (line) => report.say(line),
    opened: nothing,
    progress: nothing,
    stored: nothing,
    answered: nothing,
    related: nothing,
    measured: nothing,
  }
}

function fail(error: unknown, json: boolean): void {
  const { code, message, next } = describeError(error)
  if (json) process.stdout.write(`${JSON.stringify({ error: { code, message, next } }, null, 2)}\n`)
  const lines = message
    .split('\n')
    .map((line) => oneLine(line))
    .join('\n  ')
  process.stderr.write(`${pc.red('✗')} ${pc.bold(code)} ${lines}\n${pc.bold('→')} ${next}\n`)
  const { DEBUG } = process.env
  if (DEBUG) console.error(error)
}

// `| head` closes the pipe early: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

process.exitCode = await main()
