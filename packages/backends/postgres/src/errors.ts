import {
  type CallOptions,
  type ErrorCode,
  type RoleName,
  throwIfAborted,
  unsupported,
  VeritasError,
  type WriteOutcome,
} from '@veritas-db/core/contract'

/** The plugin's name, as errors carry it. */
export const BACKEND = 'postgres'

interface Meaning {
  readonly code: ErrorCode
  readonly retryable?: boolean
  readonly outcome?: WriteOutcome
}

const retryable = true
const unknown = 'unknown'

/** SQLSTATEs, whole or by their class. https://www.postgresql.org/docs/current/errcodes-appendix.html */
const STATES: Readonly<Record<string, Meaning>> = {
  '08': { code: 'CONNECTION', outcome: unknown },
  '08001': { code: 'CONNECTION' }, // could not connect
  '08004': { code: 'CONNECTION' }, // the server refused the connection
  '08P01': { code: 'INTERNAL' }, // protocol violation
  '0A': { code: 'UNSUPPORTED' },
  '21': { code: 'VALIDATION' }, // cardinality
  '22': { code: 'VALIDATION' }, // data
  '23': { code: 'CONFLICT' }, // integrity constraint
  '25': { code: 'CONFLICT' }, // transaction state
  '25006': { code: 'UNAVAILABLE' }, // read-only: a standby, or a primary that was stepped down
  '25P02': { code: 'CONFLICT' }, // an earlier call of the transaction failed
  '25P03': { code: 'TIMEOUT' }, // idle in transaction
  '25P04': { code: 'TIMEOUT' }, // transaction_timeout
  '26': { code: 'CONFLICT', retryable }, // a prepared statement that is not there: a pooler gave us another connection
  '28': { code: 'AUTHENTICATION' },
  '3D000': { code: 'CONFIGURATION' }, // no such database
  '3F000': { code: 'NOT_FOUND' }, // no such schema
  '40': { code: 'CONFLICT', retryable },
  '40001': { code: 'CONFLICT', retryable }, // serialization failure
  '40P01': { code: 'CONFLICT', retryable }, // deadlock
  '40003': { code: 'CONFLICT', retryable, outcome: unknown }, // completion unknown
  '42': { code: 'VALIDATION' }, // syntax or access rule: SQL of the caller's own
  '42501': { code: 'AUTHENTICATION' }, // insufficient privilege
  '42P01': { code: 'NOT_FOUND' }, // no such table
  '42703': { code: 'NOT_FOUND' }, // no such column
  '42P05': { code: 'CONFLICT', retryable }, // a prepared statement that is there already: a pooler again
  '42P07': { code: 'CONFLICT' }, // the table is there already
  '53': { code: 'UNAVAILABLE' }, // resources: disk full, out of memory
  '53300': { code: 'UNAVAILABLE' }, // too many connections
  '54': { code: 'VALIDATION' }, // a limit of the program
  '55': { code: 'CONFLICT' },
  '55006': { code: 'CONFLICT', retryable }, // object in use
  '55P03': { code: 'CONFLICT', retryable }, // lock not available
  '57': { code: 'UNAVAILABLE' },
  '57014': { code: 'TIMEOUT' }, // cancelled: by statement_timeout, for we cancel otherwise
  '57P01': { code: 'CONNECTION', outcome: unknown }, // the administrator ended the connection
  '57P02': { code: 'CONNECTION', outcome: unknown }, // crash
  '57P03': { code: 'UNAVAILABLE' }, // starting up or shutting down
  '57P04': { code: 'NOT_FOUND' }, // the database was dropped
  '57P05': { code: 'CONNECTION' }, // idle session
  '58': { code: 'UNAVAILABLE', outcome: unknown }, // the system: I/O
}

/** The codes of Node's own network errors. */
const NETWORK: Readonly<Record<string, Meaning>> = {
  ECONNREFUSED: { code: 'CONNECTION' },
  ENOTFOUND: { code: 'CONNECTION' },
  EAI_AGAIN: { code: 'CONNECTION' },
  EHOSTUNREACH: { code: 'CONNECTION' },
  ENETUNREACH: { code: 'CONNECTION' },
  EADDRNOTAVAIL: { code: 'CONNECTION' },
  ENOENT: { code: 'CONNECTION' }, // no such socket file
  EACCES: { code: 'CONNECTION' },
  ETIMEDOUT: { code: 'CONNECTION', outcome: unknown },
  ECONNRESET: { code: 'CONNECTION', outcome: unknown },
  EPIPE: { code: 'CONNECTION', outcome: unknown },
}

