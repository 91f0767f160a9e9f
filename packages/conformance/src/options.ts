import type { AnyPlugin, Backend, RoleName } from '@veritas-db/core/contract'

/** The four functions of a test runner that the kit needs; those of vitest, jest and node:test (`before`, `after`) fit. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown
  it(name: string, body: () => Promise<void>, timeoutMs?: number): unknown
  /** Gets the time-out too, as vitest and jest take it; node:test declares something else in its place, and ignores a number. */
  beforeAll(body: () => Promise<void>): unknown
  afterAll(body: () => Promise<void>): unknown
}

/** A statement in an engine's own language, to try `raw` with. */
export interface RawSample {
  readonly query: string
  readonly parameters?: Readonly<Record<string, unknown>>
  /** What it answers; left out, any answer that is not empty will do. */
  readonly expected?: readonly unknown[]
}

interface CommonOptions extends TestRunner {
  /** What reports call the backend. Default the plugin's name. */
  readonly name?: string
  /** Opens a further connection to the same database, for what concerns several connections. */
  readonly second?: () => Backend | Promise<Backend>
  /**
   * Suites (`graph.paths`), or single checks (`graph.paths/takes the shortest`), that this backend cannot pass, each with
   * the reason in words. Not needed for what the capabilities leave undeclared.
   */
  readonly skip?: Readonly<Record<string, string>>
  /** Called before a read that follows a write on an `eventual` backend, instead of waiting `visibilityDelayMs`. */
  readonly waitForVisibility?: (role: RoleName) => Promise<void>
  /** Texts that must appear nowhere: the password in the configuration, a token, … */
  readonly secrets?: readonly string[]
  /** Tries for `raw`; needed where it is declared for a language other than `sql`, `cypher` and `aql`. */
  readonly raw?: { readonly graph?: RawSample; readonly relational?: RawSample }
  /** Milliseconds a single check may take. Default 30,000. */
  readonly timeoutMs?: number
  /** The most records of the oversized batch. Default 2,500; raise it where a batch of the backend may hold more. */
  readonly maxBatch?: number
  /** How many filters are compared with the oracle, a role: the known traps (some 450) and at least 100 more. Default 500. */
  readonly filters?: number
}

/** What the kit is run on: a plugin with its configuration … */
export interface PluginSource {
  readonly plugin: AnyPlugin
  /** The configuration as a user writes it, or a function that makes it when the tests start. */
  readonly config?: unknown
  readonly open?: never
  readonly roles?: readonly RoleName[]
}

/** … or a function that makes a backend; called several times, each time for a new one. */
export interface OpenSource {
  readonly open: () => Backend | Promise<Backend>
  /** The roles that the backend has. */
  readonly roles: readonly RoleName[]
  readonly plugin?: never
  readonly config?: never
}

export type ConformanceOptions = CommonOptions & (PluginSource | OpenSource)

/** What became of a suite. */
export interface SuiteSummary {
  readonly backend: string
  readonly suite: string
  /** `undeclared`: nothing in it applies to what the backend declares. `missed`: neither run nor skipped, which fails the kit. */
  readonly status: 'run' | 'skipped' | 'undeclared' | 'missed'
  readonly reason?: string
  readonly passed: number
  readonly failed: number
  /** Checks that did not apply, or were skipped, with the reason. */
  readonly notRun: Readonly<Record<string, string>>
  readonly milliseconds: number
}
