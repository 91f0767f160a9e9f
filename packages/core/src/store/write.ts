import pLimit, { type LimitFunction } from 'p-limit'
import type { ResolvedConfig } from '../config/types.js'
import { type RoleName, VeritasError } from '../contract/errors.js'
import type { RoleTypes } from '../contract/plugin.js'
import type { Outcome } from '../contract/records.js'
import type { RelationalRole } from '../contract/roles/relational.js'
import type { Key, Version } from '../contract/values.js'
import {
  contentHash,
  DOCUMENT_TABLE,
  type Projection,
  projectDocument,
  projectTombstone,
} from '../documents/project.js'
import type { NormalisedDocument } from '../documents/types.js'
import type { Events } from '../events.js'
import { type ConnectedBackend, withRoles } from './backends.js'
import type { Collection, Collections } from './collections.js'
import { LEG_WRITERS, type LegInput, modeOf } from './legs.js'
import { embedPassages } from './passages.js'
import { findRefusals } from './refusals.js'
import { type LegStatus, quorum, type StoreResult } from './results.js'
import type { SchemaKeeper } from './schema.js'
import type { VersionSource } from './versions.js'

export interface WriterParts {
  readonly backends: readonly ConnectedBackend[]
  readonly authority: RelationalRole
  readonly roles: Partial<RoleTypes>
  readonly versions: VersionSource
  readonly collections: Collections
  readonly schema: SchemaKeeper
  readonly config: ResolvedConfig
  readonly events: Events
}

export interface WriteOptions {
  readonly signal?: AbortSignal
  /** Leaves documents alone whose content is stored already. */
  readonly skipUnchanged?: boolean
}

/** What became of a document that could not even be tried. */
export type WriteAnswer = StoreResult | VeritasError

interface Existing {
  readonly version: Version
  readonly createdDate: Date | null
  readonly contentHash: string | null
  readonly deleted: boolean
}

/** The write path: embed → version → project → check → all legs at the same time. */
export class DocumentWriter {
  readonly #parts: WriterParts
  readonly #roleNames: readonly RoleName[]
  readonly #units: Map<ConnectedBackend, LimitFunction> = new Map()

  constructor(parts: WriterParts) {
    this.#parts = parts
    this.#roleNames = parts.backends.flatMap((b) => b.roles)
  }

  /** Writes a batch of one collection; an answer a document. */
  async write(
    collection: Collection,
    documents: readonly NormalisedDocument[],
    options: WriteOptions = {},
  ): Promise<readonly WriteAnswer[]> {
    const { signal } = options
    await this.#ensure('relational', collection, documents, signal)
    const existing = await this.#existing(
      collection,
      documents.map((d) => d.key),
      signal,
    )
    const answers: WriteAnswer[] = new Array(documents.length)
    const pending: { index: number; document: NormalisedDocument; hash: string }[] = []
    documents.forEach((document, index) => {
      const before = existing.get(document.key)
      const hash = contentHash(document)
      if (options.skipUnchanged && before && !before.deleted && before.contentHash === hash)
        answers[index] = this.#unchanged(document, before.version)
      else pending.push({ index, document, hash })
    })
    if (pending.length === 0) return answers

    const documentsToEmbed = pending.map((p) => p.document)
    const passages = this.#roleNames.includes('vector')
      ? await embedPassages(collection, documentsToEmbed, this.#parts, signal)
      : documentsToEmbed.map(() => [])
    const versions = await this.#parts.versions.next(pending.length)
    const projected: { index: number; id: string; input: LegInput; projection: Projection }[] = []
    const seen = new Set<Key>()
    for (const [i, { index, document, hash }] of pending.entries()) {
      const own = passages[i]
      const version = versions[i]
      if (own === undefined || version === undefined) continue
      if (VeritasError.is(own)) {
        answers[index] = own
        continue
      }
      const before = existing.get(document.key)
      const createdDate = document.createdDate ?? (before && !before.deleted ? before.createdDate : null) ?? new Date()
      const embedderId = collection.embedder
      const projection = projectDocument({
        document,
        version,
        createdDate,
        contentHash: hash,
        passages: own,
        embedderId,
      })
      // An earlier one of the same batch may leave more passages than this one replaces.
      const existed = before !== undefined || seen.has(document.key)
      projected.push({ index, id: document.id, projection, input: { ...projection, version, existed } })
      seen.add(document.key)
    }
    const refusals = findRefusals(
      this.#parts.roles,
      projected.map((p) => p.projection),
    )
    const ready = projected.filter((p, i) => {
      const refusal = refusals.get(i)
      if (refusal) answers[p.index] = refusal
      return refusal === undefined
    })
    const results = await this.#writeLegs(collection, ready, signal)
    results.forEach((result, i) => {
      answers[(ready[i] as { index: number }).index] = result
    })
    return answers
  }

