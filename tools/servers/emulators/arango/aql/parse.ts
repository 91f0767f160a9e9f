// High-level operations of a query, docs.arangodb.com/3.12/aql/high-level-operations and …/graph-queries.
import type { Clause, CollectionRef, Direction, EdgeCollectionRef, Expression, ModifyKind } from './ast.ts'
import { TokenCursor } from './cursor.ts'
import { ArangoFailure, parseError } from './errors.ts'
import { ExpressionParser } from './parse-expression.ts'

class Parser {
  readonly #tokens: TokenCursor
  readonly #expressions: ExpressionParser

  constructor(query: string) {
    this.#tokens = new TokenCursor(query)
    this.#expressions = new ExpressionParser(this.#tokens, () => this.#body(true))
  }

  query(): Clause[] {
    if (this.#tokens.peek().kind === 'end') throw new ArangoFailure(1502)
    const body = this.#body(false)
    if (this.#tokens.peek().kind !== 'end') throw this.#tokens.unexpected('expecting end of query string')
    return body
  }

  #expression(): Expression {
    return this.#expressions.expression()
  }

  #body(subquery: boolean): Clause[] {
    const clauses: Clause[] = []
    for (;;) {
      const clause = this.#clause()
      if (clause === undefined) break
      clauses.push(clause)
      if (clause.type === 'return') return clauses
    }
    const last = clauses.at(-1)
    const modifies = clauses.some((c) => c.type === 'modify' || c.type === 'upsert')
    if (subquery ? !modifies : !modifies || !(last?.type === 'modify' || last?.type === 'upsert'))
      throw this.#tokens.unexpected('expecting RETURN or a data-modification operation')
    return clauses
  }

