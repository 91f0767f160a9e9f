import {
  APPLIED,
  type Limits,
  type Outcome,
  STALE,
  splitBatches,
  type UpsertMode,
  uniqueBatch,
  type Version,
} from '@veritas-db/core/contract'
import { type Column, encodeArray, encodeCopy, TYPE_IDS } from './binary.js'
import { sqlState } from './errors.js'
import { type Access, type Row, type Session, uuidDigits } from './session.js'
import { eachKey, quote } from './sql.js'

/** What one statement holds. PostgreSQL takes 1 GB; a batch of this size is in memory some three times. */
export const LIMITS: Limits = { batchRecords: 10_000, batchBytes: 64 * 2 ** 20 }

/** From how many rows on it pays to look whether all are new, and to copy them then (measured with 384 dimensions). */
const COPY_NEW_ROWS = 300
/** From how many rows on a merge from a temporary table is faster than one from arrays as parameters (measured likewise). */
const COPY_ROWS = 2000

/** How many rows are looked for to see whether a batch is new. */
const SAMPLE = 50

/** Where rows are written to. */
export interface Target {
  /** The table, qualified and quoted. */
  readonly table: string
  /** The columns of the primary key. The first is the record's or source's key. */
  readonly identity: readonly string[]
  /** The column of the version. */
  readonly version: string
  /** The object id of the type `vector`. */
  readonly vectorTypeId: number
}

/** A batch as columns; `identity` gives a row's primary key as one text. */
export interface Batch {
  readonly columns: readonly Column[]
  readonly identities: readonly string[]
}

/** How records of one kind become rows. */
export interface Writing<R> {
  readonly target: Target
  readonly mode: UpsertMode
  readonly identity: (record: R) => string
  /** About how many bytes the record takes. */
  readonly bytes: (record: R) => number
  readonly columns: (records: readonly R[]) => readonly Column[]
}

/** Writes records, which have been checked, in batches: all of them, or none where a statement fails. Answers each. */
export const upsertRecords = <R extends { readonly version: Version }>(
  access: Access,
  signal: AbortSignal | undefined,
  records: readonly R[],
  writing: Writing<R>,
): Promise<readonly Outcome[]> => {
  const bytes = records.reduce((sum, record) => sum + writing.bytes(record), 0)
  // A single batch is a transaction by itself.
  const single = records.length <= LIMITS.batchRecords && bytes <= (LIMITS.batchBytes ?? 0)
  const work = (session: Session): Promise<readonly Outcome[]> => upsertWithin(session, records, writing)
  return single ? access.write(signal, work) : access.transact(signal, work)
}

/** The same in a session; in a transaction, unless the records are one batch. */
export const upsertWithin = async <R extends { readonly version: Version }>(
  session: Session,
  records: readonly R[],
  writing: Writing<R>,
): Promise<readonly Outcome[]> => {
  if (records.length === 0) return []
  const all = records.map(writing.identity)
  // Duplicates are rare, and looking for them is cheaper than resolving them.
  const unique = new Set(all).size < all.length ? uniqueBatch(records, writing.identity, writing.mode) : undefined
  const written = unique?.records ?? records
  const identities = unique ? written.map(writing.identity) : all
  // All writers lock rows in the same order, so that they wait for each other and never in a circle.
  const order = identities
    .map((_, i) => i)
    .sort((a, b) => ((identities[a] as string) < (identities[b] as string) ? -1 : 1))
  const answers: Outcome[] = new Array(order.length)
  for (const batch of splitBatches(order, LIMITS, (i) => writing.bytes(written[i] as R))) {
    const rows = {
      columns: writing.columns(batch.map((i) => written[i] as R)),
      identities: batch.map((i) => identities[i] as string),
    }
    const outcomes = await writeRows(session, writing.target, rows, writing.mode)
    batch.forEach((i, at) => {
      answers[i] = outcomes[at] as Outcome
    })
  }
  return unique ? unique.outcomes(answers) : answers
}

/** Writes one batch in which no identity comes twice. */
const writeRows = async (
  session: Session,
  target: Target,
  batch: Batch,
  mode: UpsertMode,
): Promise<readonly Outcome[]> => {
  const { columns, identities } = batch
  if (identities.length === 0) return []
  if (identities.length >= COPY_NEW_ROWS && (await copyNew(session, target, columns)))
    return identities.map(() => APPLIED)
  if (identities.length >= COPY_ROWS)
    return outcomesOf(await copyAndMerge(session, target, columns, mode), target, batch, mode)
  const names = columns.map((column) => quote(column.name)).join(', ')
  const arrays = columns.map((column, i) => `$${i + 1}::${column.type}[]`).join(', ')
  const sql = merge(target, columns, mode, `SELECT * FROM unnest(${arrays}) AS batch (${names})`)
  const values = columns.map((column) => encodeColumn(column, target))
  return outcomesOf((await session.query(sql, values, { prepare: true })).rows, target, batch, mode)
}