  /** Makes what the collection needs in every store. A derived store that is down gets it with its first write. */
  async prepare(collection: Collection, signal?: AbortSignal): Promise<void> {
    await Promise.all(
      this.#parts.backends.flatMap((backend) =>
        backend.roles.map(async (role) => {
          try {
            await this.#ensure(role, collection, [], signal)
          } catch (cause) {
            const error = VeritasError.from(cause, { backend: backend.name, role })
            if (role === 'relational' || !error.retryable) throw error
            this.#parts.events.emit('legFailed', { role, backend: backend.name, operation: 'ensure', error })
          }
        }),
      ),
    )
  }

  /** Leaves tombstones in place of documents. One answer an id; a document that is not there is left alone. */
  async delete(
    collection: Collection,
    documents: readonly { readonly key: Key; readonly id: string }[],
    signal?: AbortSignal,
  ): Promise<readonly (StoreResult & { existed: boolean })[]> {
    await this.#ensure('relational', collection, [], signal)
    const existing = await this.#existing(
      collection,
      documents.map((d) => d.key),
      signal,
    )
    const versions = await this.#parts.versions.next(documents.length)
    const there = documents.flatMap((document, index) => {
      const before = existing.get(document.key)
      const version = versions[index]
      if (!before || before.deleted || version === undefined) return []
      const records = projectTombstone({ ...document, collection: collection.scope.collection }, version)
      return [{ index, id: document.id, input: { ...records, version, existed: true } }]
    })
    const results = await this.#writeLegs(collection, there, signal)
    const answers = new Map(there.map((t, i) => [t.index, results[i]]))
    return documents.map((document, index) => {
      const answer = answers.get(index)
      return answer
        ? { ...answer, existed: true }
        : {
            ...this.#unchanged(document, existing.get(document.key)?.version ?? (versions[index] as Version)),
            existed: false,
          }
    })
  }

  async #existing(
    collection: Collection,
    keys: readonly Key[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<Key, Existing>> {
    const rows = await this.#parts.authority.get({
      scope: collection.scope,
      table: DOCUMENT_TABLE,
      keys,
      columns: ['created_date', 'content_hash', 'deleted'],
      fresh: true,
      ...(signal && { signal }),
    })
    return new Map(
      rows.map((row) => {
        this.#parts.versions.observe(row.version)
        const { created_date, content_hash, deleted } = row.values
        return [
          row.key,
          {
            version: row.version,
            createdDate: created_date instanceof Date ? created_date : null,
            contentHash: typeof content_hash === 'string' ? content_hash : null,
            deleted: deleted === true,
          },
        ]
      }),
    )
  }

  async #writeLegs(
    collection: Collection,
    items: readonly { readonly id: string; readonly input: LegInput }[],
    signal?: AbortSignal,
  ): Promise<readonly StoreResult[]> {
    if (items.length === 0) return []
    const inputs = items.map((i) => i.input)
    const groups = await Promise.all(
      this.#parts.backends.map((backend) => this.#writeGroup(collection, backend, inputs, signal)),
    )
    const byRole = new Map(groups.flatMap((group) => [...group]))
    const results = items.map((item, i) => {
      const outcomes = new Map(this.#roleNames.map((role) => [role, byRole.get(role)?.[i]]))
      return this.#result(item.id, item.input.version, outcomes)
    })
    await this.#markIncomplete(
      collection,
      inputs.filter((_, i) => isIncomplete(results[i])),
    )
    return results
  }

  /** Notes in the authority that a derived store lacks these documents, so that storing them again is not taken for unchanged. */
  async #markIncomplete(collection: Collection, inputs: readonly LegInput[]): Promise<void> {
    if (inputs.length === 0) return
    const records = inputs.map(({ row }) => {
      const status = row.values.deleted === true ? row.values.processing_status : 'incomplete'
      return { ...row, values: { ...row.values, content_hash: null, processing_status: status ?? null } }
    })
    const mode = modeOf(this.#parts.authority.capabilities)
    try {
      await this.#parts.authority.upsert({ scope: collection.scope, table: DOCUMENT_TABLE, records, mode })
    } catch (cause) {
      const error = VeritasError.from(cause, { role: 'relational' })
      this.#parts.events.emit('legFailed', {
        role: 'relational',
        backend: error.backend ?? 'authority',
        operation: 'store',
        error,
      })
    }
  }

  /** All legs that one engine serves, in its unit of work. Where a batch fails for one document's sake, the others are written without it. */
  async #writeGroup(
    collection: Collection,
    backend: ConnectedBackend,
    inputs: readonly LegInput[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<RoleName, readonly Outcome[]>> {
    try {
      for (const role of backend.roles) await this.#ensure(role, collection, inputs, signal)
      const write = (): Promise<ReadonlyMap<RoleName, readonly Outcome[]>> =>
        withRoles(backend, 'store', signal, async (roles, inner) => {
          const outcomes = new Map<RoleName, readonly Outcome[]>()
          for (const role of backend.roles) {
            const answer = await LEG_WRITERS[role](roles, collection.scope, inputs, inner)
            const failed = answer.find((o) => o.status === 'failed')
            // Inside a unit of work a document must not be half there: the unit rolls back and is tried without it.
            if (failed?.status === 'failed' && backend.backend.unitOfWork) throw failed.error
            outcomes.set(role, answer)
          }
          return outcomes
        })
      // Transactions of neighbouring batches meet at the same placeholders: one after the other they cannot conflict.
      return await (backend.backend.unitOfWork ? this.#unitOf(backend)(write) : write())
    } catch (cause) {
      const error = VeritasError.from(cause, { backend: backend.name })
      if (error.code === 'ABORTED') throw error
      if (error.code === 'NOT_FOUND') this.#forget(collection)
      if (inputs.length > 1 && !error.retryable) {
        const middle = inputs.length >> 1
        const halves = [
          await this.#writeGroup(collection, backend, inputs.slice(0, middle), signal),
          await this.#writeGroup(collection, backend, inputs.slice(middle), signal),
        ]
        return new Map(backend.roles.map((role) => [role, halves.flatMap((half) => half.get(role) ?? [])]))
      }
      for (const role of backend.roles)
        this.#parts.events.emit('legFailed', { role, backend: backend.name, operation: 'store', error })
      return new Map(backend.roles.map((role) => [role, inputs.map((): Outcome => ({ status: 'failed', error }))]))
    }
  }

  async #ensure(
    role: RoleName,
    collection: Collection,
    items: readonly (LegInput | NormalisedDocument)[],
    signal?: AbortSignal,
  ): Promise<void> {
    const types = new Set<string>()
    if (role === 'graph')
      for (const item of items) if ('edges' in item) for (const edge of item.edges.edges) types.add(edge.type)
    await this.#parts.schema.ensure(role, collection, types, signal)
  }

  #unitOf(backend: ConnectedBackend): LimitFunction {
    const limit = this.#units.get(backend) ?? pLimit(1)
    this.#units.set(backend, limit)
    return limit
  }

  #forget(collection: Collection): void {
    this.#parts.schema.forget(collection)
    this.#parts.collections.forget(collection.scope.collection)
  }

  #result(id: string, version: Version, outcomes: ReadonlyMap<RoleName, Outcome | undefined>): StoreResult {
    const legs: { [R in RoleName]?: LegStatus } = {}
    const errors: { [R in RoleName]?: VeritasError } = {}
    let stored = 0
    for (const [role, outcome] of outcomes) {
      legs[role] =
        outcome === undefined || outcome.status === 'failed'
          ? 'failed'
          : outcome.status === 'stale'
            ? 'superseded'
            : 'stored'
      if (outcome?.status === 'applied') stored++
      if (outcome?.status === 'failed') errors[role] = outcome.error
    }
    return {
      id,
      legs,
      success: stored >= quorum(this.#roleNames.length),
      durable: legs.relational === 'stored' ? 'stores' : 'none',
      version,
      ...(Object.keys(errors).length > 0 && { errors }),
    }
  }

  #unchanged(document: { readonly id: string }, version: Version): StoreResult {
    return {
      id: document.id,
      legs: Object.fromEntries(this.#roleNames.map((role) => [role, 'unchanged'])),
      success: true,
      durable: 'stores',
      version,
    }
  }
}

/** Whether the authority has a document that a derived store lacks. */
function isIncomplete(result: StoreResult | undefined): boolean {
  return result?.legs.relational === 'stored' && Object.values(result.legs).includes('failed')
}
