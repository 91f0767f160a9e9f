import { VeritasError } from '@veritas-db/core/contract'
import neo4jDriver from 'neo4j-driver'
import { describe, expect, it } from 'vitest'
import { toVeritasError } from '../src/errors.js'

const native = (message: string, code: string): Error => new neo4jDriver.Neo4jError(message, code, '50N42', '')
const map = (code: string, message = 'what the server says'): VeritasError => {
  const error = toVeritasError(native(message, code), 'db.example:7687')
  if (!VeritasError.is(error)) throw new Error('not mapped')
  return error
}

describe('errors of the driver', () => {
  it.each([
    ['Neo.ClientError.Security.Unauthorized', 'AUTHENTICATION', false],
    ['Neo.ClientError.Security.AuthenticationRateLimit', 'AUTHENTICATION', false],
    ['Neo.ClientError.Security.AuthorizationExpired', 'AUTHENTICATION', true],
    ['Neo.ClientError.Security.Forbidden', 'AUTHENTICATION', false],
    ['Neo.ClientError.Database.DatabaseNotFound', 'CONFIGURATION', false],
    ['Neo.ClientError.Statement.SyntaxError', 'VALIDATION', false],
    ['Neo.ClientError.Statement.EntityNotFound', 'CONFLICT', true],
    ['Neo.ClientError.Schema.ConstraintValidationFailed', 'CONFLICT', false],
    ['Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists', 'CONFLICT', true],
    ['Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration', 'TIMEOUT', true],
    ['Neo.ClientError.Cluster.NotALeader', 'UNAVAILABLE', true],
    ['Neo.TransientError.Transaction.DeadlockDetected', 'CONFLICT', true],
    ['Neo.TransientError.General.DatabaseUnavailable', 'UNAVAILABLE', true],
    ['Neo.TransientError.General.MemoryPoolOutOfMemoryError', 'UNAVAILABLE', true],
    ['Neo.DatabaseError.Statement.ExecutionFailed', 'INTERNAL', false],
    ['SessionExpired', 'CONNECTION', true],
  ])('%s is %s', (code, expected, retryable) => {
    const error = map(code)
    expect([error.code, error.retryable, error.backend]).toEqual([expected, retryable, 'neo4j'])
    expect(error.cause).toBeInstanceOf(Error)
  })

  it('name host and port where the server cannot be reached, and tell whether anything was sent', () => {
    const refused = map(
      'ServiceUnavailable',
      'Failed to connect to server. Caused by: connect ECONNREFUSED 1.2.3.4:7687',
    )
    expect([refused.outcome, refused.message.includes('db.example:7687')]).toEqual(['not-applied', true])
    const broken = map('ServiceUnavailable', 'Connection was closed by server')
    expect([broken.code, broken.outcome]).toEqual(['CONNECTION', 'unknown'])
  })

  it('a commit that failed may have happened; a transaction that failed did not', () => {
    expect(map('Neo.DatabaseError.Transaction.TransactionCommitFailed').outcome).toBe('unknown')
    expect(map('Neo.TransientError.Transaction.DeadlockDetected').outcome).toBe('not-applied')
  })

  it('a full pool is UNAVAILABLE', () => {
    expect(map('N/A', 'Connection acquisition timed out in 10000 ms. Pool status: …').code).toBe('UNAVAILABLE')
  })

  it('leave out the query, which follows in further lines', () => {
    const { message } = map(
      'Neo.ClientError.Statement.SyntaxError',
      "Invalid input 'x'\n\"MATCH (n {p: 'private'})\"\n ^",
    )
    expect(message).toBe("Invalid input 'x'")
  })

  it('other errors stay as they are', () => {
    const error = new TypeError('mine')
    expect(toVeritasError(error, 'x:1')).toBe(error)
  })
})
