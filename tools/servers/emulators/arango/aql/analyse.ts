// Finds before execution what the server finds before execution: unknown collections, functions and bind parameters,
// variables assigned twice, reads of a collection after it was modified. Without it an empty collection would hide them.
import type { Clause, CollectionRef, Expression } from './ast.ts'
import { ArangoFailure, parseError } from './errors.ts'
import { functions } from './functions.ts'
import type { ObjectValue } from './values.ts'

const aggregateFunctions = new Set(
  'LENGTH COUNT MIN MAX SUM AVERAGE AVG UNIQUE SORTED_UNIQUE COUNT_DISTINCT COUNT_UNIQUE PUSH'.split(' '),
)

export interface Analysis {
  binds: Set<string>
  collections: Set<string>
  modifies: boolean
}

export class Analyser {
  readonly #binds: ObjectValue
  readonly #exists: (collection: string) => boolean
  readonly #used = new Set<string>()
  readonly #read = new Set<string>()
  readonly #modified = new Set<string>()

  constructor(binds: ObjectValue, exists: (collection: string) => boolean) {
    this.#binds = binds
    this.#exists = exists
  }

  run(clauses: Clause[]): Analysis {
    this.#body(clauses, new Set())
    for (const name of Object.keys(this.#binds)) if (!this.#used.has(name)) throw new ArangoFailure(1552, name)
    return { binds: this.#used, collections: this.#read, modifies: this.#modified.size > 0 }
  }

  name(ref: CollectionRef): string {
    if (ref.kind === 'fixed') return ref.name
    this.#used.add(ref.name)
    const value = this.#binds[ref.name]
    if (value === undefined) throw new ArangoFailure(1551, `@${ref.name}`)
    if (typeof value !== 'string' || value === '')
      throw new ArangoFailure(1553, `@${ref.name} must be the name of a collection`)
    return value
  }

  #collection(ref: CollectionRef): string {
    const name = this.name(ref)
    if (!this.#exists(name)) throw new ArangoFailure(1203, name)
    this.#read.add(name)
    return name
  }

  #reads(ref: CollectionRef): void {
    const name = this.#collection(ref)
    if (this.#modified.has(name)) throw new ArangoFailure(1579, `by a query that reads '${name}' after it modified it`)
  }

  #readsAnything(what: string): void {
    if (this.#modified.size > 0)
      throw new ArangoFailure(1579, `${what} after ${[...this.#modified].join()} was modified`)
  }

  #modifies(ref: CollectionRef): void {
    this.#reads(ref)
    this.#modified.add(this.name(ref))
  }

  #declare(name: string | undefined, scope: Set<string>): void {
    if (name === undefined) return
    if (scope.has(name)) throw new ArangoFailure(1511, `'${name}'`)
    scope.add(name)
  }

  #body(clauses: Clause[], outer: Set<string>): void {
    let scope = new Set(outer)
    clauses.forEach((clause, i) => {
      scope = this.#clause(clause, scope, outer, i)
    })
  }

