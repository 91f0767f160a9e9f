// What an index holds. A write is put into the namespace's log under a log sequence number and becomes visible to
// reads after a delay: eventual consistency, with the numbers that the service's headers carry.

import type { JsonObject } from '../shared/http.ts'
import { compileFilter, type FilterRules, type Metadata } from './filter.ts'
import type { Metric, Sparse } from './vectors.ts'

export interface StoredRecord {
  id: string
  values: Float32Array | undefined
  sparse: Sparse | undefined
  metadata: Metadata
}

export interface Change {
  id?: string | undefined
  filter?: JsonObject | undefined
  values?: Float32Array | undefined
  sparse?: Sparse | undefined
  setMetadata?: Metadata | undefined
}

type Write =
  | { kind: 'create' }
  | { kind: 'upsert'; records: StoredRecord[] }
  | { kind: 'update'; change: Change }
  | { kind: 'delete'; ids: string[] }
  | { kind: 'deleteWhere'; filter: JsonObject }
  | { kind: 'deleteAll' }
  | { kind: 'drop' }

interface Pending {
  lsn: number
  dueAt: number
  write: Write
}

export class Namespace {
  readonly name: string
  readonly records: Map<string, StoredRecord> = new Map()
  /** Newest write that reads can see; sent as x-pinecone-max-indexed-lsn. */
  indexedLsn = 0
  /** Whether reads see the namespace, and whether writes do. */
  visible = false
  exists = false
  schema: JsonObject | undefined
  #lsn = 0
  readonly #pending: Pending[] = []

  constructor(name: string) {
    this.name = name
  }

  /** Takes a write and returns its log sequence number. */
  append(write: Write, delayMs: number, rules: FilterRules): number {
    this.exists = write.kind !== 'drop'
    this.#lsn += 1
    const last = this.#pending.at(-1)?.dueAt ?? 0
    // Writes become visible in the order in which they were made.
    this.#pending.push({ lsn: this.#lsn, dueAt: Math.max(last, performance.now() + delayMs), write })
    this.settle(rules)
    return this.#lsn
  }

  settle(rules: FilterRules, now: number = performance.now()): void {
    while (this.#pending[0] && this.#pending[0].dueAt <= now) {
      const next = this.#pending.shift()
      if (!next) return
      this.#apply(next.write, rules)
      this.indexedLsn = next.lsn
    }
  }

  matching(filter: JsonObject, rules: FilterRules): StoredRecord[] {
    const test = compileFilter(filter, rules)
    return [...this.records.values()].filter((record) => test(record.metadata))
  }

  sizeBytes(): number {
    let size = 0
    for (const r of this.records.values())
      size += r.id.length + (r.values?.byteLength ?? 0) + Buffer.byteLength(JSON.stringify(r.metadata))
    return size
  }

  #apply(write: Write, rules: FilterRules): void {
    this.visible = write.kind !== 'drop'
    switch (write.kind) {
      case 'create':
        return
      case 'upsert':
        for (const record of write.records) this.records.set(record.id, record)
        return
      case 'update':
        this.#update(write.change, rules)
        return
      case 'delete':
        for (const id of write.ids) this.records.delete(id)
        return
      case 'deleteWhere':
        for (const record of this.matching(write.filter, rules)) this.records.delete(record.id)
        return
      case 'deleteAll':
      case 'drop':
        this.records.clear()
        return
    }
  }

  #update(change: Change, rules: FilterRules): void {
    const one = change.id === undefined ? undefined : this.records.get(change.id)
    const targets = change.filter ? this.matching(change.filter, rules) : one ? [one] : []
    for (const record of targets)
      this.records.set(record.id, {
        id: record.id,
        values: change.values ?? record.values,
        sparse: change.sparse ?? record.sparse,
        metadata: { ...record.metadata, ...change.setMetadata },
      })
  }
}

export interface IndexSpec {
  name: string
  /** Undefined for a sparse index. */
  dimension: number | undefined
  metric: Metric
  cloud: string
  region: string
  tags: Record<string, string> | null
  deletionProtection: 'enabled' | 'disabled'
}

export class VectorIndex {
  readonly spec: IndexSpec
  readonly readyAt: number
  readonly #namespaces = new Map<string, Namespace>()

  constructor(spec: IndexSpec, readyAt: number) {
    this.spec = spec
    this.readyAt = readyAt
  }

  namespace(name: string | undefined): Namespace {
    // No name and the empty name are the default namespace, whose name is `__default__`.
    const key = name === undefined || name === '' ? '__default__' : name
    const known = this.#namespaces.get(key)
    if (known) return known
    const created = new Namespace(key)
    this.#namespaces.set(key, created)
    return created
  }

  namespaces(): Namespace[] {
    return [...this.#namespaces.values()].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
  }

  settle(rules: FilterRules, now?: number): void {
    for (const namespace of this.#namespaces.values()) namespace.settle(rules, now)
  }
}
