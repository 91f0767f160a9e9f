// Errors as the server sends them: a code of error_codes.yml with its name, and a text.
import type { Document } from 'mongodb'

export class CommandError extends Error {
  readonly code: number
  readonly codeName: string

  constructor(code: number, codeName: string, message: string) {
    super(message)
    this.code = code
    this.codeName = codeName
  }
}

/** What mongot refuses comes back through mongod without a code of its own. */
export const refusedBySearch = (message: string): CommandError =>
  new CommandError(8, 'UnknownError', `PlanExecutor error during aggregation :: caused by :: ${message}`)

export const malformed = (message: string): CommandError => new CommandError(40_415, 'Location40415', message)

export const badDefinition = (message: string): CommandError => new CommandError(2, 'BadValue', message)

export const notEmulated = (what: string): CommandError =>
  new CommandError(238, 'NotImplemented', `${what} is not emulated`)

export const errorAnswer = (error: unknown): Document => {
  if (error instanceof CommandError) return { ok: 0, errmsg: error.message, code: error.code, codeName: error.codeName }
  const message = error instanceof Error ? error.message : String(error)
  return { ok: 0, errmsg: `emulator: ${message}`, code: 1, codeName: 'InternalError' }
}
