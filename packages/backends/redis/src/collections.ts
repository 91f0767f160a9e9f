import { randomBytes } from 'node:crypto'
import {
  type CollectionDefinition,
  type CollectionInfo,
  checkScope,
  type FieldType,
  type Metric,
  physicalName,
  type Scope,
  throwIfAborted,
  VeritasError,
} from '@veritas-db/core/contract'
import { MAX_RANGES } from './check.js'
import type { RedisConfig } from './config.js'
import type { Argument, Reply, Session } from './connection.js'
import { FIELDS } from './encode.js'
import { isNoIndex } from './errors.js'
import { TAG_FIELD } from './filter.js'
import { changeScript, dropScript, type Script } from './scripts.js'
import { rangeField } from './tags.js'

/** A collection as it was found. */
export interface Known {
  readonly name: string
  /** Tells it from an earlier or later collection of the same name, whose keys and index it does not share. */
  readonly generation: string
  readonly definition: CollectionDefinition
  readonly algorithm: 'flat' | 'hnsw'
  /** Fields of the index for numbers and dates, as far as they are known here. */
  readonly ranges: Set<string>
}

const GENERATION = 16

export const distances: Readonly<Record<Metric, 'COSINE' | 'IP' | 'L2'>> = {
  cosine: 'COSINE',
  dot: 'IP',
  euclidean: 'L2',
}

/** What is kept of a collection in the registry, after its generation. */
interface Info {
  readonly scope: Scope
  readonly dimensions: number
  readonly metric: Metric
  readonly fields: Readonly<Record<string, FieldType>>
  readonly algorithm: 'flat' | 'hnsw'
  /** The numbers and dates that the index was made with; more may have been added since. */
  readonly ranges: readonly string[]
}

/** Records deleted with one command when a collection is dropped. */
const DROP_A_REQUEST = 1000

/** The collections of one prefix: their registry is one hash, whose entries are remembered. */
export class Collections {
  readonly #config: RedisConfig
  readonly #registry: string
  readonly #dropped: string
  readonly #known = new Map<string, Known>()

  constructor(config: RedisConfig) {
    this.#config = config
    this.#registry = `${config.prefix}:collections`
    this.#dropped = `${config.prefix}:dropped`
  }

