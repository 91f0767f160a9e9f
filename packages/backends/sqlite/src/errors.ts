import {
  type CallOptions,
  checkScope,
  type ErrorCode,
  type RoleName,
  type Scope,
  throwIfAborted,
  unsupported,
  VeritasError,
} from '@veritas-db/core/contract'
import type { Access } from './session.js'

/** The plugin's name, as errors carry it. */
export const backendName = 'sqlite'

/** SQLite's primary result code of a native error; undefined for any other error. */
export const resultCode = (error: unknown): number | undefined =>
  typeof error === 'object' && error !== null && 'errcode' in error && typeof error.errcode === 'number'
    ? error.errcode & 0xff
    : undefined

/** Whether another connection holds a lock for now (SQLITE_BUSY, SQLITE_LOCKED). */
export const isBusy = (error: unknown): boolean => {
  const code = resultCode(error)
  return code === 5 || code === 6
}

interface Meaning {
  readonly code: ErrorCode
  readonly outcome?: 'not-applied' | 'unknown'
  readonly retryable?: boolean
}

// https://www.sqlite.org/rescode.html
const meanings: Readonly<Record<number, Meaning>> = {
  1: { code: 'VALIDATION' }, // ERROR: what remains is SQL of the caller's own
  3: { code: 'AUTHENTICATION' }, // PERM
  5: { code: 'CONFLICT', retryable: true }, // BUSY
  6: { code: 'CONFLICT', retryable: true }, // LOCKED
  8: { code: 'CONFIGURATION' }, // READONLY
  9: { code: 'ABORTED' }, // INTERRUPT
  10: { code: 'CONNECTION', outcome: 'unknown' }, // IOERR
  13: { code: 'UNAVAILABLE' }, // FULL
  14: { code: 'CONNECTION' }, // CANTOPEN
  18: { code: 'VALIDATION' }, // TOOBIG
  19: { code: 'CONFLICT' }, // CONSTRAINT
  23: { code: 'AUTHENTICATION' }, // AUTH
  26: { code: 'CONFIGURATION' }, // NOTADB
}

/** A native error as a VeritasError; one that is a VeritasError already gets what it lacks. */
export const toVeritasError = (error: unknown, context: { role?: RoleName; operation?: string } = {}): VeritasError => {
  const code = resultCode(error)
  const meaning = code === undefined ? {} : (meanings[code] ?? { code: 'INTERNAL' as const })
  return VeritasError.from(error, { backend: backendName, ...meaning, ...context })
}

/** Runs one call of a role: checks its scope, refuses it where its signal has fired, names role and operation in its errors. */
export const guarded = async <T>(
  access: Access,
  role: RoleName,
  operation: string,
  options: (CallOptions & { readonly scope?: Scope }) | undefined,
  work: () => T | Promise<T>,
): Promise<T> => {
  try {
    throwIfAborted(options?.signal)
    if (options && 'scope' in options) checkScope(options.scope as Scope)
    return await access.call(async () => work())
  } catch (error) {
    throw toVeritasError(error, { role, operation })
  }
}

/** The error of a call on something that was never ensured. */
export const missing = (what: string, ensure: string): VeritasError =>
  new VeritasError({ code: 'NOT_FOUND', message: `${what} is not there: make it with ${ensure} first.` })

/** The error of something this backend does not do. */
export const refuse = (role: RoleName, what: string, instead?: string): VeritasError =>
  unsupported(backendName, role, what, instead)