  #clause(clause: Clause, scope: Set<string>, outer: Set<string>, position: number): Set<string> {
    const visit = (...all: (Expression | undefined)[]): void => {
      for (const expression of all) if (expression) this.#expression(expression, scope)
    }
    switch (clause.type) {
      case 'with':
        if (position !== 0) throw parseError('unexpected WITH declaration: it stands at the start of the query')
        for (const ref of clause.collections) this.#collection(ref)
        return scope
      case 'for':
        visit(clause.source)
        this.#declare(clause.variable, scope)
        return scope
      case 'traverse':
      case 'shortestPath': {
        if (clause.type === 'traverse') visit(clause.min, clause.max)
        else visit(clause.target)
        visit(clause.start)
        this.#readsAnything('a traversal')
        for (const { collection } of clause.edges) this.#reads(collection)
        for (const name of [clause.vertex, clause.edge, clause.path]) this.#declare(name, scope)
        if (clause.type === 'traverse') {
          visit(clause.prune)
          this.#declare(clause.pruneVariable, scope)
        }
        visit(clause.options)
        return scope
      }
      case 'filter':
        visit(clause.test)
        return scope
      case 'let':
        visit(clause.value)
        this.#declare(clause.variable, scope)
        return scope
      case 'sort':
        for (const { value, descending } of clause.by)
          visit(value, typeof descending === 'boolean' ? undefined : descending)
        return scope
      case 'limit':
        visit(clause.offset, clause.count)
        return scope
      case 'return':
        visit(clause.value)
        return scope
      case 'collect': {
        visit(...clause.groups.map((g) => g.value), ...clause.aggregates.map((a) => a.arg), clause.into?.projection)
        for (const { call } of clause.aggregates)
          if (!aggregateFunctions.has(call)) throw new ArangoFailure(1574, `${call}()`)
        for (const name of clause.into?.keep ?? []) if (!scope.has(name)) throw new ArangoFailure(1512, `'${name}'`)
        // COLLECT ends all variables of this query.
        const after = new Set(outer)
        for (const { variable } of [...clause.groups, ...clause.aggregates]) this.#declare(variable, after)
        this.#declare(clause.into?.variable, after)
        this.#declare(clause.count, after)
        return after
      }
      case 'modify':
        visit(clause.key, clause.with, clause.options)
        this.#modifies(clause.collection)
        return new Set([...scope, 'OLD', ...(clause.kind === 'REMOVE' ? [] : ['NEW'])])
      case 'upsert': {
        visit(clause.search, clause.insert, clause.options)
        if (clause.filter) this.#expression(clause.filter, new Set([...scope, 'CURRENT']))
        this.#expression(clause.update, new Set([...scope, 'OLD']))
        this.#modifies(clause.collection)
        return new Set([...scope, 'OLD', 'NEW'])
      }
    }
  }

  #bind(name: string): void {
    this.#used.add(name)
    if (!Object.hasOwn(this.#binds, name)) throw new ArangoFailure(1551, name)
  }

  #expression(expression: Expression, scope: Set<string>): void {
    const visit = (...all: (Expression | undefined)[]): void => {
      for (const part of all) if (part) this.#expression(part, scope)
    }
    switch (expression.type) {
      case 'literal':
        return
      case 'bind':
        this.#bind(expression.name)
        return
      case 'name':
        if (!scope.has(expression.name)) this.#reads({ kind: 'fixed', name: expression.name })
        return
      case 'collection':
        this.#reads(expression.collection)
        return
      case 'array':
        visit(...expression.items)
        return
      case 'object':
        for (const { name, value } of expression.entries) visit(typeof name === 'string' ? undefined : name, value)
        return
      case 'attribute':
        if (expression.of.type === 'name' && !scope.has(expression.of.name) && this.#exists(expression.of.name))
          throw new ArangoFailure(1501, `collection '${expression.of.name}' used as a document`)
        visit(expression.of, expression.name)
        return
      case 'expand':
        visit(expression.of, ...expression.rest.map((r) => r.name))
        return
      case 'call':
        this.#call(expression.name, expression.args)
        visit(...expression.args)
        return
      case 'unary':
        visit(expression.of)
        return
      case 'binary':
        visit(expression.left, expression.right)
        if (expression.quantifier?.kind === 'AT LEAST') visit(expression.quantifier.count)
        return
      case 'logical':
        visit(expression.left, expression.right)
        return
      case 'ternary':
        visit(expression.test, expression.yes, expression.no)
        return
      case 'subquery':
        this.#body(expression.body, scope)
        return
    }
  }

  #call(name: string, args: Expression[]): void {
    const known = functions[name]
    if (!known) throw new ArangoFailure(1540, `'${name}()' (the emulator may not have it)`)
    if (args.length < known.min || args.length > known.max)
      throw new ArangoFailure(
        1541,
        `${name}(), expected number of arguments: minimum: ${known.min}, maximum: ${known.max}`,
      )
    if (name === 'DOCUMENT') this.#readsAnything('DOCUMENT()')
  }
}
