import { spawn } from 'node:child_process'
import { Command } from 'commander'
import { tail } from './commands.ts'
import { ServerError } from './errors.ts'
import {
  cacheFolder,
  down,
  env,
  isServerName,
  memoryPlan,
  NAMES,
  restart,
  type ServerName,
  status,
  tryUp,
} from './index.ts'
import { placesOf } from './places.ts'
import { describeError, describeFailures, exportLines, progressPrinter, statusTable } from './report.ts'
import { serverNamed } from './servers/index.ts'

const print = (text: string): void => {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
}
const note = (text: string): void => {
  process.stderr.write(`${text}\n`)
}

const namesFrom = (words: readonly string[]): ServerName[] | undefined => {
  const unknown = words.filter((word) => !isServerName(word))
  if (unknown.length > 0)
    throw new ServerError(`There is no server ${unknown.join(', ')}`, { next: `The servers are: ${NAMES.join(', ')}` })
  return words.length > 0 ? words.filter(isServerName) : undefined
}

const program = new Command('servers')
  .description(
    `Installs, starts and stops the real database servers that tests, demo and benchmarks use.\nServers: ${NAMES.join(', ')}\nEverything lies in ${cacheFolder()} (VERITAS_SERVERS_DIR).`,
  )
  .showHelpAfterError()

program
  .command('up')
  .description('installs what is missing, starts, waits until each server answers')
  .argument('[names...]', 'servers (default: all)')
  .option('--fresh', 'wipe the data before the start')
  .option('--jobs <number>', 'how many at the same time', '3')
  .action(async (words: string[], options: { fresh?: boolean; jobs: string }) => {
    const names = namesFrom(words)
    const jobs = Number(options.jobs)
    if (!Number.isInteger(jobs) || jobs < 1) throw new ServerError(`--jobs must be a whole number, not ${options.jobs}`)
    const { needed, free } = await memoryPlan(names)
    if (needed > free)
      note(`These servers need about ${needed} MB, and the machine has ${free} MB free: it may get slow.`)
    const failures = await tryUp(names, { fresh: options.fresh ?? false, jobs, onProgress: progressPrinter() })
    print(statusTable(await status(names)))
    if (failures.length > 0) {
      note(describeFailures(failures))
      process.exitCode = 1
    } else {
      note('Into your shell: eval "$(node scripts/servers.mjs env)"')
    }
  })

program
  .command('down')
  .description('stops servers that were started from here; their data and ports are kept')
  .argument('[names...]', 'servers (default: all)')
  .option('--kill', 'by SIGKILL at once')
  .action(async (words: string[], options: { kill?: boolean }) => {
    const signal = options.kill ? 'SIGKILL' : 'SIGTERM'
    const stopped = await down(namesFrom(words), { signal, onProgress: progressPrinter() })
    note(stopped.length > 0 ? `Stopped: ${stopped.join(', ')}` : 'None was running.')
  })

program
  .command('restart')
  .description('stops servers and starts them on the same ports')
  .argument('<names...>', 'servers')
  .action(async (words: string[]) => {
    for (const name of namesFrom(words) ?? []) await restart(name, { onProgress: progressPrinter() })
  })

program
  .command('status')
  .description('asks each server how it is')
  .argument('[names...]', 'servers (default: all)')
  .option('--json', 'as JSON')
  .action(async (words: string[], options: { json?: boolean }) => {
    const found = await status(namesFrom(words))
    print(options.json ? JSON.stringify(found, null, 2) : statusTable(found))
  })

program
  .command('logs')
  .description('the last lines of the logs of servers')
  .argument('[names...]', 'servers (default: those that were started)')
  .option('-n, --lines <number>', 'how many lines', '40')
  .option('-f, --follow', 'go on as lines come')
  .action(async (words: string[], options: { lines: string; follow?: boolean }) => {
    const files: string[] = []
    for (const name of namesFrom(words) ?? NAMES) {
      const places = await placesOf(serverNamed(name))
      // Before its first start there is only what the installation said.
      for (const file of [places.log, places.prepareLog]) {
        const text = await tail(file, Number(options.lines))
        if (!text) continue
        if (!options.follow) print(`==> ${name}: ${file} <==\n${text}\n`)
        files.push(file)
        break
      }
    }
    if (files.length === 0) note('No logs yet.')
    else if (options.follow) spawn('tail', ['-n', options.lines, '-F', ...files], { stdio: 'inherit' })
  })

program
  .command('env')
  .description('the variables of servers that run, for eval "$(node scripts/servers.mjs env)"')
  .option('--json', 'as JSON')
  .action(async (options: { json?: boolean }) => {
    const variables = await env()
    print(options.json ? JSON.stringify(variables, null, 2) : exportLines(variables))
  })

try {
  await program.parseAsync()
} catch (error) {
  note(describeError(error))
  process.exitCode = 1
}
