import { randomUUID } from 'node:crypto'
import {
  type CollectionDefinition,
  type CollectionInfo,
  type FieldType,
  type Metric,
  type Scope,
  VeritasError,
} from '@veritas-db/core/contract'
import type { Access, Row } from './connection.js'
import { catalogueLabel, fieldProperty, integer, quote, scopeLabel, toNumber } from './cypher.js'
import type { Environment } from './environment.js'
import { awaitIndexes, deleteNodes, dropLabel, INDEXED, indexesOf } from './schema.js'

/** A vector collection as the catalogue has it. */
export interface Collection extends CollectionDefinition {
  readonly label: string
  /** Another one each time the collection is made. */
  readonly generation: string
  /** Holds the generation: a reader that knows an older one finds no index, rather than another collection's. */
  readonly vectorIndex: string
  readonly fields: Readonly<Record<string, FieldType>>
}

/** Cypher that goes on only while the collection `$collection` is the one that is meant. */
export const guardOf = (prefix: string): string =>
  `MATCH (c:${quote(catalogueLabel(prefix))} {_id: $collection, generation: $generation})`

/** The vector collections of one engine: their definitions are nodes of a catalogue. */
export class Collections {
  readonly #environment: Environment
  readonly #known = new Map<string, Collection>()
  #prepared: Promise<void> | undefined

  constructor(environment: Environment) {
    this.#environment = environment
  }