  #clause(): Clause | undefined {
    const token = this.#tokens.peek()
    if (token.kind === 'name' && token.text.toUpperCase() === 'SEARCH')
      throw parseError('the emulator does not know SEARCH')
    if (token.kind !== 'keyword') return undefined
    switch (token.text) {
      case 'FOR':
        return this.#for()
      case 'FILTER':
        this.#tokens.next()
        return { type: 'filter', test: this.#expression() }
      case 'LET':
        return this.#let()
      case 'SORT':
        return this.#sort()
      case 'LIMIT':
        return this.#limit()
      case 'COLLECT':
        return this.#collect()
      case 'RETURN':
        this.#tokens.next()
        return { type: 'return', distinct: this.#tokens.take('DISTINCT'), value: this.#expression() }
      case 'WITH':
        return this.#with()
      case 'INSERT':
      case 'UPDATE':
      case 'REPLACE':
      case 'REMOVE':
        return this.#modify(token.text)
      case 'UPSERT':
        return this.#upsert()
      case 'WINDOW':
        throw parseError('the emulator does not know WINDOW')
      default:
        return undefined
    }
  }

  #options(): Expression | undefined {
    if (!this.#tokens.takeWord('OPTIONS')) return undefined
    if (!this.#tokens.at('{') && this.#tokens.peek().kind !== 'bind')
      throw this.#tokens.unexpected('expecting an object after OPTIONS')
    return this.#expression()
  }

  #collections(): CollectionRef[] {
    const all = [this.#expressions.collection()]
    while (this.#tokens.take(',')) all.push(this.#expressions.collection())
    return all
  }

  #with(): Clause {
    this.#tokens.next()
    return { type: 'with', collections: this.#collections() }
  }

  #let(): Clause {
    this.#tokens.next()
    if (this.#tokens.at('[', '{')) throw parseError('the emulator does not know destructuring')
    const variable = this.#tokens.name('a variable name')
    this.#tokens.expect('=')
    if (this.#tokens.at('FOR')) throw this.#tokens.unexpected('a subquery stands in parentheses')
    const value = this.#expression()
    if (this.#tokens.at(',')) throw parseError('the emulator does not know several assignments in one LET')
    return { type: 'let', variable, value }
  }

  #direction(): Direction | undefined {
    const token = this.#tokens.peek()
    return this.#tokens.take('OUTBOUND', 'INBOUND', 'ANY') ? (token.text as Direction) : undefined
  }

  #for(): Clause {
    this.#tokens.next()
    if (this.#tokens.at('[', '{')) throw parseError('the emulator does not know destructuring')
    const names = [this.#tokens.name('a variable name')]
    while (this.#tokens.take(',')) names.push(this.#tokens.name('a variable name'))
    this.#tokens.expect('IN')
    const [vertex = '', edge, path] = names
    let depth: Expression | undefined
    let direction = this.#direction()
    if (direction === undefined) {
      if (this.#tokens.at('ALL_SHORTEST_PATHS', 'K_PATHS', 'K_SHORTEST_PATHS'))
        throw parseError('the emulator knows SHORTEST_PATH only')
      depth = this.#expression()
      direction = this.#direction()
    }
    if (direction === undefined) {
      if (names.length > 1 || depth === undefined)
        throw this.#tokens.unexpected('expecting a traversal for several variables')
      this.#options()
      return { type: 'for', variable: vertex, source: depth }
    }
    if (this.#tokens.take('SHORTEST_PATH')) {
      if (path !== undefined || depth !== undefined)
        throw parseError('SHORTEST_PATH emits a node and an edge, and has no depth')
      const start = this.#expression()
      if (!this.#tokens.takeWord('TO')) throw this.#tokens.unexpected('expecting TO')
      const target = this.#expression()
      const edges = this.#edgeCollections(direction)
      return {
        type: 'shortestPath',
        vertex,
        edge,
        path: undefined,
        direction,
        start,
        target,
        edges,
        options: this.#options(),
      }
    }
    if (this.#tokens.at('ALL_SHORTEST_PATHS', 'K_PATHS', 'K_SHORTEST_PATHS'))
      throw parseError('the emulator knows SHORTEST_PATH only')
    return this.#traversal(vertex, edge, path, direction, depth)
  }

  #traversal(
    vertex: string,
    edge: string | undefined,
    path: string | undefined,
    direction: Direction,
    depth: Expression | undefined,
  ): Clause {
    const one: Expression = { type: 'literal', value: 1 }
    const range = depth?.type === 'binary' && depth.operator === '..' ? depth : undefined
    const start = this.#expression()
    const edges = this.#edgeCollections(direction)
    let prune: Expression | undefined
    let pruneVariable: string | undefined
    if (this.#tokens.takeWord('PRUNE')) {
      if (this.#tokens.peek(1).text === '=' && this.#tokens.peek().kind === 'name') {
        pruneVariable = this.#tokens.name('a variable name')
        this.#tokens.expect('=')
      }
      prune = this.#expression()
    }
    return {
      type: 'traverse',
      vertex,
      edge,
      path,
      direction,
      min: range?.left ?? depth ?? one,
      max: range?.right ?? depth ?? one,
      start,
      edges,
      prune,
      pruneVariable,
      options: this.#options(),
    }
  }

  #edgeCollections(fallback: Direction): EdgeCollectionRef[] {
    if (this.#tokens.at('GRAPH')) throw parseError('the emulator does not know named graphs: name the edge collections')
    const all: EdgeCollectionRef[] = []
    do {
      const direction = this.#direction() ?? fallback
      all.push({ direction, collection: this.#expressions.collection() })
    } while (this.#tokens.take(','))
    return all
  }

  #sort(): Clause {
    this.#tokens.next()
    const by: { value: Expression; descending: boolean | Expression }[] = []
    do {
      const value = this.#expression()
      // The direction may also be a bind parameter or a string.
      const given = this.#tokens.peek().kind === 'bind' || this.#tokens.peek().kind === 'string'
      const descending = given ? this.#expression() : this.#tokens.take('DESC')
      if (descending === false) this.#tokens.take('ASC')
      by.push({ value, descending })
    } while (this.#tokens.take(','))
    return { type: 'sort', by }
  }

  #limit(): Clause {
    this.#tokens.next()
    const first = this.#expression()
    if (!this.#tokens.take(',')) return { type: 'limit', offset: undefined, count: first }
    return { type: 'limit', offset: first, count: this.#expression() }
  }

  #collect(): Clause {
    this.#tokens.next()
    const groups: { variable: string; value: Expression }[] = []
    const aggregates: { variable: string; call: string; arg: Expression | undefined }[] = []
    const assigned = (): { variable: string; value: Expression } => {
      const variable = this.#tokens.name('a variable name')
      this.#tokens.expect('=')
      return { variable, value: this.#expression() }
    }
    if (!this.#tokens.at('AGGREGATE', 'WITH', 'INTO'))
      do groups.push(assigned())
      while (this.#tokens.take(','))
    if (this.#tokens.take('AGGREGATE'))
      do {
        const { variable, value } = assigned()
        if (value.type !== 'call') throw parseError('an aggregate expression must be a call of an aggregation function')
        aggregates.push({ variable, call: value.name, arg: value.args[0] })
      } while (this.#tokens.take(','))
    let count: string | undefined
    let into: { variable: string; projection: Expression | undefined; keep: string[] | undefined } | undefined
    if (this.#tokens.take('WITH')) {
      if (!this.#tokens.takeWord('COUNT')) throw this.#tokens.unexpected('expecting COUNT')
      this.#tokens.expect('INTO')
      count = this.#tokens.name('a variable name')
    } else if (this.#tokens.take('INTO')) {
      const variable = this.#tokens.name('a variable name')
      const projection = this.#tokens.take('=') ? this.#expression() : undefined
      let keep: string[] | undefined
      if (this.#tokens.takeWord('KEEP')) {
        keep = [this.#tokens.name('a variable name')]
        while (this.#tokens.take(',')) keep.push(this.#tokens.name('a variable name'))
      }
      into = { variable, projection, keep }
    }
    this.#options()
    return { type: 'collect', groups, aggregates, into, count }
  }

  #target(): { collection: CollectionRef; options: Expression | undefined } {
    if (!this.#tokens.take('IN', 'INTO')) throw this.#tokens.unexpected('expecting IN or INTO')
    return { collection: this.#expressions.collection(), options: this.#options() }
  }

  #modify(kind: ModifyKind): Clause {
    this.#tokens.next()
    const key = this.#operand()
    const withDocument =
      (kind === 'UPDATE' || kind === 'REPLACE') && this.#tokens.take('WITH') ? this.#operand() : undefined
    return { type: 'modify', kind, key, with: withDocument, ...this.#target() }
  }

  #upsert(): Clause {
    this.#tokens.next()
    const filter = this.#tokens.take('FILTER') ? this.#expression() : undefined
    const search = filter ? undefined : this.#operand()
    if (search && (search.type !== 'object' || search.entries.some((e) => typeof e.name !== 'string')))
      throw parseError('the search expression of UPSERT must be an object literal without dynamic attribute names')
    this.#tokens.expect('INSERT')
    const insert = this.#operand()
    const kind = this.#tokens.at('REPLACE') ? 'REPLACE' : 'UPDATE'
    this.#tokens.expect(kind)
    const update = this.#operand()
    return { type: 'upsert', search, filter, insert, kind, update, ...this.#target() }
  }

  /** An expression before IN or INTO: the IN that follows belongs to the operation, not to the expression. */
  #operand(): Expression {
    return this.#expressions.operand()
  }
}

export const parseQuery = (query: string): Clause[] => new Parser(query).query()
