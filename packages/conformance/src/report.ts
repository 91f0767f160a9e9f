import { appendFile } from 'node:fs/promises'
import type { SuiteSummary } from './options.js'
import type { Suite } from './suite.js'

interface Tally {
  passed: number
  failed: number
  milliseconds: number
  readonly notRun: Record<string, string>
}

/** Keeps what became of each suite and check, and says at the end whether all were run or skipped with a reason. */
export class Report {
  readonly #backend: string
  readonly #suites: readonly Suite[]
  readonly #absent: ReadonlyMap<string, string>
  readonly #skip: Readonly<Record<string, string>>
  readonly #tallies = new Map<string, Tally>()

  constructor(
    backend: string,
    suites: readonly Suite[],
    absent: ReadonlyMap<string, string>,
    skip: Readonly<Record<string, string>>,
  ) {
    this.#backend = backend
    this.#suites = suites
    this.#absent = absent
    this.#skip = skip
  }

  tally(suite: string): Tally {
    const there = this.#tallies.get(suite)
    if (there) return there
    const made: Tally = { passed: 0, failed: 0, milliseconds: 0, notRun: {} }
    this.#tallies.set(suite, made)
    return made
  }

  summary(): SuiteSummary[] {
    return this.#suites.map((suite) => {
      const { name } = suite
      const tally = this.tally(name)
      const base = { backend: this.#backend, suite: name, ...tally, milliseconds: Math.round(tally.milliseconds) }
      const skipped = this.#skip[name]
      if (skipped !== undefined) return { ...base, status: 'skipped', reason: skipped }
      const absent = this.#absent.get(name)
      if (absent !== undefined) return { ...base, status: 'undeclared', reason: absent }
      if (tally.passed + tally.failed > 0) return { ...base, status: 'run' }
      const reasons = Object.values(tally.notRun)
      if (reasons.length === suite.checks.length && reasons.length > 0)
        return { ...base, status: 'undeclared', reason: [...new Set(reasons)].join('; ') }
      return { ...base, status: 'missed' }
    })
  }

  /** What is wrong with the run as a whole; empty where every suite was run, or skipped with a written reason. */
  problems(): string[] {
    const problems: string[] = []
    const names = new Set(this.#suites.flatMap((s) => [s.name, ...s.checks.map((c) => `${s.name}/${c.name}`)]))
    for (const [name, reason] of Object.entries(this.#skip)) {
      if (!names.has(name)) problems.push(`skip names "${name}", which is no suite and no check of the kit`)
      if (typeof reason !== 'string' || reason.trim().length < 10)
        problems.push(`skip of "${name}" needs a reason in words, got ${JSON.stringify(reason)}`)
    }
    for (const { suite, status } of this.summary())
      if (status === 'missed') problems.push(`suite "${suite}" was neither run nor skipped with a reason`)
    return problems
  }

  /** Appends one line of JSON a suite, with what the server says it is, to the file that VERITAS_CONFORMANCE_REPORT names. */
  async write(server: string | undefined): Promise<void> {
    const file = process.env.VERITAS_CONFORMANCE_REPORT
    if (!file) return
    const lines = this.summary().map((line) => JSON.stringify({ ...line, server: server ?? null }))
    await appendFile(file, `${lines.join('\n')}\n`)
  }
}
