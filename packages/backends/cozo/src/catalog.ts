import { randomBytes } from 'node:crypto'
import {
  checkName,
  encodeFieldPath,
  type FieldType,
  type Metric,
  physicalName,
  type Scope,
  VeritasError,
} from '@veritas-db/core/contract'
import type { Connection, Parameters, Rows } from './connection.js'
import { CozoError, isContention } from './errors.js'
import { block } from './script.js'
import type { Slots } from './slots.js'

/** What a table, graph or vector collection was made with. */
export interface Definition {
  /** Declared columns of a table. */
  readonly columns?: Readonly<Record<string, FieldType>>
  /** What text search covers, the most important first. */
  readonly text?: readonly string[]
  /** Set while texts that were there before they were declared are not all found yet. */
  readonly textDue?: true
  /** Where the values at indexed paths are. */
  readonly slots?: Slots
  readonly dimensions?: number
  readonly metric?: Metric
  readonly fields?: Readonly<Record<string, FieldType>>
}

/** A table, graph or vector collection that is there. */
export interface Space {
  readonly name: string
  /** What the names of its relations start with: others each time that it is made anew, so that nobody takes one for the next. */
  readonly base: string
  readonly scope: Scope
  readonly definition: Definition
  /** Its row in the catalogue, as it is stored. */
  readonly entry: Entry
}

type Entry = readonly [name: string, kind: Kind, base: string, scope: string, definition: string]
type Kind = 'table' | 'graph' | 'vector'

/** The relations of a kind of space. */
export interface Layout {
  readonly kind: Kind
  /** Statements that make relations and indexes; what is there already is left alone. */
  make(base: string, definition: Definition): readonly string[]
  /** Statements that remove them; what is gone already is no error. */
  drop(base: string, definition: Definition): readonly string[]
}

/** A script with its parameters. */
export interface Script {
  readonly script: string
  readonly parameters: Parameters
}

/** How long an entry is taken for true before it is read again: another process may have changed what it describes. */
const freshMs = 5000
/** How often something is tried again that met a change of the catalogue. */
const mostAttempts = 10
const fields = 'name => kind, base, scope, definition'
const columns = 'name, kind, base, scope, definition'

/** Codes of the server for what is there already, and for what is not. */
const there: ReadonlySet<string | undefined> = new Set(['eval::stored_relation_conflict', 'tx::index_already_exists'])
const absent: ReadonlySet<string | undefined> = new Set(['query::relation_not_found', 'tx::index_not_found'])

/** Which tables, graphs and vector collections there are, and where. */
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
  prepare(signal: AbortSignal): Promise<void> {
    return this.make(
      `:create ${this.#relation} {name: String => kind: String, base: String, scope: String, definition: String}`,
      signal,
    )
  }

  /** What is at that name; undefined where it was never ensured. `fresh` reads it anew. */
  async find(name: string, signal: AbortSignal | undefined, fresh = false): Promise<Space | undefined> {
    const known = this.#known.get(name)
    if (known && !fresh && performance.now() - known.at < freshMs) return known.space
    const [row] = await this.#connection.read(
      `?[${columns}] := name = $name, *${this.#relation}{${columns}}`,
      { name },
      signal,
    )
    if (!row) {
      this.#known.delete(name)
      return undefined
    }
    return this.#remember(spaceOf(row as Entry))
  }

  #remember(space: Space): Space {
    this.#known.set(space.name, { space, at: performance.now() })
    return space
  }

  /** All of a kind. */
  async list(kind: Kind, signal: AbortSignal | undefined): Promise<Space[]> {
    const rows = await this.#connection.read(
      `?[${columns}] := kind = $kind, *${this.#relation}{${columns}}`,
      { kind },
      signal,
    )
    return rows.map((row) => spaceOf(row as Entry))
  }

  /** Where a call goes: a name, and the error where nothing is there. */
  at(name: string, missing: () => VeritasError, signal: AbortSignal | undefined): Place {
    return new Place(this, this.#connection, name, missing, signal)
  }

  /** The statement that lets a transaction commit only if the entry `$entry` stays what it is. */
  get guard(): string {
    return block(`?[${columns}] <- [$entry] :ensure ${this.#relation} {${fields}}`)
  }

  /**
   * Makes a space, or adds to the one that is there. `merge` gives the definition that is to be there, out of the one that is, and
   * throws where the two do not fit.
   */
  async ensure(
    layout: Layout,
    name: string,
    scope: Scope,
    merge: (before: Definition | undefined) => Definition,
    signal: AbortSignal | undefined,
  ): Promise<Space> {
    return this.#connection.serially(`ensure ${name}`, signal, async () => {
      for (let attempt = 1; ; attempt++) {
        const before = await this.find(name, signal, true)
        const definition = merge(before?.definition)
        const base = before?.base ?? `${name}_${randomBytes(4).toString('hex')}`
        const after = spaceOf([name, layout.kind, base, JSON.stringify(plainScope(scope)), JSON.stringify(definition)])
        // The relations first: what is in the catalogue can be used.
        for (const statement of layout.make(base, definition)) await this.make(statement, signal)
        if (before?.entry[4] === after.entry[4]) return before
        try {
          await this.#enter(before, after, signal)
          return this.#remember(after)
        } catch (error) {
          if (!before) await this.#dropAll(layout.drop(base, definition), signal)
          if (!isChange(error) || attempt >= mostAttempts) throw error
        }
      }
    })
  }

  /** Puts an entry in the place of another, or of none, unless somebody else was faster. */
  async #enter(before: Space | undefined, after: Space, signal: AbortSignal | undefined): Promise<void> {
    const put = `?[${columns}] <- [$after] ${before ? ':put' : ':insert'} ${this.#relation} {${fields}}`
    const script = before ? block(`?[${columns}] <- [$before] :ensure ${this.#relation} {${fields}}`, put) : put
    const parameters = { after: after.entry, ...(before && { before: before.entry }) }
    await this.#connection.write(this.#relation, script, parameters, signal)
  }

  /** Removes a space: its entry, then its indexes and relations, of which some may be gone already. */
  async drop(layout: Layout, name: string, signal: AbortSignal | undefined): Promise<void> {
    await this.#connection.serially(`ensure ${name}`, signal, async () => {
      const space = await this.find(name, signal, true)
      if (!space) return
      this.#known.delete(name)
      await this.#connection.write(
        this.#relation,
        `?[name] <- [[$name]] :rm ${this.#relation} {name}`,
        { name },
        signal,
      )
      await this.#dropAll(layout.drop(space.base, space.definition), signal)
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

  async #dropAll(statements: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    for (const statement of statements)
      try {
        await this.#connection.write('schema', statement, {}, signal)
      } catch (error) {
        if (!isAbsent(error)) throw error
      }
  }
}

