import type { ServerName } from './names.ts'

/** The ports of one server by use, e.g. `{ http: 18080, grpc: 18051 }`. */
export type Ports = Readonly<Record<string, number>>

/** What a definition's steps are told: where things lie, which ports they have, and how to run a command. */
export interface Context {
  /** Programs; made once by `prepare`. */
  readonly install: string
  /** The server's data; wiped by `up --fresh`. */
  readonly data: string
  readonly ports: Ports
  /** Runs a command to its end, its output into the server's `prepare.log`; answers what it wrote to stdout. */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<string>
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

export interface Command {
  readonly file: string
  readonly args: readonly string[]
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Something that must be on the machine already. */
export interface Prerequisite {
  readonly title: string
  /** How it is usually installed. */
  readonly install: string
  /** Answers what is wrong, or nothing where it is there. */
  check(): Promise<string | undefined>
}

export interface ServerDefinition {
  readonly name: ServerName
  readonly title: string
  readonly version: string
  /** Raised when `prepare` changes although the version does not. */
  readonly recipe?: number
  readonly source: string
  readonly needs: readonly Prerequisite[]
  /** Resident memory to expect after the start, in MB. */
  readonly memory: number
  /** Seconds that the first `prepare` takes on two cores; the quick ones go first. */
  readonly prepareSeconds: number
  /** Preferred ports; others are taken where these are not free. */
  readonly ports: Ports
  /** The variables which tests, demo and benchmarks read. */
  env(ports: Ports): Record<string, string>
  /** Where install and data lie, if not in the server's folder in the cache. */
  home?(folder: string): Promise<string>
  prepare?(context: Context): Promise<void>
  /** Makes an empty data folder ready, once. */
  init?(context: Context): Promise<void>
  /** Before every start: configuration files, locks that a crash has left behind. */
  beforeStart?(context: Context): Promise<void>
  command(context: Context): Command | Promise<Command>
  /** One real round trip; throws as long as the server does not serve. */
  ready(ports: Ports): Promise<void>
  /** Seconds until a start counts as failed (default 60). */
  readonly startSeconds?: number
  /** What ends it cleanly, if that is not SIGTERM. */
  readonly stopSignal?: NodeJS.Signals
}