const encodeColumn = (column: Column, target: Target): Buffer =>
  encodeArray(column, column.type === 'vector' ? target.vectorTypeId : TYPE_IDS[column.type])

/** The upsert of what `source` gives. It answers the identities that it wrote, where not all are. */
const merge = (target: Target, columns: readonly Column[], mode: UpsertMode, source: string): string => {
  const names = columns.map((column) => quote(column.name))
  const identity = target.identity.map(quote)
  const version = quote(target.version)
  const rest = names.filter((name) => !identity.includes(name))
  const conflict =
    mode === 'ifAbsent'
      ? 'DO NOTHING'
      : `DO UPDATE SET ${rest.map((name) => `${name} = excluded.${name}`).join(', ')}${
          mode === 'ifNewer' ? ` WHERE excluded.${version} >= t.${version}` : ''
        }`
  const returning = mode === 'replace' ? '' : ` RETURNING ${identity.map((name) => `t.${name}`).join(', ')}`
  return `INSERT INTO ${target.table} AS t (${names.join(', ')}) ${source} ON CONFLICT (${identity.join(', ')}) ${conflict}${returning}`
}

const outcomesOf = (
  rows: readonly Row[],
  target: Target,
  { columns, identities }: Batch,
  mode: UpsertMode,
): Outcome[] => {
  if (mode === 'replace' || rows.length === identities.length) return identities.map(() => APPLIED)
  const parts = target.identity.map((name) => {
    const isKey = columns.find((column) => column.name === name)?.type === 'uuid'
    return (row: Row): string => (isKey ? uuidDigits(row[name]) : String(row[name]))
  })
  const written = new Set(rows.map((row) => parts.map((part) => part(row)).join(' ')))
  return identities.map((identity) => (written.has(identity) ? APPLIED : STALE))
}

/**
 * Copies rows right into the table, which takes half as long as a merge, where they seem to be new. Answers whether it did:
 * one that is there all the same ends the copy, and the sooner, the more there are.
 */
const copyNew = async (session: Session, target: Target, columns: readonly Column[]): Promise<boolean> => {
  const [key] = target.identity
  const keys = columns.find((column) => column.name === key)
  if (!key || !keys) return false
  const step = Math.ceil(keys.values.length / SAMPLE)
  const sample = keys.values.filter((_, i) => i % step === 0) as string[]
  const { rows } = await session.query(
    `SELECT EXISTS (SELECT FROM ${eachKey(target.table, quote(key))}) AS some`,
    [encodeArray({ name: key, type: 'uuid', values: sample }, TYPE_IDS.uuid)],
    { prepare: true },
  )
  if (rows[0]?.some === true) return false
  const names = columns.map((column) => quote(column.name)).join(', ')
  const { transaction } = session.link
  if (transaction) await session.run('SAVEPOINT copy')
  try {
    await session.copy(`COPY ${target.table} (${names}) FROM STDIN (FORMAT binary)`, encodeCopy(columns))
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined
    // Somebody else wrote one of them in between.
    if (sqlState(cause) !== '23505') throw error
    if (transaction) await session.run('ROLLBACK TO SAVEPOINT copy; RELEASE SAVEPOINT copy')
    return false
  }
  if (transaction) await session.run('RELEASE SAVEPOINT copy')
  return true
}

/** Copies rows into a temporary table and merges them from there. */
const copyAndMerge = async (
  session: Session,
  target: Target,
  columns: readonly Column[],
  mode: UpsertMode,
): Promise<readonly Row[]> => {
  const names = columns.map((column) => quote(column.name)).join(', ')
  const definition = columns.map((column) => `${quote(column.name)} ${column.type}`).join(', ')
  const own = !session.link.transaction
  if (own) await session.begin()
  try {
    // It lives as long as the transaction, which may hold several batches, of several tables.
    await session.run(`CREATE TEMPORARY TABLE veritas_batch (${definition}) ON COMMIT DROP`)
    await session.copy(`COPY pg_temp.veritas_batch (${names}) FROM STDIN (FORMAT binary)`, encodeCopy(columns))
    const { rows } = await session.query(merge(target, columns, mode, `SELECT ${names} FROM pg_temp.veritas_batch`))
    if (own) await session.commit()
    else await session.run('DROP TABLE pg_temp.veritas_batch')
    return rows
  } catch (error) {
    if (own) await session.rollback()
    throw error
  }
}
