// Stream transactions: docs.arangodb.com/3.12/develop/http-api/transactions/stream-transactions.
import { ArangoFailure } from './aql/errors.ts'
import { isArray, isObjectValue, own, toText, type Value } from './aql/values.ts'
import { bodyObject, type Handler, ok, param } from './request.ts'
import { type Database, Session, tick } from './store.ts'

interface Transaction {
  id: string
  database: Database
  session: Session
  status: 'running' | 'committed' | 'aborted'
  usedAt: number
}

const list = (value: Value): string[] =>
  (value !== null && isArray(value) ? value : value === null ? [] : [value]).map(toText)

export class Transactions {
  readonly #all = new Map<string, Transaction>()
  /** Milliseconds after which an idle transaction is aborted; the server's default is a minute. */
  idleMs = 60_000

  begin(database: Database, collections: Value): Transaction {
    const declared = isObjectValue(collections) ? collections : {}
    const writable = [...list(own(declared, 'write')), ...list(own(declared, 'exclusive'))]
    for (const name of [...writable, ...list(own(declared, 'read'))]) database.collection(name)
    const id = tick()
    const session = new Session(database, new Set(writable))
    const transaction: Transaction = { id, database, session, status: 'running', usedAt: performance.now() }
    this.#all.set(id, transaction)
    return transaction
  }

  get(id: string): Transaction {
    this.#expire()
    const found = this.#all.get(id)
    if (!found) throw new ArangoFailure(1655, `'${id}'`)
    return found
  }

  /** The session of a running transaction, for a request made in it. */
  use(id: string): Session {
    const transaction = this.get(id)
    if (transaction.status === 'aborted') throw new ArangoFailure(1654, `'${id}'`)
    if (transaction.status !== 'running') throw new ArangoFailure(1653, `'${id}' is ${transaction.status}`)
    transaction.usedAt = performance.now()
    return transaction.session
  }

  end(id: string, status: 'committed' | 'aborted'): Transaction {
    const transaction = this.get(id)
    // Doing the same thing again is allowed, the other thing is not.
    if (transaction.status === status) return transaction
    if (transaction.status !== 'running')
      throw new ArangoFailure(1653, `transaction '${id}' is already ${transaction.status}`)
    if (status === 'committed') transaction.session.commit()
    else transaction.session.abort()
    transaction.status = status
    return transaction
  }

  running(database: Database): Transaction[] {
    this.#expire()
    return [...this.#all.values()].filter((t) => t.status === 'running' && t.database === database)
  }

  #expire(): void {
    for (const transaction of this.#all.values())
      if (transaction.status === 'running' && performance.now() - transaction.usedAt > this.idleMs) {
        transaction.session.abort()
        transaction.status = 'aborted'
      }
  }
}

export const transactionHandlers: Record<string, Handler> = {
  beginStreamTransaction: (request) => {
    const { id, status } = request.transactions.begin(request.database, own(bodyObject(request), 'collections'))
    return ok({ result: { id, status } }, 201)
  },
  getStreamTransaction: (request) => {
    const { id, status } = request.transactions.get(param(request, 'id'))
    return ok({ result: { id, status } })
  },
  commitStreamTransaction: (request) => {
    const { id, status } = request.transactions.end(param(request, 'id'), 'committed')
    return ok({ result: { id, status } })
  },
  abortStreamTransaction: (request) => {
    const { id, status } = request.transactions.end(param(request, 'id'), 'aborted')
    return ok({ result: { id, status } })
  },
  listStreamTransactions: (request) => ({
    status: 200,
    body: {
      transactions: request.transactions.running(request.database).map(({ id, status }) => ({ id, state: status })),
    },
  }),
}
