// Expressions, by the operators' precedence of docs.arangodb.com/3.12/aql/operators ("Operator precedence").
import type { Access, BinaryOperator, Clause, CollectionRef, Expression, ObjectEntry, Quantifier } from './ast.ts'
import type { TokenCursor } from './cursor.ts'
import { parseError } from './errors.ts'

const comparisons = ['==', '!=', '<', '<=', '>', '>=', 'IN', 'NOT']

export class ExpressionParser {
  readonly tokens: TokenCursor
  readonly #subquery: () => Clause[]
  /** Whether an IN belongs to the operation around the expression (UPDATE doc IN collection). */
  #inIsOutside = false

  constructor(tokens: TokenCursor, subquery: () => Clause[]) {
    this.tokens = tokens
    this.#subquery = () => this.#within(false, subquery)
  }

  #within<T>(inIsOutside: boolean, parse: () => T): T {
    const before = this.#inIsOutside
    this.#inIsOutside = inIsOutside
    const result = parse()
    this.#inIsOutside = before
    return result
  }

  /** An expression in front of IN collection. */
  operand(): Expression {
    return this.#within(true, () => this.expression())
  }

  expression(): Expression {
    const test = this.#or()
    if (!this.tokens.take('?')) return test
    if (this.tokens.take(':')) return { type: 'ternary', test, yes: undefined, no: this.expression() }
    const yes = this.expression()
    this.tokens.expect(':')
    return { type: 'ternary', test, yes, no: this.expression() }
  }

  collection(): CollectionRef {
    const token = this.tokens.next()
    if (token.kind === 'name') return { kind: 'fixed', name: token.text }
    if (token.kind === 'collectionBind') return { kind: 'bind', name: token.text }
    throw parseError(
      `unexpected ${token.text} near '${this.tokens.near(token)}', expecting a collection name or @@parameter`,
    )
  }

  #or(): Expression {
    let left = this.#and()
    while (this.tokens.take('||', 'OR')) left = { type: 'logical', operator: '||', left, right: this.#and() }
    return left
  }

  #and(): Expression {
    let left = this.#equality()
    while (this.tokens.take('&&', 'AND')) left = { type: 'logical', operator: '&&', left, right: this.#equality() }
    return left
  }

  /** ANY, ALL, NONE or AT LEAST (n), where a comparison follows it. */
  #quantifier(operators: readonly string[]): Quantifier | undefined {
    const { tokens } = this
    const first = tokens.peek()
    const second = tokens.peek(1)
    const isOperator = (text: string): boolean => operators.includes(text)
    if (first.kind === 'keyword' && ['ANY', 'ALL', 'NONE'].includes(first.text)) {
      if (!isOperator(second.text) || !comparisons.includes(second.text)) return undefined
      tokens.next()
      return { kind: first.text as 'ANY' | 'ALL' | 'NONE' }
    }
    if (operators.includes('==') && tokens.atWord('AT') && tokens.atWord('LEAST', 1)) {
      tokens.next()
      tokens.next()
      tokens.expect('(')
      const count = this.expression()
      tokens.expect(')')
      return { kind: 'AT LEAST', count }
    }
    return undefined
  }

  #binary(
    operator: BinaryOperator,
    left: Expression,
    right: Expression,
    quantifier: Quantifier | undefined,
  ): Expression {
    return { type: 'binary', operator, left, right, ...(quantifier ? { quantifier } : {}) }
  }

  #equality(): Expression {
    let left = this.#membership()
    const { tokens } = this
    for (;;) {
      const quantifier = this.#quantifier(['==', '!='])
      if (quantifier?.kind === 'AT LEAST' && !tokens.at('==', '!=')) {
        left = this.#quantified(left, quantifier)
        continue
      }
      const token = tokens.peek()
      if (tokens.take('==', '!=', '=~', '!~', 'LIKE'))
        left = this.#binary(token.text as BinaryOperator, left, this.#membership(), quantifier)
      else if (tokens.at('NOT') && tokens.peek(1).text === 'LIKE' && tokens.peek(1).kind === 'keyword') {
        tokens.next()
        tokens.next()
        left = this.#binary('NOT LIKE', left, this.#membership(), quantifier)
      } else return left
    }
  }

  /** AT LEAST with one of the operators that bind tighter than equality. */
  #quantified(left: Expression, quantifier: Quantifier): Expression {
    const token = this.tokens.next()
    if (token.text === 'NOT') {
      this.tokens.expect('IN')
      return this.#binary('NOT IN', left, this.#relation(), quantifier)
    }
    if (!comparisons.includes(token.text))
      throw parseError(`unexpected ${token.text}, expecting a comparison after AT LEAST`)
    return this.#binary(token.text as BinaryOperator, left, this.#range(), quantifier)
  }

  #membership(): Expression {
    let left = this.#relation()
    const { tokens } = this
    for (;;) {
      const quantifier = this.#quantifier(['IN', 'NOT'])
      if (tokens.at('NOT') && tokens.peek(1).text === 'IN' && tokens.peek(1).kind === 'keyword') {
        tokens.next()
        tokens.next()
        left = this.#binary('NOT IN', left, this.#relation(), quantifier)
      } else if (!this.#inIsOutside && tokens.take('IN')) left = this.#binary('IN', left, this.#relation(), quantifier)
      else if (quantifier) throw tokens.unexpected('expecting IN or NOT IN')
      else return left
    }
  }

  #relation(): Expression {
    let left = this.#range()
    for (;;) {
      const quantifier = this.#quantifier(['<', '<=', '>', '>='])
      const token = this.tokens.peek()
      if (!this.tokens.take('<', '<=', '>', '>=')) return left
      left = this.#binary(token.text as BinaryOperator, left, this.#range(), quantifier)
    }
  }

  #range(): Expression {
    const left = this.#sum()
    return this.tokens.take('..') ? this.#binary('..', left, this.#sum(), undefined) : left
  }

  #sum(): Expression {
    let left = this.#product()
    for (;;) {
      const token = this.tokens.peek()
      if (!this.tokens.take('+', '-')) return left
      left = this.#binary(token.text as BinaryOperator, left, this.#product(), undefined)
    }
  }

  #product(): Expression {
    let left = this.#unary()
    for (;;) {
      const token = this.tokens.peek()
      if (!this.tokens.take('*', '/', '%')) return left
      left = this.#binary(token.text as BinaryOperator, left, this.#unary(), undefined)
    }
  }

  // NOT binds tighter than any comparison: NOT a LIKE b is (NOT a) LIKE b, as the documentation warns.
  #unary(): Expression {
    if (this.tokens.take('!', 'NOT')) return { type: 'unary', operator: '!', of: this.#unary() }
    if (this.tokens.take('-')) return { type: 'unary', operator: '-', of: this.#unary() }
    if (this.tokens.take('+')) return { type: 'unary', operator: '+', of: this.#unary() }
    return this.#postfix(this.#primary())
  }

  #postfix(start: Expression): Expression {
    let of = start
    for (;;) {
      const access = this.#access()
      if (access === undefined) return of
      if ('name' in access) of = { type: 'attribute', of, name: access.name }
      else {
        // All that follows an expansion applies to each element.
        const rest: Access[] = []
        for (let more = this.#access(); more !== undefined; more = this.#access()) {
          if (!('name' in more)) throw parseError('the emulator does not know more than one [*] in a chain')
          rest.push(more)
        }
        of = { type: 'expand', of, depth: access.depth, rest }
      }
    }
  }

  #access(): Access | { depth: number } | undefined {
    const { tokens } = this
    if (tokens.at('.')) {
      tokens.next()
      const token = tokens.next()
      if (token.kind === 'name') return { name: { type: 'literal', value: token.text } }
      if (token.kind === 'bind') return { name: { type: 'bind', name: token.text, path: true } }
      throw parseError(
        `unexpected ${token.text} near '${tokens.near(token)}', expecting an attribute name (quote keywords with backticks)`,
      )
    }
    if (!tokens.at('[')) return undefined
    if (tokens.peek(1).text === '?') throw parseError('the emulator does not know the question mark operator [? …]')
    tokens.next()
    if (!tokens.at('*')) {
      const name = this.#inner()
      tokens.expect(']')
      return { name }
    }
    let depth = 0
    while (tokens.take('*')) depth++
    if (!tokens.at(']')) throw parseError('the emulator does not know inline expressions in [* …]')
    tokens.next()
    return { depth }
  }

  #primary(): Expression {
    const { tokens } = this
    const token = tokens.next()
    switch (token.kind) {
      case 'number':
        return { type: 'literal', value: Number(token.text) }
      case 'string':
        return { type: 'literal', value: token.text }
      case 'bind':
        return { type: 'bind', name: token.text }
      case 'collectionBind':
        return { type: 'collection', collection: { kind: 'bind', name: token.text } }
      case 'name':
        return this.#named(token.text)
      case 'keyword':
        if (token.text === 'NULL') return { type: 'literal', value: null }
        if (token.text === 'TRUE' || token.text === 'FALSE') return { type: 'literal', value: token.text === 'TRUE' }
        if (token.text === 'LIKE' && tokens.at('(')) return this.#named('LIKE')
        break
      case 'symbol':
        if (token.text === '(') return this.#parenthesis()
        if (token.text === '[') return { type: 'array', items: this.#list(']') }
        if (token.text === '{') return { type: 'object', entries: this.#entries() }
        break
      case 'end':
        break
    }
    throw parseError(`unexpected ${token.text} near '${tokens.near(token)}', expecting an expression`)
  }

  #named(name: string): Expression {
    if (this.tokens.at('::')) throw parseError(`the emulator does not know user-defined functions (${name}::…)`)
    if (!this.tokens.take('(')) return { type: 'name', name }
    return { type: 'call', name: name.toUpperCase(), args: this.#arguments() }
  }

  #arguments(): Expression[] {
    // A subquery may stand alone as an argument without parentheses of its own.
    if (this.#atSubquery()) {
      const body = this.#subquery()
      this.tokens.expect(')')
      return [{ type: 'subquery', body }]
    }
    return this.#list(')')
  }

  #atSubquery(): boolean {
    return this.tokens.at('FOR', 'LET', 'RETURN', 'INSERT', 'UPDATE', 'REPLACE', 'REMOVE', 'UPSERT', 'WITH', 'COLLECT')
  }

  #parenthesis(): Expression {
    if (this.#atSubquery()) {
      const body = this.#subquery()
      this.tokens.expect(')')
      return { type: 'subquery', body }
    }
    const inner = this.#inner()
    this.tokens.expect(')')
    return inner
  }

  #inner(): Expression {
    return this.#within(false, () => this.expression())
  }

  #list(end: string): Expression[] {
    const items: Expression[] = []
    while (!this.tokens.take(end)) {
      items.push(this.#inner())
      // A trailing comma is allowed.
      if (!this.tokens.take(',') && !this.tokens.at(end)) throw this.tokens.unexpected(`expecting , or ${end}`)
    }
    return items
  }

  #entries(): ObjectEntry[] {
    const { tokens } = this
    const entries: ObjectEntry[] = []
    while (!tokens.take('}')) {
      const token = tokens.next()
      if (token.kind === 'symbol' && token.text === '[') {
        const name = this.#inner()
        tokens.expect(']')
        tokens.expect(':')
        entries.push({ name, value: this.#inner() })
      } else if (token.kind === 'name' || token.kind === 'string') {
        if (tokens.take(':')) entries.push({ name: token.text, value: this.#inner() })
        else if (token.kind === 'name') entries.push({ name: token.text, value: { type: 'name', name: token.text } })
        else throw tokens.unexpected('expecting :')
      } else if (token.kind === 'bind') {
        tokens.expect(':')
        entries.push({ name: { type: 'bind', name: token.text }, value: this.#inner() })
      } else {
        throw parseError(
          `unexpected ${token.text} near '${tokens.near(token)}', expecting an attribute name (quote keywords)`,
        )
      }
      if (!tokens.take(',') && !tokens.at('}')) throw tokens.unexpected('expecting , or }')
    }
    return entries
  }
}
