import type { HealthReport } from '@veritas-db/core'
import pc from 'picocolors'
import type { Corpus } from '../corpus/types.js'
import type { Counts } from '../counts.js'
import type { Options } from '../options.js'
import type { Relations } from '../relations.js'
import type { Answer, Listener, Outcome, Timing } from '../run.js'
import type { SyncReport } from '../store.js'
import { type Progress, progress } from './progress.js'
import { countTable, healthTable, hitTable, nameList, relationTable } from './tables.js'
import { duration, number, oneLine, shellWord, shorten, WIDTH } from './text.js'

const SHOWN_PROBLEMS = 3

/** Tells a person what happens: results to `out`, what passes to `err`. */
export class Report implements Listener {
  readonly #out: NodeJS.WriteStream
  readonly #err: NodeJS.WriteStream
  #progress: Progress | undefined

  constructor(out: NodeJS.WriteStream, err: NodeJS.WriteStream) {
    this.#out = out
    this.#err = err
  }

  say(line: string): void {
    this.#err.write(`${line}\n`)
  }

  opened(corpus: Corpus, where: string): void {
    this.#print(`${pc.bold('VERITAS')} · ${corpus.description}`, pc.dim(`stored in: ${where}`), '')
  }

  progress(done: number, total: number): void {
    this.#progress ??= progress('Reading and storing', total, this.#err)
    this.#progress.update(done)
  }

  /** Takes the bar away, whatever comes next. */
  stop(): void {
    this.#progress?.stop()
    this.#progress = undefined
  }

  stored(report: SyncReport, corpus: Corpus): void {
    this.stop()
    const [one, many] = corpus.noun
    const settled = report.added + report.updated + report.unchanged
    const rate = report.storeMs > 0 ? `, ${number(Math.round((settled / report.storeMs) * 1000))} a second` : ''
    const parts = [
      `${pc.bold(number(report.added + report.updated))} stored (${number(report.added)} new, ${number(report.updated)} changed)`,
      `${pc.bold(number(report.unchanged))} unchanged`,
      `${pc.bold(number(report.deleted))} deleted`,
    ]
    this.#print(`${pc.green('✓')} ${parts.join(', ')} in ${duration(report.storeMs + report.deleteMs)}${pc.dim(rate)}`)
    if (report.failed > 0) {
      this.#print(pc.red(`✗ ${report.failed} ${report.failed === 1 ? one : many} could not be stored:`))
      for (const { id, error } of report.failures.slice(0, SHOWN_PROBLEMS))
        this.#detail(id ?? 'without id', error.message)
    }
    if (report.partial > 0) {
      this.#print(
        pc.yellow(`! ${report.partial} are not in every store: ${shorten(oneLine(report.partialReason ?? ''), 200)}`),
      )
      this.#print(pc.yellow('  Once it works again, store everything anew: add --fresh'))
    }
    if (report.problemCount > 0) {
      this.#print(pc.yellow(`! ${report.problemCount} not read, or not whole:`))
      for (const { id, why } of report.problems.slice(0, SHOWN_PROBLEMS)) this.#detail(id, why)
      if (report.problemCount > SHOWN_PROBLEMS)
        this.#print(pc.dim(`  and ${report.problemCount - SHOWN_PROBLEMS} more; --json lists them`))
    }
    this.#print('')
  }

  answered({ question, result }: Answer, place: number, fields: readonly string[]): void {
    this.#print(
      `${pc.bold(`${place} ${question.mode}`)} · ${oneLine(question.title)}`,
      pc.dim(`${question.how} · ${duration(result.durationMs)}`),
    )
    if (result.hits.length > 0) this.#print(hitTable(question, result.hits))
    else {
      this.#print('  nothing matches')
      if (question.search.filter) this.#print(pc.dim(`  fields to filter by: ${nameList(fields, 3, WIDTH - 22)}`))
    }
    for (const warning of result.warnings) this.#print(pc.yellow(`! ${warning.backend}: ${oneLine(warning.message)}`))
    this.#print('')
  }

  related(relations: Relations, corpus: Corpus): void {
    const packages = corpus.kind === 'packages'
    const rows: [string, readonly string[]][] = [
      [packages ? 'who depends on it' : 'what links to it', relations.incoming],
      [packages ? 'what it needs' : 'what it links to', relations.outgoing],
    ]
    if (relations.missing.length > 0) rows.push([packages ? 'not installed' : 'broken links', relations.missing])
    this.#print(`${pc.bold('The first hit, in the graph')} · ${oneLine(relations.id)}`, relationTable(rows), '')
  }

  measured(counts: Counts, health: HealthReport): void {
    const backendOf = (role: string): string =>
      health.backends.find((b) => b.roles.some((r) => r === role))?.backend ?? ''
    const colour = health.overall === 'healthy' ? pc.green : health.overall === 'degraded' ? pc.yellow : pc.red
    this.#print(pc.bold('What is stored'), countTable(counts, backendOf), '')
    const missing = incomplete(counts)
    if (missing) this.#print(pc.yellow(`! ${missing}`), '')
    this.#print(`${pc.bold('Health')} · ${colour(health.overall)}`, healthTable(health), '')
  }

  finished(outcome: Outcome, options: Options): void {
    this.#print(`${pc.bold('Timings')} · ${timingLine(outcome.timings)}`, '')
    this.#print(pc.bold('Try next'), ...nextCommands(outcome, options).map((line) => `  ${pc.cyan(line)}`))
  }

  #detail(what: string, why: string): void {
    this.#print(shorten(`  ${oneLine(what)}: ${oneLine(why)}`, WIDTH * 2))
  }

  #print(...lines: readonly string[]): void {
    for (const line of lines) this.#out.write(`${line.replace(/[ \t]+$/gm, '')}\n`)
  }
}

