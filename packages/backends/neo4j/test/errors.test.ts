import { abortError, type VeritasError } from '@veritas-db/core/contract'
import neo4jDriver from 'neo4j-driver'
import { describe, expect, it } from 'vitest'
import { toVeritasError } from '../src/errors.js'

const native = (message: string, code: string): Error => new neo4jDriver.Neo4jError(message, code, '50N42', '')
const call = { target: 'db.example:7687', write: true }
const map = (code: string, message = 'what the server says'): VeritasError =>
  toVeritasError(native(message, code), call)

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
    const slow = map('ServiceUnavailable', 'Failed to connect to server. Caused by: connect ETIMEDOUT 1.2.3.4:7687')
    expect([slow.code, slow.outcome, slow.retryable]).toEqual(['CONNECTION', 'not-applied', true])
    for (const message of [
      'Connection was closed by server',
      'Failed to connect to server. Caused by: read ECONNRESET',
    ]) {
      const broken = map('ServiceUnavailable', message)
      expect([broken.code, broken.outcome]).toEqual(['CONNECTION', 'unknown'])
    }
  })

  it.each(['DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'])(
    'a certificate that is not trusted (%s), also behind a routing table that could not be read, says what to set',
    (code) => {
      const inner = native(
        `Failed to connect. Caused by: Server certificate is not trusted. ${'Advice. '.repeat(99)}Socket responded with: ${code}`,
        'ServiceUnavailable',
      )
      const outer = native('Could not perform discovery. No routing servers available.', 'ServiceUnavailable')
      outer.cause = inner
      for (const error of [inner, outer].map((each) => toVeritasError(each, call))) {
        expect([error.code, error.retryable, error.outcome]).toEqual(['CONNECTION', false, 'not-applied'])
        expect(error.message).toContain('db.example:7687')
        expect(error.message).toContain('trustedCertificates')
      }
    },
  )

  it('where the signal has fired, that is what went wrong', () => {
    const signal = AbortSignal.abort()
    const error = toVeritasError(native('Connection was closed', 'ServiceUnavailable'), { ...call, signal })
    expect([error.code, error.outcome]).toEqual(['ABORTED', 'unknown'])
    // Fired before anything was sent: that is known.
    expect(toVeritasError(abortError(signal), { ...call, signal }).outcome).toBe('not-applied')
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
    expect(message).toBe("Neo4j at db.example:7687 says: Invalid input 'x'.")
  })

  it('what nobody knows is INTERNAL', () => {
    const mine = new TypeError('mine')
    const error = toVeritasError(mine, call)
    expect([error.code, error.outcome, error.cause]).toEqual(['INTERNAL', 'unknown', mine])
  })
})