/** What `pg` and `pg-pool` say in words alone. */
const WORDS: readonly (readonly [RegExp, Meaning])[] = [
  [/^Connection terminated due to connection timeout|^timeout expired/, { code: 'CONNECTION' }],
  [/^timeout exceeded when trying to connect/, { code: 'TIMEOUT' }],
  [
    /^Connection terminated|not queryable|socket disconnected|stream was destroyed/,
    { code: 'CONNECTION', outcome: unknown },
  ],
  [/SSL|certificate|TLS/, { code: 'CONNECTION' }],
  [/^SASL|SCRAM|password must be a string/i, { code: 'AUTHENTICATION' }],
  [/Cannot use a pool after calling end/, { code: 'CONNECTION', retryable: false }],
]

const codeOf = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined

/** The server's SQLSTATE; undefined for an error that is none of the server's. */
export const sqlState = (error: unknown): string | undefined => {
  const code = codeOf(error)
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) && !(code in NETWORK) ? code : undefined
}

/** Whether a prepared statement no longer fits the table, which somebody else dropped and made again. */
export const isStalePlan = (error: unknown): boolean =>
  sqlState(error) === '0A000' && error instanceof Error && error.message.includes('cached plan')

const meaningOf = (error: unknown): Meaning | undefined => {
  if (isStalePlan(error)) return { code: 'CONFLICT', retryable }
  const state = sqlState(error)
  if (state !== undefined) return STATES[state] ?? STATES[state.slice(0, 2)] ?? { code: 'INTERNAL' }
  const code = codeOf(error)
  if (code !== undefined && NETWORK[code]) return NETWORK[code]
  // A host with several addresses fails with one error for each.
  if (error instanceof AggregateError && error.errors.length > 0) return meaningOf(error.errors[0])
  if (!(error instanceof Error)) return undefined
  if (code?.startsWith('ERR_TLS') || code?.startsWith('ERR_SSL') || /CERT|SIGNED/.test(code ?? ''))
    return { code: 'CONNECTION' }
  return WORDS.find(([words]) => words.test(error.message))?.[1]
}

export interface ErrorContext {
  readonly role?: RoleName
  readonly operation?: string
  /** Host and port, for errors of the connection. */
  readonly address?: string
  /** Whether a write may have happened: false where it was certainly rolled back or never sent. */
  readonly uncertain?: boolean
}

/** A native error as a VeritasError; one that is a VeritasError already gets what it lacks. */
export const toVeritasError = (error: unknown, context: ErrorContext = {}): VeritasError => {
  const { address, uncertain, ...rest } = context
  const common = { backend: BACKEND, ...rest }
  if (VeritasError.is(error)) return VeritasError.from(error, common)
  const meaning = meaningOf(error)
  if (meaning === undefined) return VeritasError.from(error, common)
  const { outcome, ...mapped } = meaning
  const connection = meaning.code === 'CONNECTION' || meaning.code === 'AUTHENTICATION' || meaning.code === 'TIMEOUT'
  return VeritasError.from(
    error,
    { ...common, ...mapped, outcome: outcome === unknown && uncertain !== false ? unknown : 'not-applied' },
    messageOf(error, connection && sqlState(error) !== '42501' ? address : undefined),
  )
}

const messageOf = (error: unknown, address: string | undefined): string => {
  const first = error instanceof AggregateError && error.message === '' ? error.errors[0] : error
  const text = first instanceof Error ? first.message : String(first)
  const state = sqlState(error)
  const detail =
    state?.startsWith('23') && typeof error === 'object' && error !== null && 'constraint' in error && error.constraint
      ? ` (constraint ${String(error.constraint)})`
      : ''
  return `${address === undefined ? 'PostgreSQL' : `PostgreSQL at ${address}`}: ${text}${detail}${state ? ` [${state}]` : ''}`
}

/** Runs one call of a role: refuses it where its signal has fired, and names role and operation in its errors. */
export const guarded = async <T>(
  role: RoleName,
  operation: string,
  options: CallOptions | undefined,
  work: () => T | Promise<T>,
): Promise<T> => {
  try {
    throwIfAborted(options?.signal)
    return await work()
  } catch (error) {
    throw toVeritasError(error, { role, operation })
  }
}

/** The error of a call on something that was never ensured. */
export const missing = (what: string, ensure: string): VeritasError =>
  new VeritasError({ code: 'NOT_FOUND', message: `${what} is not there: make it with ${ensure} first.` })

/** The error of something this backend does not do. */
export const refuse = (role: RoleName, what: string, instead?: string): VeritasError =>
  unsupported(BACKEND, role, what, instead)
