// What a handler gets, and helpers that all handlers share.

import type { Reply } from '../shared/http.ts'
import { ArangoFailure } from './aql/errors.ts'
import { isObjectValue, type ObjectValue, type Value } from './aql/values.ts'
import type { Cursors } from './cursors.ts'
import type { Database, Session } from './store.ts'
import type { Transactions } from './transactions.ts'

export interface ArangoRequest {
  databases: Map<string, Database>
  database: Database
  /** The stream transaction of the request, or a session of its own. */
  session: Session
  transactions: Transactions
  cursors: Cursors
  inTransaction: boolean
  params: Record<string, string>
  query: Record<string, string>
  headers: Record<string, string | undefined>
  body: Value
  raw: string
}

export type Handler = (request: ArangoRequest) => Reply

export const on = (value: string | undefined, otherwise = false): boolean =>
  value === undefined ? otherwise : ['true', '1', 'yes', 'on', 'y'].includes(value)

export const bodyObject = (request: ArangoRequest): ObjectValue => (isObjectValue(request.body) ? request.body : {})

export const param = (request: ArangoRequest, name: string): string => request.params[name] ?? ''

export const ok = (body: ObjectValue, code = 200): Reply => ({ status: code, body: { error: false, code, ...body } })

export const failureBody = (failure: ArangoFailure): ObjectValue => ({
  error: true,
  errorNum: failure.errorNum,
  errorMessage: failure.message,
  ...failure.stored,
})

export const failed = (failure: ArangoFailure): Reply => ({
  status: failure.status,
  body: { code: failure.status, ...failureBody(failure) },
})

/** Does the work; on error nothing of it stays in the session. */
export const atomically = <T>(request: ArangoRequest, work: () => T): T => {
  const undo = request.session.savepoint()
  try {
    return work()
  } catch (error) {
    undo()
    throw error
  }
}

export const asFailure = (error: unknown): ArangoFailure => {
  if (error instanceof ArangoFailure) return error
  return new ArangoFailure(500, error instanceof Error ? `${error.name}: ${error.message}` : String(error))
}
