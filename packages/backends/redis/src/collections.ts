import { randomBytes } from 'node:crypto'
import {
  type CollectionDefinition,
  type CollectionInfo,
  type FieldType,
  type Metric,
  physicalName,
  type Scope,
  scopeKey,
  throwIfAborted,
  VeritasError,
} from '@veritas-db/core/contract'
import type { Argument, Reply, Session } from './connection.js'
import type { Algorithm, Engine } from './engine.js'
import { isNoIndex } from './errors.js'
import { idsOf, type Place, recordPrefix, vectorSetOf } from './keys.js'
import { dropIndex } from './redisearch/engine.js'
import { changeScript, dropScript, type Script } from './scripts.js'

/** A collection as it was found. */
export interface Known extends Place {
  readonly definition: CollectionDefinition
  readonly algorithm: Algorithm
  /** Fields of the index for numbers and dates, as far as they are known here. */
  readonly ranges: Set<string>
  /** Edges of a node of a vector set, which were chosen when the collection was made. */
  edges?: number
}

const GENERATION = 16

/** What is kept of a collection in the registry, after its generation. */
interface Info {
  readonly scope: Scope
  readonly dimensions: number
  readonly metric: Metric
  readonly fields: Readonly<Record<string, FieldType>>
  readonly algorithm: Algorithm
  /** The numbers and dates that the index was made with; more may have been added since. */
  readonly ranges: readonly string[]
  readonly edges?: number
}

/** Records deleted with one command when a collection is dropped. */
const DROP_A_REQUEST = 1000
/** Scopes whose names are remembered. */
const MOST_NAMES = 10_000

/** The collections of one prefix: their registry is one hash, whose entries are remembered. */
export class Collections {
  readonly #prefix: string
  readonly #registry: string
  readonly #dropped: string
  readonly #known = new Map<string, Known>()
  /** The physical names of scopes: hashing one takes as long as much of a read. */
  readonly #names = new Map<string, string>()

  constructor(prefix: string) {
    this.#prefix = prefix
    this.#registry = `${prefix}:collections`
    this.#dropped = `${prefix}:dropped`
  }

