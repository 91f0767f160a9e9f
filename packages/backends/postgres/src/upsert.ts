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
import type { Access, Session } from './session.js'
import { quote } from './sql.js'

/** What one statement holds. PostgreSQL takes 1 GB; a batch of this size is in memory some three times. */
export const LIMITS: Limits = { batchRecords: 10_000, batchBytes: 64 * 2 ** 20 }

/** From how many rows on COPY is faster than arrays as parameters (measured with 384 dimensions). */
const COPY_ROWS = 2000

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
  // One statement is a transaction by itself.
  const single = records.length < COPY_ROWS && bytes < (LIMITS.batchBytes ?? 0)
  const work = (session: Session): Promise<readonly Outcome[]> => upsertWithin(session, records, writing)
  return single ? access.write(signal, work) : access.transact(signal, work)
}

/** The same in a session; in a transaction, unless the records are few and small. */
export const upsertWithin = async <R extends { readonly version: Version }>(
  session: Session,
  records: readonly R[],
  writing: Writing<R>,
): Promise<readonly Outcome[]> => {
  if (records.length === 0) return []
  const unique = uniqueBatch(records, writing.identity, writing.mode)
  const identities = unique.records.map(writing.identity)
  // All writers lock rows in the same order, so that they wait for each other and never in a circle.
  const order = identities
    .map((_, i) => i)
    .sort((a, b) => ((identities[a] as string) < (identities[b] as string) ? -1 : 1))
  const sorted = order.map((i) => unique.records[i] as R)
  const answers: Outcome[] = new Array(sorted.length)
  let at = 0
  for (const batch of splitBatches(sorted, LIMITS, writing.bytes)) {
    const rows = { columns: writing.columns(batch), identities: batch.map(writing.identity) }
    for (const outcome of await writeRows(session, writing.target, rows, writing.mode))
      answers[order[at++] as number] = outcome
  }
  return unique.outcomes(answers)
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
  const applied = (): Outcome[] => identities.map(() => APPLIED)
  if (identities.length >= COPY_ROWS) {
    if (await copyNew(session, target, columns)) return applied()
    return outcomesOf(await copyAndMerge(session, target, columns, mode), batch, mode)
  }
  const names = columns.map((column) => quote(column.name)).join(', ')
  const arrays = columns.map((column, i) => `$${i + 1}::${column.type}[]`).join(', ')
  const sql = merge(target, columns, mode, `SELECT * FROM unnest(${arrays}) AS batch (${names})`)
  const values = columns.map((column) => encodeColumn(column, target))
  return outcomesOf((await session.query(sql, values, { prepare: true })).rows, batch, mode)
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
  rows: readonly Readonly<Record<string, unknown>>[],
  { identities }: Batch,
  mode: UpsertMode,
): Outcome[] => {
  if (mode === 'replace' || rows.length === identities.length) return identities.map(() => APPLIED)
  const written = new Set(rows.map((row) => identityOf(Object.values(row))))
  return identities.map((identity) => (written.has(identity) ? APPLIED : STALE))
}

/** The values of a primary key as one text; uuids without their hyphens. */
export const identityOf = (values: readonly unknown[]): string =>
  values.map((value) => (typeof value === 'string' ? value.replaceAll('-', '') : String(value))).join(' ')

/**
 * Copies rows right into the table, which takes half as long as a merge, where nothing of theirs is there yet.
 * Answers whether it did.
 */
const copyNew = async (session: Session, target: Target, columns: readonly Column[]): Promise<boolean> => {
  const [key] = target.identity
  const keys = columns.find((column) => column.name === key)
  if (!key || !keys) return false
  const { rows } = await session.query(
    `SELECT EXISTS (SELECT FROM ${target.table} WHERE ${quote(key)} = ANY($1::uuid[])) AS some`,
    [encodeColumn(keys, target)],
    { prepare: true },
  )
  if (rows[0]?.some === true) return false
  const names = columns.map((column) => quote(column.name)).join(', ')
  const input = encodeCopy(columns)
  await session.run('SAVEPOINT copy')
  try {
    await session.copy(`COPY ${target.table} (${names}) FROM STDIN (FORMAT binary)`, input)
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined
    // Somebody else wrote one of them in between.
    if (sqlState(cause) !== '23505') throw error
    await session.run('ROLLBACK TO SAVEPOINT copy; RELEASE SAVEPOINT copy')
    return false
  }
  await session.run('RELEASE SAVEPOINT copy')
  return true
}

/** Copies rows into a temporary table and merges them from there. */
const copyAndMerge = async (
  session: Session,
  target: Target,
  columns: readonly Column[],
  mode: UpsertMode,
): Promise<readonly Readonly<Record<string, unknown>>[]> => {
  const names = columns.map((column) => quote(column.name)).join(', ')
  const definition = columns.map((column) => `${quote(column.name)} ${column.type}`).join(', ')
  // Within a transaction there may be several batches, of several tables.
  await session.run(
    `DROP TABLE IF EXISTS pg_temp.veritas_batch; CREATE TEMPORARY TABLE veritas_batch (${definition}) ON COMMIT DROP`,
  )
  await session.copy(`COPY pg_temp.veritas_batch (${names}) FROM STDIN (FORMAT binary)`, encodeCopy(columns))
  const { rows } = await session.query(merge(target, columns, mode, `SELECT ${names} FROM pg_temp.veritas_batch`))
  await session.run('DROP TABLE pg_temp.veritas_batch')
  return rows
}