/** A space for one call: as it is known here at first, and as it is where that turns out to be old. */
export class Place {
  readonly #catalog: Catalog
  readonly #connection: Connection
  readonly #name: string
  readonly #missing: () => VeritasError
  readonly #signal: AbortSignal | undefined

  constructor(
    catalog: Catalog,
    connection: Connection,
    name: string,
    missing: () => VeritasError,
    signal: AbortSignal | undefined,
  ) {
    this.#catalog = catalog
    this.#connection = connection
    this.#name = name
    this.#missing = missing
    this.#signal = signal
  }

  /** The space; read anew where what is known does not suit. @throws VeritasError where it is not there */
  async space(suits: (space: Space) => boolean = () => true): Promise<Space> {
    const known = await this.#catalog.find(this.#name, this.#signal)
    return known && suits(known) ? known : this.#fresh()
  }

  async #fresh(): Promise<Space> {
    const found = await this.#catalog.find(this.#name, this.#signal, true)
    if (!found) throw this.#missing()
    return found
  }

  /** Runs `read` with the space; once more where it turns out to have been made anew. */
  async read<T>(read: (space: Space) => Promise<T>, suits?: (space: Space) => boolean): Promise<T> {
    const space = await this.space(suits)
    try {
      return await read(space)
    } catch (error) {
      if (!isAbsent(error)) throw error
      const found = await this.#fresh()
      if (found.base === space.base) throw error
      return read(found)
    }
  }

  /**
   * Runs a script that writes, in a transaction that commits only if the space is still what the script was made for. Where another
   * process has changed it, the script is made again: it would leave out what was declared since.
   */
  async write(make: (space: Space) => Script): Promise<Rows> {
    let space = await this.space()
    for (let attempt = 1; ; attempt++) {
      const { script, parameters } = make(space)
      const guarded = `${this.#catalog.guard}\n${script}`
      try {
        return await this.#connection.write(space.base, guarded, { ...parameters, entry: space.entry }, this.#signal)
      } catch (error) {
        if ((!isChange(error) && !isAbsent(error)) || attempt >= mostAttempts) throw error
        const found = await this.#fresh()
        if (isAbsent(error) && found.base === space.base) throw error
        space = found
      }
    }
  }
}

const spaceOf = (entry: Entry): Space => ({
  name: entry[0],
  base: entry[2],
  scope: JSON.parse(entry[3]) as Scope,
  definition: JSON.parse(entry[4]) as Definition,
  entry,
})

/** Whether a relation or an index is not there. */
const isAbsent = (error: unknown): boolean =>
  error instanceof CozoError && (absent.has(error.code) || /not found/i.test(error.message))

/** Whether an entry of the catalogue is not what it was. */
const isChange = (error: unknown): boolean => error instanceof CozoError && error.code === 'transact::assertion_failure'

/** The scope with nothing in it but what says where. */
const plainScope = ({ tenant, collection, incarnation = 0 }: Scope): Scope => ({
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