  label(scope: Scope): string {
    return scopeLabel(this.#environment.prefix, 'vector', scope)
  }

  /** The collection's definition; remembered ones are asked for again with `fresh`. @throws VeritasError NOT_FOUND */
  async get(access: Access, scope: Scope, signal: AbortSignal | undefined, fresh = false): Promise<Collection> {
    const label = this.label(scope)
    const known = this.#known.get(label)
    if (known && !fresh) return known
    const found = await this.#find(access, label, signal)
    if (!found?.ready) {
      this.#known.delete(label)
      throw new VeritasError({
        code: 'NOT_FOUND',
        message: `The collection "${scope.collection}" is not there: make it with ensureCollection first.`,
      })
    }
    this.#known.set(label, found.collection)
    return found.collection
  }

  async ensure(scope: Scope, definition: CollectionDefinition, signal: AbortSignal | undefined): Promise<void> {
    const { connection, dialect, prefix } = this.#environment
    const label = this.label(scope)
    this.#prepared ??= connection
      .changeSchema(undefined, [dialect.uniqueConstraint(`${prefix}_collections_id`, catalogueLabel(prefix), '_id')])
      .catch((error: unknown) => {
        this.#prepared = undefined
        throw error
      })
    await this.#prepared
    const { before, created, collection, added } = await this.#claim(scope, label, definition, signal)
    if (collection.dimensions !== definition.dimensions || collection.metric !== definition.metric)
      throw new VeritasError({
        code: 'CONFLICT',
        message: `The collection "${scope.collection}" has ${collection.dimensions} dimensions and the metric ${collection.metric}, not ${definition.dimensions} and ${definition.metric}: drop it first, or use another name.`,
      })
    if (created) await this.#clear(collection, signal)
    const changes = [...added]
      .filter(([, type]) => INDEXED.has(type))
      .map(([path]) => dialect.rangeIndex(`${label}_f_${fieldProperty(path)}`, label, fieldProperty(path)))
    if (!before)
      changes.unshift(
        dialect.uniqueConstraint(`${label}_id`, label, '_id'),
        dialect.fullTextIndex(`${label}_text`, label, ['_text']),
        dialect.vectorIndex(collection.vectorIndex, label, '_vector', definition.dimensions, definition.metric),
      )
    if (changes.length > 0) await connection.changeSchema(signal, changes)
    if (!before) {
      await awaitIndexes(this.#environment, [`${label}_text`, collection.vectorIndex], signal)
      // Only now others may use it: one that crashes on the way leaves what the next one finishes.
      await connection.run(
        {
          text: `${guardOf(prefix)} SET c.ready = true`,
          parameters: { collection: label, generation: collection.generation },
        },
        signal,
      )
    }
    this.#known.set(label, collection)
  }

  async drop(scope: Scope, signal: AbortSignal | undefined): Promise<void> {
    const { connection, prefix } = this.#environment
    const label = this.label(scope)
    this.#known.delete(label)
    // Its entry goes first: from then on nobody writes to it.
    await connection.run(
      {
        text: `MATCH (c:${quote(catalogueLabel(prefix))} {_id: $collection}) DELETE c`,
        parameters: { collection: label },
      },
      signal,
    )
    await dropLabel(this.#environment, label, signal)
  }

  async list(access: Access, signal: AbortSignal | undefined): Promise<CollectionInfo[]> {
    const rows = await access.run(
      {
        text: `MATCH (c:${quote(catalogueLabel(this.#environment.prefix))}) WHERE c.ready ${returned} ORDER BY c._id`,
        parameters: {},
      },
      signal,
    )
    return rows.map((row) => {
      const { dimensions, metric, fields } = toCollection(row)
      const [tenant, incarnation] = [row.get('tenant'), toNumber(row.get('incarnation'))]
      return {
        scope: {
          ...(typeof tenant === 'string' && { tenant }),
          collection: row.get('collection') as string,
          ...(incarnation !== 0 && { incarnation }),
        },
        dimensions,
        metric,
        fields,
      }
    })
  }

  /** Removes what a drop that was interrupted left behind: passages, and an index of perhaps another dimension. */
  async #clear({ label, vectorIndex }: Collection, signal: AbortSignal | undefined): Promise<void> {
    const { connection, dialect } = this.#environment
    await deleteNodes(this.#environment, label, signal)
    const left = (await indexesOf(this.#environment, label, signal)).filter(
      ({ name }) => name.startsWith(vectorIndexName(label, '')) && name !== vectorIndex,
    )
    if (left.length === 0) return
    await connection.changeSchema(
      signal,
      left.map(({ name }) => dialect.dropIndex(name)),
    )
  }

  async #find(
    access: Access,
    label: string,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly collection: Collection; readonly ready: boolean } | undefined> {
    const [row] = await access.run(
      {
        text: `MATCH (c:${quote(catalogueLabel(this.#environment.prefix))} {_id: $label}) ${returned}`,
        parameters: { label },
      },
      signal,
    )
    return row && { collection: toCollection(row), ready: row.get('ready') === true }
  }

  /** Enters the collection, or adds fields to its entry; `before` says whether it was finished, `created` whether this call entered it. */
  async #claim(
    scope: Scope,
    label: string,
    definition: CollectionDefinition,
    signal: AbortSignal | undefined,
  ): Promise<{
    readonly before: boolean
    readonly created: boolean
    readonly collection: Collection
    readonly added: ReadonlyMap<string, FieldType>
  }> {
    const { connection, prefix } = this.#environment
    const fields = definition.fields ?? {}
    const found = await this.#find(connection, label, signal)
    if (found?.ready) {
      const added = newFields(found.collection.fields, fields)
      if (added.size === 0) return { before: true, created: false, collection: found.collection, added }
    }
    const generation = randomUUID()
    return connection.transact(signal, async (run) => {
      const [row] = await run({
        text: `MERGE (c:${quote(catalogueLabel(prefix))} {_id: $label})
          ON CREATE SET c += $entry
          SET c._lock = true
          REMOVE c._lock
          WITH c ${returned}`,
        parameters: {
          label,
          entry: {
            tenant: scope.tenant ?? null,
            collection: scope.collection,
            incarnation: integer(scope.incarnation ?? 0),
            dimensions: integer(definition.dimensions),
            metric: definition.metric,
            fields: '{}',
            generation,
            ready: false,
          },
        },
      })
      if (!row) throw new VeritasError({ code: 'INTERNAL', message: 'MERGE answered no row.' })
      const collection = toCollection(row)
      const before = row.get('ready') === true
      // An entry that was never finished may lack the indexes of its fields.
      const added = newFields(before ? collection.fields : {}, { ...collection.fields, ...fields })
      const all = { ...fields, ...collection.fields }
      await run({
        text: `MATCH (c:${quote(catalogueLabel(prefix))} {_id: $label}) SET c.fields = $fields`,
        parameters: { label, fields: JSON.stringify(all) },
      })
      return {
        before,
        created: collection.generation === generation,
        collection: { ...collection, fields: all },
        added,
      }
    })
  }
}

const returned =
  'RETURN c._id AS label, c.tenant AS tenant, c.collection AS collection, c.incarnation AS incarnation, c.dimensions AS dimensions, c.metric AS metric, c.fields AS fields, c.generation AS generation, c.ready AS ready'

const vectorIndexName = (label: string, generation: string): string => `${label}_vector_${generation}`

const toCollection = (row: Row): Collection => ({
  label: row.get('label') as string,
  vectorIndex: vectorIndexName(row.get('label') as string, row.get('generation') as string),
  dimensions: toNumber(row.get('dimensions')),
  metric: row.get('metric') as Metric,
  fields: JSON.parse(row.get('fields') as string) as Record<string, FieldType>,
  generation: row.get('generation') as string,
})

const newFields = (
  there: Readonly<Record<string, FieldType>>,
  wanted: Readonly<Record<string, FieldType>>,
): Map<string, FieldType> => new Map(Object.entries(wanted).filter(([path]) => !Object.hasOwn(there, path)))
