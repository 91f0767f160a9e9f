// Reads tokens one after the other; shared by the two halves of the parser.
import { parseError } from './errors.ts'
import { type Token, tokenize } from './lexer.ts'

export class TokenCursor {
  readonly #tokens: Token[]
  readonly #text: string
  #position = 0

  constructor(query: string) {
    this.#text = query
    this.#tokens = tokenize(query)
  }

  peek(ahead = 0): Token {
    const token = this.#tokens[Math.min(this.#position + ahead, this.#tokens.length - 1)]
    if (!token) throw parseError('unexpected end of query string')
    return token
  }

  next(): Token {
    const token = this.peek()
    if (token.kind !== 'end') this.#position++
    return token
  }

  /** Whether the next token is one of these keywords or symbols. */
  at(...texts: string[]): boolean {
    const token = this.peek()
    return (token.kind === 'keyword' || token.kind === 'symbol') && texts.includes(token.text)
  }

  take(...texts: string[]): boolean {
    if (!this.at(...texts)) return false
    this.next()
    return true
  }

  expect(text: string): void {
    if (!this.take(text)) throw this.unexpected(`expecting ${text}`)
  }

  /** A word that is special here but not reserved: OPTIONS, PRUNE, TO, KEEP, COUNT. */
  atWord(word: string, ahead = 0): boolean {
    const token = this.peek(ahead)
    return token.kind === 'name' && token.text.toUpperCase() === word
  }

  takeWord(word: string): boolean {
    if (!this.atWord(word)) return false
    this.next()
    return true
  }

  name(what: string): string {
    const token = this.next()
    if (token.kind !== 'name')
      throw parseError(`unexpected ${token.text} near '${this.near(token)}', expecting ${what}`)
    return token.text
  }

  near(token: Token): string {
    return this.#text.slice(token.at, token.at + 30)
  }

  unexpected(detail: string): Error {
    const token = this.peek()
    const line = this.#text.slice(0, token.at).split('\n').length
    return parseError(`unexpected ${token.text} near '${this.near(token)}' at line ${line}, ${detail}`)
  }
}
