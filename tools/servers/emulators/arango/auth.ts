// Basic authentication and JSON web tokens: docs.arangodb.com/3.12/develop/http-api/authentication.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { isObject } from '../shared/http.ts'
import { ArangoFailure } from './aql/errors.ts'

export class Auth {
  readonly #username: string
  readonly #password: string
  readonly #secret = randomBytes(32)
  /** Seconds that a token is good for; the server's default is an hour. */
  lifetime = 3600

  constructor(username: string, password: string) {
    this.#username = username
    this.#password = password
  }

  issue(username: string): string {
    const now = Math.floor(Date.now() / 1000)
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const claims = { preferred_username: username, iss: 'arangodb', iat: now, exp: now + this.lifetime }
    const content = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`
    return `${content}.${this.#sign(content).toString('base64url')}`
  }

  login(username: unknown, password: unknown): string {
    if (username !== this.#username || password !== this.#password)
      throw new ArangoFailure(401, '=Wrong credentials', 401)
    return this.issue(this.#username)
  }

  check(header: string | undefined): void {
    const [scheme = '', value = ''] = (header ?? '').split(' ')
    if (scheme.toLowerCase() === 'basic' && this.#basic(value)) return
    if (scheme.toLowerCase() === 'bearer' && this.#token(value)) return
    throw new ArangoFailure(11)
  }

  #sign(content: string): Buffer {
    return createHmac('sha256', this.#secret).update(content).digest()
  }

  #basic(value: string): boolean {
    return Buffer.from(value, 'base64').toString('utf8') === `${this.#username}:${this.#password}`
  }

  #token(token: string): boolean {
    const [head = '', claims = '', signature = ''] = token.split('.')
    const given = Buffer.from(signature, 'base64url')
    const expected = this.#sign(`${head}.${claims}`)
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return false
    const parsed: unknown = JSON.parse(Buffer.from(claims, 'base64url').toString('utf8'))
    return isObject(parsed) && typeof parsed.exp === 'number' && parsed.exp > Date.now() / 1000
  }
}
