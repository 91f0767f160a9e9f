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
import { type Column, encodeArray, encodeCopy, TYPE_IDS, uuidArray } from './binary.js'
import { sqlState } from './errors.js'
import { type Row, type Session, uuidDigits } from './session.js'
import { eachKey, quote } from './sql.js'

/** What one call of ours sends at once. PostgreSQL takes 1 GB; a batch of this size is in memory some three times. */
export const LIMITS: Limits = { batchRecords: 10_000, batchBytes: 64 * 2 ** 20 }

/** What one merge holds: the server keeps it in `work_mem`, 4 MB by default, and writes to disk what is beyond. */
export const MERGE: Limits = { batchRecords: LIMITS.batchRecords, batchBytes: 3 * 2 ** 20 }

/** From how many rows on it pays to look whether all are new, and to copy them then (measured). */
const COPY_ROWS = 300

const KEY_DIGITS = 32
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

/** How records of one kind become rows. */
export interface Writing<R> {
  readonly target: Target
  readonly mode: UpsertMode
  /** A row's primary key as one text, which starts with its key. */
  readonly identity: (record: R) => string
  /** About how many bytes the record takes. */
  readonly bytes: (record: R) => number
  readonly columns: (records: readonly R[]) => readonly Column[]
  /** Whether nobody is known to have written these rows; else a sample of them is looked for. */
  readonly absent?: boolean
}

/** Writes records, which have been checked: all of them, or none where a statement fails. Answers each. */
export const upsertRecords = async <R extends { readonly version: Version }>(
  session: Session,
  records: readonly R[],
  writing: Writing<R>,
): Promise<readonly Outcome[]> => {
  if (records.length === 0) return []
  const { identity, mode } = writing
  const all = records.map(identity)
  // Duplicates are rare, and looking for them is cheaper than resolving them.
  const unique = new Set(all).size < all.length ? uniqueBatch(records, identity, mode) : undefined
  const written = unique?.records ?? records
  const identities = unique ? written.map(identity) : all
  // All writers lock rows in the same order, so that they wait for each other and never in a circle.
  const order = inOrder(identities)
  const answers: Outcome[] = new Array(order.length)
  await piecewise(
    session,
    order,
    LIMITS,
    (i) => writing.bytes(written[i] as R),
    async (batch) => {
      const rows = batch.map((i) => written[i] as R)
      const outcomes = await writeRows(
        session,
        rows,
        batch.map((i) => identities[i] as string),
        writing,
      )
      for (const [at, i] of batch.entries()) answers[i] = outcomes[at] as Outcome
    },
  )
  return unique ? unique.outcomes(answers) : answers
}

/** Digits of a key that are compared as numbers: beside them a double has room for half a milliard places. */
const DIGITS = 6

/**
 * The places of identities, in their order. By the first digits of their keys, as numbers, which is several times faster
 * than by texts; where those are the same, by the texts.
 */
export const inOrder = (identities: readonly string[]): readonly number[] => {
  const count = identities.length
  const marks = Float64Array.from(
    identities,
    (identity, i) => Number.parseInt(identity.slice(0, DIGITS), 16) * count + i,
  )
  const places = Array.from(marks.sort(), (mark) => mark % count)
  const startAt = (at: number): number => Math.floor((marks[at] as number) / count)
  for (let start = 0, end = 1; start < count; start = end++) {
    while (end < count && startAt(end) === startAt(start)) end++
    if (end - start < 2) continue
    const alike = places
      .slice(start, end)
      .sort((a, b) => ((identities[a] as string) < (identities[b] as string) ? -1 : 1))
    for (const [i, place] of alike.entries()) places[start + i] = place
  }
  return places
}

/** Does `work` for pieces of `items` within limits; several are one transaction. */
export const piecewise = async <T>(
  session: Session,
  items: readonly T[],
  limits: Limits,
  bytes: (item: T) => number,
  work: (piece: readonly T[]) => Promise<void>,
): Promise<void> => {
  const [first, ...rest] = splitBatches(items, limits, bytes)
  if (!first) return
  if (rest.length === 0) return work(first)
  await session.transaction(async () => {
    for (const piece of [first, ...rest]) await work(piece)
  })
}

