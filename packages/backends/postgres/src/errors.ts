import {
  type CallOptions,
  type ErrorMeaning,
  explainWith,
  type FailedCall,
  type RoleName,
  throwIfAborted,
  unsupported,
  VeritasError,
} from '@veritas-db/core/contract'

/** The plugin's name, as errors carry it. */
export const BACKEND = 'postgres'
/** The product, as it is written in errors. */
export const PRODUCT = 'PostgreSQL'

const retryable = true
const inFlight = true

/** SQLSTATEs, whole or by their class. https://www.postgresql.org/docs/current/errcodes-appendix.html */
const STATES: Readonly<Record<string, ErrorMeaning>> = {
  '08': { code: 'CONNECTION', inFlight },
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
  '40003': { code: 'CONFLICT', retryable, inFlight }, // completion unknown
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
  '57P01': { code: 'CONNECTION', inFlight }, // the administrator ended the connection
  '57P02': { code: 'CONNECTION', inFlight }, // crash
  '57P03': { code: 'UNAVAILABLE' }, // starting up or shutting down
  '57P04': { code: 'NOT_FOUND' }, // the database was dropped
  '57P05': { code: 'CONNECTION' }, // idle session
  '58': { code: 'UNAVAILABLE', inFlight }, // the system: I/O
}

/** What `pg` and `pg-pool` say in words alone. */
const WORDS: readonly (readonly [RegExp, ErrorMeaning])[] = [
  [
    /^Connection terminated due to connection timeout|^timeout expired/,
    { code: 'CONNECTION', message: 'did not answer within connectTimeoutMs' },
  ],
  [
    /^timeout exceeded when trying to connect/,
    { code: 'TIMEOUT', message: 'had no connection free within connectTimeoutMs: raise poolSize, or connectTimeoutMs' },
  ],
  [/^Connection terminated|not queryable|socket disconnected|stream was destroyed/, { code: 'CONNECTION', inFlight }],
  [
    /does not support SSL|establishing an SSL/,
    { code: 'CONNECTION', retryable: false, message: 'cannot be reached: it offers no TLS' },
  ],
  [/^SASL|SCRAM|password must be a string/i, { code: 'AUTHENTICATION' }],
  [/Cannot use a pool after calling end/, { code: 'CONNECTION', retryable: false }],
]

/** Errors of Unix sockets, and of addresses that are none: there was no connection. */
const UNREACHED: ReadonlySet<string> = new Set(['ENOENT', 'EACCES', 'EADDRNOTAVAIL'])

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined

/** The server's SQLSTATE, in which there is always a digit; undefined for an error that is none of the server's. */
export const sqlState = (error: unknown): string | undefined => {
  const code = codeOf(error)
  return code !== undefined && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : undefined
}

/** Whether a prepared statement no longer fits the table, which somebody else dropped and made again. */
export const isStalePlan = (error: unknown): boolean =>
  sqlState(error) === '0A000' && error instanceof Error && error.message.includes('cached plan')

const meaningOf = (error: Error): ErrorMeaning | undefined => {
  const message = `says: ${wordsOf(error)}`
  if (isStalePlan(error)) return { code: 'CONFLICT', retryable, message }
  const state = sqlState(error)
  if (state !== undefined) return { ...(STATES[state] ?? STATES[state.slice(0, 2)] ?? { code: 'INTERNAL' }), message }
  if (UNREACHED.has(codeOf(error) ?? '')) return { code: 'CONNECTION', message: `cannot be reached: ${error.message}` }
  return WORDS.find(([words]) => words.test(error.message))?.[1]
}

/** What the server said, with the constraint and the state that name it exactly. */
const wordsOf = (error: Error): string => {
  const state = sqlState(error)
  const constraint =
    state?.startsWith('23') && 'constraint' in error && error.constraint ? ` (constraint ${error.constraint})` : ''
  return `${error.message}${constraint}${state ? ` [${state}]` : ''}`
}

/**
 * A native error as a VeritasError; one that is a VeritasError already gets what it lacks. `write` where the call may have
 * changed something: not where it was part of a transaction that did not commit.
 */
export const toVeritasError: (error: unknown, call: FailedCall) => VeritasError = explainWith({
  backend: BACKEND,
  product: PRODUCT,
  caOption: 'ssl.ca',
  meaningOf,
})

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
    throw VeritasError.from(error, { backend: BACKEND, role, operation })
  }
}

/** The error of a call on something that was never ensured. */
export const missing = (what: string, ensure: string): VeritasError =>
  new VeritasError({ code: 'NOT_FOUND', message: `${what} is not there: make it with ${ensure} first.` })

/** The error of something this backend does not do. */
export const refuse = (role: RoleName, what: string, instead?: string): VeritasError =>
  unsupported(BACKEND, role, what, instead)