  async ensure(session: Session, engine: Engine, scope: Scope, definition: CollectionDefinition): Promise<void> {
    const name = this.#nameOf(scope)
    for (;;) {
      throwIfAborted(session.signal)
      const entry = (await this.#entry(session, name)) ?? (await this.#create(session, engine, name, scope, definition))
      const { generation, info } = parseEntry(entry)
      checkAlgorithm(engine, info, scope)
      if (info.dimensions !== definition.dimensions || info.metric !== definition.metric)
        throw new VeritasError({
          code: 'CONFLICT',
          message: `The collection ${describe(scope)} has ${info.dimensions} dimensions and the metric ${info.metric}, not ${definition.dimensions} and ${definition.metric}: drop it first, or use another name.`,
        })
      const fields = { ...definition.fields, ...info.fields }
      const known = toKnown(name, generation, { ...info, fields })
      // What was declared later may have no value yet, and so no field of the index: that comes with the first value.
      if (Object.keys(fields).length > Object.keys(info.fields).length) {
        const changed = formatEntry(generation, { ...info, fields })
        const done = await session.run(changeScript, [this.#registry], [name, entry, changed])
        if (done !== 1) continue
      }
      const before = this.#known.get(name)
      this.#known.set(name, before?.generation === generation ? { ...known, ranges: before.ranges } : known)
      return
    }
  }

  /** Removes a collection, and what an earlier drop may have left half-way. */
  async drop(session: Session, scope: Scope): Promise<void> {
    const name = this.#nameOf(scope)
    this.#known.delete(name)
    const dropped = `${this.#dropped}:${name}`
    await session.run(dropScript, [this.#registry, dropped], [name, String(GENERATION)])
    session.changed = true
    for (const generation of (await session.send(['SMEMBERS', dropped])) as string[]) {
      const place = { name, generation }
      // Whatever it was found by: the engine may be another one than it was made with.
      await dropIndex(session, place)
      await session.send(['UNLINK', vectorSetOf(place)])
      for (;;) {
        throwIfAborted(session.signal)
        const page = (await session.send(['ZRANGE', idsOf(place), '0', String(DROP_A_REQUEST - 1)])) as string[]
        if (page.length === 0) break
        const keys = page.map((id) => recordPrefix(place) + id)
        await Promise.all([session.send(['UNLINK', ...keys]), session.send(['ZREM', idsOf(place), ...page])])
      }
      await session.send(['SREM', dropped, generation])
    }
  }

  async list(session: Session): Promise<CollectionInfo[]> {
    const entries = (await session.send(['HVALS', this.#registry])) as string[]
    return entries.map((entry) => {
      const { scope, dimensions, metric, fields } = parseEntry(entry).info
      return { scope, dimensions, metric, fields }
    })
  }

  /** Runs `work` on the collection. What is remembered may be gone and made anew by somebody else: then it is looked up again. */
  async use<T>(session: Session, engine: Engine, scope: Scope, work: (known: Known) => Promise<T>): Promise<T> {
    const name = this.#nameOf(scope)
    const remembered = this.#known.get(name)
    if (remembered) {
      try {
        return await work(remembered)
      } catch (error) {
        if (!(error instanceof Gone) && !isNoIndex(error)) throw error
        this.#known.delete(name)
      }
    }
    const entry = await this.#entry(session, name)
    if (entry === null) throw missing(scope)
    const { generation, info } = parseEntry(entry)
    checkAlgorithm(engine, info, scope)
    const known = toKnown(name, generation, info)
    this.#known.set(name, known)
    try {
      return await work(known)
    } catch (error) {
      if (error instanceof Gone || isNoIndex(error)) throw missing(scope, error)
      throw error
    }
  }

  /** Runs a script on a collection. @throws Gone where its generation is no longer there */
  async run(
    session: Session,
    known: Known,
    script: Script,
    args: readonly Argument[],
    bytes = false,
  ): Promise<Exclude<Reply, null>> {
    return orGone(await session.run(script, ...this.#scriptArguments(known, args), bytes))
  }

  /** Runs commands and a script at their end in one transaction. @throws Gone where its generation is no longer there */
  async transaction(
    session: Session,
    known: Known,
    commands: readonly (readonly Argument[])[],
    script: Script,
    args: readonly Argument[],
  ): Promise<Exclude<Reply, null>> {
    const [keys, rest] = this.#scriptArguments(known, args)
    // By its text: a script that the server has forgotten would fail after the commands before it.
    const ending = ['EVAL', script.text, String(keys.length), ...keys, ...rest]
    return orGone((await session.transaction([...commands, ending])).at(-1) ?? null)
  }

  #scriptArguments(known: Known, args: readonly Argument[]): [keys: string[], args: Argument[]] {
    return [
      [this.#registry, idsOf(known), vectorSetOf(known)],
      [known.name, known.generation, recordPrefix(known), ...args],
    ]
  }

  /** Reads by plain commands, and checks at the same time that the collection is there. @throws Gone where its generation is not */
  async read<T>(session: Session, known: Known, work: () => Promise<T>): Promise<T> {
    // In this order: what was there afterwards, was there before.
    const [result, entry] = await Promise.all([work(), this.#entry(session, known.name)])
    if (!entry?.startsWith(known.generation)) throw new Gone()
    return result
  }

  #nameOf(scope: Scope): string {
    const text = scopeKey(scope)
    const before = this.#names.get(text)
    if (before !== undefined) return before
    const name = physicalName(this.#prefix, scope)
    if (this.#names.size >= MOST_NAMES) this.#names.clear()
    this.#names.set(text, name)
    return name
  }

  async #entry(session: Session, name: string): Promise<string | null> {
    const entry = await session.send(['HGET', this.#registry, name])
    return entry === null ? null : String(entry)
  }

  /** Makes index and entry; of several callers at once one wins, and the others take their index back. */
  async #create(
    session: Session,
    engine: Engine,
    name: string,
    scope: Scope,
    definition: CollectionDefinition,
  ): Promise<string> {
    const generation = randomBytes(GENERATION / 2).toString('hex')
    const { dimensions, metric, fields = {} } = definition
    const { algorithm } = engine
    const known = toKnown(name, generation, { scope, dimensions, metric, fields, algorithm, ranges: [] })
    await engine.create(session, known)
    session.changed = true
    const entry = formatEntry(generation, {
      ...{ scope: plainScope(scope), dimensions, metric, fields, algorithm, ranges: [...known.ranges] },
      ...(known.edges !== undefined && { edges: known.edges }),
    })
    const made = await session.send(['HSETNX', this.#registry, name, entry])
    if (made === 1) return entry
    await engine.drop(session, known)
    const other = await this.#entry(session, name)
    return other ?? this.#create(session, engine, name, scope, definition)
  }
}

/** The generation of a collection that is remembered is no longer there. */
class Gone extends Error {}

const orGone = (reply: Reply): Exclude<Reply, null> => {
  if (reply === null) throw new Gone()
  return reply
}

/** An engine's promises hold for collections that it made. @throws VeritasError CONFIGURATION */
const checkAlgorithm = (engine: Engine, { algorithm }: Info, scope: Scope): void => {
  if ((engine.algorithm === 'vectorset') === (algorithm === 'vectorset')) return
  throw new VeritasError({
    code: 'CONFIGURATION',
    path: 'index',
    message: `The collection ${describe(scope)} was made with index: '${algorithm}', and is opened with '${engine.algorithm}': set index to '${algorithm}', or drop the collection.`,
  })
}

const describe = ({ tenant, collection, incarnation }: Scope): string =>
  `"${collection}"${tenant === undefined ? '' : ` of the tenant "${tenant}"`}${incarnation ? `, incarnation ${incarnation}` : ''}`

const missing = (scope: Scope, cause?: unknown): VeritasError =>
  new VeritasError({
    code: 'NOT_FOUND',
    message: `The collection ${describe(scope)} is not there: make it with ensureCollection first.`,
    cause,
  })

const plainScope = ({ tenant, collection, incarnation }: Scope): Scope => ({
  collection,
  ...(tenant !== undefined && { tenant }),
  ...(incarnation && { incarnation }),
})

const formatEntry = (generation: string, info: Info): string => generation + JSON.stringify(info)

const parseEntry = (entry: string): { generation: string; info: Info } => ({
  generation: entry.slice(0, GENERATION),
  info: JSON.parse(entry.slice(GENERATION)) as Info,
})

const toKnown = (name: string, generation: string, info: Info): Known => ({
  name,
  generation,
  definition: { dimensions: info.dimensions, metric: info.metric, fields: info.fields },
  algorithm: info.algorithm,
  ranges: new Set(info.ranges),
  ...(info.edges !== undefined && { edges: info.edges }),
})