/** Writes rows of which no identity comes twice. */
const writeRows = async <R>(
  session: Session,
  rows: readonly R[],
  identities: readonly string[],
  writing: Writing<R>,
): Promise<readonly Outcome[]> => {
  if (rows.length >= COPY_ROWS && (await copyNew(session, rows, identities, writing)))
    return identities.map(() => APPLIED)
  const outcomes: Outcome[] = new Array(rows.length)
  const places = rows.map((_, i) => i)
  await piecewise(
    session,
    places,
    MERGE,
    (i) => writing.bytes(rows[i] as R),
    async (piece) => {
      const wasWritten = await merge(
        session,
        writing.target,
        writing.columns(piece.map((i) => rows[i] as R)),
        writing.mode,
      )
      for (const i of piece) outcomes[i] = wasWritten(identities[i] as string) ? APPLIED : STALE
    },
  )
  return outcomes
}

/** One statement that inserts rows or, by the mode, updates those that are there. Tells of identities whether it wrote them. */
const merge = async (
  session: Session,
  target: Target,
  columns: readonly Column[],
  mode: UpsertMode,
): Promise<(identity: string) => boolean> => {
  const names = columns.map((column) => quote(column.name))
  const arrays = columns.map((column, i) => `$${i + 1}::${column.type}[]`).join(', ')
  const values = columns.map((column) =>
    encodeArray(column, column.type === 'vector' ? target.vectorTypeId : TYPE_IDS[column.type]),
  )
  const sql = `INSERT INTO ${target.table} AS t (${names.join(', ')}) SELECT * FROM unnest(${arrays}) ${onConflict(target, names, mode)}`
  const { rows } = await session.query(sql, values, { prepare: true })
  return mode === 'replace' || rows.length === columns[0]?.values.length
    ? () => true
    : writtenAmong(rows, target, columns)
}

const onConflict = (target: Target, names: readonly string[], mode: UpsertMode): string => {
  const identity = target.identity.map(quote)
  const version = quote(target.version)
  const others = names.filter((name) => !identity.includes(name))
  const update = `DO UPDATE SET ${others.map((name) => `${name} = excluded.${name}`).join(', ')}`
  const action = {
    replace: update,
    ifNewer: `${update} WHERE excluded.${version} >= t.${version}`,
    ifAbsent: 'DO NOTHING',
  }[mode]
  const returning = mode === 'replace' ? '' : ` RETURNING ${identity.map((name) => `t.${name}`).join(', ')}`
  return `ON CONFLICT (${identity.join(', ')}) ${action}${returning}`
}

const writtenAmong = (
  rows: readonly Row[],
  target: Target,
  columns: readonly Column[],
): ((identity: string) => boolean) => {
  const parts = target.identity.map((name) => {
    const isKey = columns.find((column) => column.name === name)?.type === 'uuid'
    return (row: Row): string => (isKey ? uuidDigits(row[name]) : String(row[name]))
  })
  const written = new Set(rows.map((row) => parts.map((part) => part(row)).join(' ')))
  return (identity) => written.has(identity)
}

/**
 * Copies rows right into the table, the fastest way, where they seem to be new. Answers whether it did: one that is there
 * all the same ends the copy, and the sooner, the more there are.
 */
const copyNew = async <R>(
  session: Session,
  rows: readonly R[],
  identities: readonly string[],
  { target, columns: toColumns, absent = false }: Writing<R>,
): Promise<boolean> => {
  if (!absent && (await anyThere(session, target, identities))) return false
  const columns = toColumns(rows)
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

/** Whether some of a sample of the keys are there. */
const anyThere = async (session: Session, target: Target, identities: readonly string[]): Promise<boolean> => {
  const step = Math.ceil(identities.length / SAMPLE)
  const keys = identities.filter((_, i) => i % step === 0).map((identity) => identity.slice(0, KEY_DIGITS))
  const { rows } = await session.query(
    `SELECT EXISTS (SELECT FROM ${eachKey(target.table, quote(target.identity[0] ?? ''))}) AS some`,
    [uuidArray(keys)],
    { prepare: true },
  )
  return rows[0]?.some === true
}
