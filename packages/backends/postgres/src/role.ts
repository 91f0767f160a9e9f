import {
  type CallOptions,
  checkScope,
  type FilterNode,
  type Key,
  type RoleCapabilities,
  type RoleName,
  type Scope,
  VeritasError,
} from '@veritas-db/core/contract'
import { uuidArray } from './binary.js'
import type { Catalogue } from './catalogue.js'
import type { PostgresConfig } from './config.js'
import { guarded } from './errors.js'
import { compileFilter, type Field } from './filter.js'
import type { IndexKeeper } from './index-keeper.js'
import { type Access, type Row, type Session, uuidDigits } from './session.js'
import { type Bindings, eachKey } from './sql.js'
import { LIMITS } from './upsert.js'

/** What the server can do, as it says when we connect. */
export interface Features {
  /** The object id of the type `vector`. */
  readonly vectorTypeId: number
  /** Whether pgvector goes on searching until a filter has enough (0.8 and newer). */
  readonly iterativeScan: boolean
}

/** What every role works with. */
export interface RoleContext {
  readonly access: Access
  readonly config: PostgresConfig
  readonly catalogue: Catalogue
  readonly indexes: IndexKeeper
  readonly features: () => Features
}

/** What the three roles have in common. */
export const COMMON: Pick<
  RoleCapabilities,
  'limits' | 'upsertModes' | 'conditionalUpsert' | 'readAfterWrite' | 'scan'
> = {
  limits: LIMITS,
  upsertModes: ['replace', 'ifNewer', 'ifAbsent'],
  conditionalUpsert: 'atomic',
  readAfterWrite: 'immediate',
  scan: { order: 'key', resume: 'cursor', snapshot: false },
}

/** What a call works on, checked against what this process knows of it, and else against what is there: somebody may have changed it. */
export const checkedAgainst = async <S>(
  find: (fresh: boolean) => Promise<S>,
  check: (space: S) => void,
): Promise<S> => {
  const known = await find(false)
  try {
    check(known)
    return known
  } catch (error) {
    if (!VeritasError.is(error, 'VALIDATION')) throw error
  }
  const fresh = await find(true)
  check(fresh)
  return fresh
}

/** Runs one call of a role, whose errors then name it. */
export type Guard = <T>(operation: string, options: CallOptions | undefined, work: () => T | Promise<T>) => Promise<T>

export const guardFor =
  (access: Access, role: RoleName): Guard =>
  (operation, options, work) =>
    guarded(role, operation, options, () => {
      if (options && 'scope' in options) checkScope(options.scope as Scope)
      return access.call(async () => work())
    })

/** Keys as one parameter, each once. */
export const keysParameter = (keys: readonly string[]): Buffer => uuidArray([...new Set(keys)])

/** Where rows are read by key. */
interface ByKey {
  readonly select: string
  /** The table, qualified and quoted. */
  readonly table: string
  readonly alias: string
  readonly key: string
  readonly order: string
}

/** The rows with some keys. */
export const readByKeys = async (
  session: Session,
  { select, table, alias, key, order }: ByKey,
  keys: readonly string[],
): Promise<readonly Row[]> => {
  const [only] = keys
  const [from, value] =
    keys.length === 1
      ? [`${table} ${alias} WHERE ${alias}.${key} = $1::uuid`, only]
      : [eachKey(table, key, alias), keysParameter(keys)]
  return (await session.query(`SELECT ${select} FROM ${from} ORDER BY ${order}`, [value], { prepare: true })).rows
}

/** A filter as a condition; without one it is true. */
export const conditionOf = (
  filter: FilterNode | undefined,
  resolve: (path: string) => Field,
  parameters: Bindings,
): string => (filter === undefined ? 'true' : compileFilter(filter, resolve, parameters))

/** A key out of a row. */
export const toKey = (uuid: unknown): Key => uuidDigits(uuid) as Key

/** The number of rows in the answer of `SELECT count(*) AS count`. */
export const countOf = async (session: Session, sql: string, values: readonly unknown[]): Promise<number> => {
  const { rows } = await session.query(sql, values)
  return rows[0]?.count as number
}
