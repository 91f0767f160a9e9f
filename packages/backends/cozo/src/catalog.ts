import {
  checkName,
  encodeFieldPath,
  type FieldType,
  type Metric,
  physicalName,
  type Scope,
  VeritasError,
} from '@veritas-db/core/contract'
import type { Connection } from './connection.js'
import { CozoError, isContention } from './errors.js'

/** What a table, graph or vector collection was made with. */
export interface Definition {
  /** Declared columns of a table. */
  readonly columns?: Readonly<Record<string, FieldType>>
  /** What text search covers, the most important first. */
  readonly text?: readonly string[]
  readonly dimensions?: number
  readonly metric?: Metric
  readonly fields?: Readonly<Record<string, FieldType>>
}

export interface Space {
  /** What the names of its relations start with. */
  readonly name: string
  readonly scope: Scope
  readonly definition: Definition
}

type Kind = 'table' | 'graph' | 'vector'

/** How long an entry is taken for true before it is read again: another process may have changed what it describes. */
const freshMs = 5000

/** Codes of the server for what is there already, and for what is not. */
const there: ReadonlySet<string | undefined> = new Set(['eval::stored_relation_conflict', 'tx::index_already_exists'])
const absent: ReadonlySet<string | undefined> = new Set(['query::relation_not_found', 'tx::index_not_found'])

/** Which tables, graphs and vector collections there are, by the names of their relations. */
export class Catalog {
  readonly #connection: Connection
  readonly #prefix: string
  readonly #relation: string
  readonly #known = new Map<string, { readonly space: Space; readonly at: number }>()

  constructor(connection: Connection, prefix: string) {
    this.#connection = connection
    this.#prefix = prefix
    this.#relation = `${prefix}_catalog`
  }

  table(scope: Scope, table: string): string {
    checkName(table, 'table')
    return `${physicalName(this.#prefix, scope)}_${encodeFieldPath(table, 't_')}`
  }
  graph(scope: Scope): string {
    return `${physicalName(this.#prefix, scope)}_g`
  }
  vector(scope: Scope): string {
    return `${physicalName(this.#prefix, scope)}_v`
  }

  /** Makes the catalogue itself where it is not there. */
  prepare(): Promise<void> {
    return this.make(
      `:create ${this.#relation} {name: String => kind: String, scope: String, definition: String}`,
      undefined,
    )
  }

  /** What is at that name; undefined where it was never ensured. `fresh` reads it anew. */
  async find(name: string, signal: AbortSignal | undefined, fresh = false): Promise<Space | undefined> {
    const known = this.#known.get(name)
    if (known && !fresh && performance.now() - known.at < freshMs) return known.space
    const [row] = await this.#connection.read(
      `?[scope, definition] := *${this.#relation}{name: $name, scope, definition}`,
      { name },
      signal,
    )
    if (!row) {
      this.#known.delete(name)
      return undefined
    }
    const space = readSpace(name, row[0], row[1])
    this.#known.set(name, { space, at: performance.now() })
    return space
  }

  /** All of a kind. */
  async list(kind: Kind, signal: AbortSignal | undefined): Promise<Space[]> {
    const rows = await this.#connection.read(
      `?[name, scope, definition] := *${this.#relation}{name, kind: $kind, scope, definition}`,
      { kind },
      signal,
    )
    return rows.map((row) => readSpace(String(row[0]), row[1], row[2]))
  }

  /**
   * Enters a space, or adds to the one that is there; `statements` make what it needs, and are run one by one in any case.
   * `merge` gives the definition that is to be there, and throws where the two do not fit. Answers the one that was there before.
   */
  async ensure(
    kind: Kind,
    space: Space,
    merge: (before: Definition) => Definition,
    statements: (definition: Definition) => readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<Definition | undefined> {
    const { name, scope } = space
    return this.#connection.serially(`ensure ${name}`, signal, async () => {
      const found = await this.find(name, signal, true)
      const definition = found ? merge(found.definition) : space.definition
      // The relations first: what is in the catalogue can be used.
      for (const statement of statements(definition)) await this.make(statement, signal)
      const text = JSON.stringify(definition)
      if (!found || JSON.stringify(found.definition) !== text)
        await this.#connection.write(
          this.#relation,
          `?[name, kind, scope, definition] <- [[$name, $kind, $scope, $definition]] :put ${this.#relation} {name => kind, scope, definition}`,
          { name, kind, scope: JSON.stringify(scope), definition: text },
          signal,
        )
      this.#known.set(name, { space: { name, scope, definition }, at: performance.now() })
      return found?.definition
    })
  }

  /** Removes a space: its entry, then indexes and relations, of which some may be gone already. */
  async drop(
    name: string,
    indexes: readonly string[],
    relations: readonly string[],
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#connection.serially(`ensure ${name}`, signal, async () => {
      this.#known.delete(name)
      await this.#connection.write(
        this.#relation,
        `?[name] <- [[$name]] :rm ${this.#relation} {name}`,
        { name },
        signal,
      )
      for (const index of indexes) await this.#unlessAbsent(index, signal)
      for (const relation of relations) await this.#unlessAbsent(`::remove ${relation}`, signal)
    })
  }

  /** Runs a statement that makes a relation or an index; that it is there already is no error. */
  async make(statement: string, signal: AbortSignal | undefined): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#connection.write('schema', statement, {}, signal)
        return
      } catch (error) {
        if (error instanceof CozoError && (there.has(error.code) || /already exists/i.test(error.message))) return
        if (!isContention(error) || attempt > 3) throw error
      }
    }
  }

  async #unlessAbsent(statement: string, signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.#connection.write('schema', statement, {}, signal)
    } catch (error) {
      if (error instanceof CozoError && (absent.has(error.code) || /not found/i.test(error.message))) return
      throw error
    }
  }
}

const readSpace = (name: string, scope: unknown, definition: unknown): Space => ({
  name,
  scope: JSON.parse(String(scope)) as Scope,
  definition: JSON.parse(String(definition)) as Definition,
})

/** The scope with nothing in it but what says where. */
export const plainScope = ({ tenant, collection, incarnation = 0 }: Scope): Scope => ({
  ...(tenant !== undefined && { tenant }),
  collection,
  ...(incarnation !== 0 && { incarnation }),
})

/** The error of a definition that does not fit the one that is there. */
export const conflict = (path: string, before: unknown, wanted: unknown): VeritasError =>
  new VeritasError({
    code: 'CONFLICT',
    path,
    message: `${path}: is ${before} already, and cannot become ${wanted}.`,
  })

/** Whether other texts are to be searched than before, in a place where some may be already. */
export const changesText = (before: Definition | undefined, wanted: readonly string[]): boolean =>
  before !== undefined && wanted.length > 0 && JSON.stringify(before.text ?? []) !== JSON.stringify(wanted)