/** A store that was emptied behind our back, which the next run would not see: the authority says "unchanged". */
export function incomplete(counts: Counts): string | undefined {
  const { documents, passages, nodes } = counts
  if (documents === null) return undefined
  const short = [
    ...(passages !== null && passages < documents ? ['vector'] : []),
    ...(nodes !== null && nodes < documents ? ['graph'] : []),
  ]
  return short.length > 0
    ? `The ${short.join(' and the ')} store holds less than there are documents. Store everything anew: add --fresh`
    : undefined
}

function timingLine(timings: readonly Timing[]): string {
  const total = timings.reduce((sum, { ms }) => sum + ms, 0)
  return [...timings.map(({ step, ms }) => `${step} ${duration(ms)}`), `all ${duration(total)}`].join(', ')
}

/** Exact commands, with what the user chose kept. */
export function nextCommands(outcome: Outcome, options: Options): string[] {
  const chosen = [
    ...(options.path === undefined ? [] : ['--path', options.path]),
    ...(options.config === undefined ? [] : ['--config', options.config]),
    ...(options.backends === undefined ? [] : ['--backends', options.backends.join(',')]),
  ]
  const command = (...words: readonly string[]): string =>
    ['npm run demo', ...(words.length + chosen.length > 0 ? ['--'] : []), ...[...chosen, ...words].map(shellWord)].join(
      ' ',
    )
  const packages = outcome.corpus.kind === 'packages'
  const own = packages ? 'watch files for changes' : (outcome.answers.at(-1)?.question.search.query ?? 'how it works')
  const filter = packages ? '{"license":"ISC","dependencies":{"$gte":1}}' : '{"words":{"$gte":500}}'
  return [
    command(),
    command('--query', own, '--mode', 'semantic'),
    command('--mode', 'metadata', '--filter', filter),
    ...(packages ? ['npm run demo -- --path packages'] : ['npm run demo']),
    ...(options.backends === undefined ? ['npm run demo -- --backends chroma,neo4j,postgres'] : []),
  ]
}