  async ensure(session: Session, scope: Scope, definition: CollectionDefinition): Promise<void> {
    const name = physicalName(this.#config.prefix, scope)
    for (;;) {
      throwIfAborted(session.signal)
      const entry = (await this.#entry(session, name)) ?? (await this.#create(session, name, scope, definition))
      const { generation, info } = parseEntry(entry)
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
    const name = physicalName(this.#config.prefix, scope)
    this.#known.delete(name)
    const dropped = `${this.#dropped}:${name}`
    await session.run(dropScript, [this.#registry, dropped], [name, String(GENERATION)])
    session.changed = true
    for (const generation of (await session.send(['SMEMBERS', dropped])) as string[]) {
      const known = { name, generation }
      await dropIndex(session, indexOf(known))
      for (;;) {
        const page = (await session.send(['ZRANGE', idsOf(known), '0', String(DROP_A_REQUEST - 1)])) as string[]
        if (page.length === 0) break
        const keys = page.map((id) => recordPrefix(known) + id)
        await Promise.all([session.send(['UNLINK', ...keys]), session.send(['ZREM', idsOf(known), ...page])])
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
  async use<T>(session: Session, scope: Scope, work: (known: Known) => Promise<T>): Promise<T> {
    checkScope(scope)
    const name = physicalName(this.#config.prefix, scope)
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
    const keys = [this.#registry, idsOf(known)]
    const head = [known.name, known.generation, recordPrefix(known)]
    const reply = await session.run(script, keys, [...head, ...args], bytes)
    if (reply === null) throw new Gone()
    return reply
  }

  /**
   * Sees to it that the index has these fields, before a record with them is written. No record can have had one before, so
   * none has to be looked through; several writers may do so at once.
   */
  async addRanges(session: Session, known: Known, wanted: Iterable<string>): Promise<void> {
    const added = [...new Set(wanted)].filter((field) => !known.ranges.has(field))
    const index = indexOf(known)
    await Promise.all(
      added.map(async (field) => {
        try {
          await session.send(['FT.ALTER', index, 'SKIPINITIALSCAN', 'SCHEMA', 'ADD', field, 'NUMERIC'])
        } catch (error) {
          if (!(error instanceof Error) || !/duplicate field/i.test(error.message)) throw explained(error)
        }
        known.ranges.add(field)
      }),
    )
  }

  async #entry(session: Session, name: string): Promise<string | null> {
    const entry = await session.send(['HGET', this.#registry, name])
    return entry === null ? null : String(entry)
  }

  /** Makes index and entry; of several callers at once one wins, and the others take their index back. */
  async #create(session: Session, name: string, scope: Scope, definition: CollectionDefinition): Promise<string> {
    const generation = randomBytes(GENERATION / 2).toString('hex')
    const { dimensions, metric, fields = {} } = definition
    const info: Info = {
      scope: plainScope(scope),
      dimensions,
      metric,
      fields,
      algorithm: this.#config.index,
      ranges: Object.entries(fields).flatMap(([path, type]) =>
        type === 'number' || type === 'date' ? [rangeField(type, path)] : [],
      ),
    }
    const known = toKnown(name, generation, info)
    await session.send([
      ...['FT.CREATE', indexOf(known), 'ON', 'HASH', 'PREFIX', '1', recordPrefix(known)],
      // Words are found wherever they stand, and each as it is: no list of words that do not count, no stems.
      ...['NOOFFSETS', 'NOHL', 'STOPWORDS', '0', 'SKIPINITIALSCAN', 'SCHEMA'],
      ...[TAG_FIELD, 'TAG', 'SEPARATOR', ',', 'CASESENSITIVE', FIELDS.text, 'TEXT', 'NOSTEM'],
      ...[FIELDS.vector, 'VECTOR', ...this.#vectorIndex(dimensions, metric)],
      ...info.ranges.flatMap((field) => [field, 'NUMERIC']),
    ])
    session.changed = true
    const entry = formatEntry(generation, info)
    const made = await session.send(['HSETNX', this.#registry, name, entry])
    if (made === 1) return entry
    await dropIndex(session, indexOf(known))
    const other = await this.#entry(session, name)
    return other ?? this.#create(session, name, scope, definition)
  }

  #vectorIndex(dimensions: number, metric: Metric): string[] {
    const { index, hnsw } = this.#config
    const parameters = ['TYPE', 'FLOAT32', 'DIM', String(dimensions), 'DISTANCE_METRIC', distances[metric]]
    if (index === 'hnsw') {
      parameters.push('M', String(hnsw.m), 'EF_CONSTRUCTION', String(hnsw.efConstruction))
      parameters.push('EF_RUNTIME', String(hnsw.efRuntime))
    }
    return [index === 'hnsw' ? 'HNSW' : 'FLAT', String(parameters.length), ...parameters]
  }
}

/** The generation of a collection that is remembered is no longer there. */
class Gone extends Error {}

type Place = Pick<Known, 'name' | 'generation'>
export const indexOf = ({ name, generation }: Place): string => `${name}:${generation}`
const idsOf = (place: Place): string => `${indexOf(place)}:ids`
/** What the keys of a collection's records start with. */
export const recordPrefix = (place: Place): string => `${indexOf(place)}:r:`

const dropIndex = async (session: Session, index: string): Promise<void> => {
  try {
    await session.send(['FT.DROPINDEX', index])
  } catch (error) {
    if (!isNoIndex(error)) throw error
  }
}

const describe = ({ tenant, collection, incarnation }: Scope): string =>
  `"${collection}"${tenant === undefined ? '' : ` of the tenant "${tenant}"`}${incarnation ? `, incarnation ${incarnation}` : ''}`

const missing = (scope: Scope, cause?: unknown): VeritasError =>
  new VeritasError({
    code: 'NOT_FOUND',
    message: `The collection ${describe(scope)} is not there: make it with ensureCollection first.`,
    cause,
  })

const explained = (error: unknown): unknown =>
  error instanceof Error && /limited to \d+ fields/i.test(error.message)
    ? new VeritasError({
        code: 'VALIDATION',
        path: 'metadata',
        message: `A collection in Redis takes some ${MAX_RANGES} different fields with numbers or dates, and this one has that many already.`,
        cause: error,
      })
    : error

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
})
