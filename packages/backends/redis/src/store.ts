import { setImmediate } from 'node:timers/promises'
import {
  APPLIED,
  type Key,
  type Outcome,
  STALE,
  splitBatches,
  throwIfAborted,
  type UpsertMode,
} from '@veritas-db/core/contract'
import type { Checked } from './check.js'
import type { Collections, Known } from './collections.js'
import type { Argument, Reply, Session } from './connection.js'
import type { Engine } from './engine.js'
import { idsOf, recordPrefix, waitingPrefix } from './keys.js'
import { byName, type Entry, type Found, fieldsOf, type Include, recordId, toFound } from './records.js'
import { countScript, pageScript, readScript } from './scripts.js'

/** Keys or ids in one request. */
const KEYS_A_REQUEST = 1000
/** Documents that are read by plain commands; for more of them one script takes less time. */
const FEW_DOCUMENTS = 4
/** Transactions under way at once, so that the server need not wait for the next. */
const TRANSACTIONS_AT_ONCE = 4

/** A record as it is sent, and what is to be known of it. */
export interface Ready extends Checked {
  readonly entry: Entry
}

/** Records, and what becomes of those that are there. */
export interface Writing {
  readonly mode: UpsertMode | 'patch'
  readonly records: readonly Ready[]
}

function* rangesOf(records: readonly Ready[]): Generator<string> {
  for (const { ranges } of records) yield* ranges
}

/** The records of collections: a hash each, and a sorted set of all their ids. */
export class Store {
  readonly #collections: Collections

  constructor(collections: Collections) {
    this.#collections = collections
  }

  /** All records of documents. */
  async get(session: Session, known: Known, keys: readonly Key[], include: Include): Promise<Found[]> {
    if (keys.length > 0 && keys.length <= FEW_DOCUMENTS) return this.#getFew(session, known, keys, include)
    return [...(await this.#read(session, known, keys, include)).values()]
  }

  /** Records by their ids, as far as they are there. */
  byIds(session: Session, known: Known, ids: readonly string[], include: Include): Promise<Map<string, Found>> {
    return this.#read(session, known, ids, include)
  }

  /** Most documents have one record: that is asked for while the others are looked for, at the same time. */
  async #getFew(session: Session, known: Known, keys: readonly Key[], include: Include): Promise<Found[]> {
    const fields = fieldsOf(include)
    const [rows, lists] = await this.#collections.read(session, known, () =>
      Promise.all([
        Promise.all(
          keys.map((key) =>
            session.send(['HMGET', recordPrefix(known) + recordId(key, 0), ...fields], include.vector ?? false),
          ),
        ),
        Promise.all(keys.map((key) => session.send(['ZRANGE', idsOf(known), `[${key}:`, `(${key};`, 'BYLEX']))),
      ]),
    )
    const found: (Found | string)[] = keys.flatMap((key, i) => {
      const first = recordId(key, 0)
      const values = byName(fields, rows[i] as readonly Reply[])
      return (lists[i] as readonly string[]).map(
        (id) => (id === first ? toFound(id, values, include) : undefined) ?? id,
      )
    })
    const others = found.filter((one) => typeof one === 'string')
    if (others.length === 0) return found as Found[]
    const read = await this.#read(session, known, others, include)
    return found.flatMap((one) => (typeof one === 'string' ? (read.get(one) ?? []) : one))
  }

  /** Records by ids, or by keys of documents. */
  async #read(session: Session, known: Known, which: readonly string[], include: Include): Promise<Map<string, Found>> {
    const fields = fieldsOf(include)
    const found = new Map<string, Found>()
    for (const some of splitBatches(which, { batchRecords: KEYS_A_REQUEST })) {
      throwIfAborted(session.signal)
      const args = [String(fields.length), ...fields, ...some]
      const rows = await this.#collections.run(session, known, readScript, args, include.vector ?? false)
      for (const [first, ...row] of rows as readonly (readonly Reply[])[]) {
        const id = String(first)
        const record = toFound(id, byName(fields, row), include)
        if (record) found.set(id, record)
      }
    }
    return found
  }

  /** Ids in order after one, or from the start. */
  async page(session: Session, known: Known, after: string | undefined, size: number): Promise<string[]> {
    throwIfAborted(session.signal)
    const from = after === undefined ? '-' : `(${after}`
    return (await this.#collections.run(session, known, pageScript, [from, String(size)])) as string[]
  }

  async count(session: Session, known: Known): Promise<number> {
    return Number(await this.#collections.run(session, known, countScript, []))
  }

  /** Writes records by transactions, of which several are under way at once. */
  async write(session: Session, known: Known, engine: Engine, { mode, records }: Writing): Promise<Outcome[]> {
    await engine.prepare(session, known, rangesOf(records))
    const answers: Promise<Outcome[]>[] = []
    const underWay = new Set<Promise<unknown>>()
    try {
      for (const batch of splitBatches(records, engine.capabilities.limits, ({ bytes }) => bytes)) {
        // The one before goes out, so that the server works on it while the client encodes this one.
        if (underWay.size > 0) await setImmediate()
        while (underWay.size >= TRANSACTIONS_AT_ONCE) await Promise.race(underWay)
        throwIfAborted(session.signal)
        const answer = this.#writeBatch(session, known, engine, { mode, records: batch })
        answers.push(answer)
        const forget = (): boolean => underWay.delete(ended)
        const ended: Promise<unknown> = answer.then(forget, forget)
        underWay.add(ended)
      }
      // A call without records still says whether the collection is there.
      if (answers.length === 0) await this.count(session, known)
      return (await Promise.all(answers)).flat()
    } finally {
      // Whatever ends the call, what is under way is waited for, and looked at.
      await Promise.allSettled(answers)
    }
  }

  /**
   * `replace` writes each record to its place, which it empties first, since another one may have had further fields. Where
   * something is to be compared, the hashes first go to waiting places, from where the script moves those that count.
   */
  async #writeBatch(session: Session, known: Known, engine: Engine, { mode, records }: Writing): Promise<Outcome[]> {
    const waiting = waitingPrefix(known)
    const prefix = mode === 'replace' ? recordPrefix(known) : waiting
    const commands: Argument[][] = []
    if (mode === 'replace') commands.push(['DEL', ...records.map(({ id }) => prefix + id)])
    const args = [mode, waiting, ...engine.parameters(known)]
    for (const { id, version, entry } of records) {
      const { fields, attributes } = entry
      commands.push(['HSET', prefix + id, ...fields])
      args.push(id, version)
      if (attributes !== undefined) args.push(attributes)
    }
    const written = await this.#collections.transaction(session, known, commands, engine.scripts.finish, args)
    session.changed = true
    return (written as readonly number[]).map((one) => (one === 1 ? APPLIED : STALE))
  }

  /** Deletes documents by key or records by id, each below a version, or all (''). */
  async remove(
    session: Session,
    known: Known,
    engine: Engine,
    pairs: readonly (readonly [string, string])[],
  ): Promise<number> {
    let removed = 0
    for (const some of splitBatches(pairs, { batchRecords: KEYS_A_REQUEST })) {
      throwIfAborted(session.signal)
      removed += Number(await this.#collections.run(session, known, engine.scripts.remove, some.flat()))
      session.changed = true
    }
    if (pairs.length === 0) await this.count(session, known)
    return removed
  }
}
