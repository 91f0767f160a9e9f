// Runs a query: each operation turns the rows before it into the rows after it, docs.arangodb.com/3.12/aql.
import type { Session } from '../store.ts'
import { Analyser } from './analyse.ts'
import type { Clause, CollectionRef, Expression } from './ast.ts'
import { collect } from './collect.ts'
import { ArangoFailure } from './errors.ts'
import { type Context, evaluate, type Row } from './evaluate.ts'
import { candidates } from './lookup.ts'
import { modifyRow, upsertRow } from './modify.ts'
import { parseQuery } from './parse.ts'
import { shortestPath, startId, traverse } from './traverse.ts'
import {
  compare,
  fingerprint,
  isArray,
  isObjectValue,
  type ObjectValue,
  toBool,
  toNumber,
  toText,
  typeName,
  type Value,
} from './values.ts'

export interface QueryResult {
  result: Value[]
  warnings: { code: number; message: string }[]
  writesExecuted: number
  writesIgnored: number
  /** Rows before the last LIMIT of the main query. */
  fullCount: number | undefined
  modifies: boolean
}

export class Query {
  readonly session: Session
  readonly context: Context
  readonly warnings: { code: number; message: string }[] = []
  writesExecuted = 0
  writesIgnored = 0
  fullCount: number | undefined
  readonly #analyser: Analyser

  constructor(session: Session, binds: ObjectValue) {
    this.session = session
    this.#analyser = new Analyser(binds, (name) => session.database.collections.has(name))
    this.context = {
      binds,
      collectionName: (ref) => this.collection(ref),
      documents: (name) => session.view(name).all(),
      document: (id) => session.document(id) ?? null,
      subquery: (body, row) => this.#body(body, row, false),
      warn: (code, message) => {
        // As many as the server reports unless told otherwise.
        if (this.warnings.length < 10) this.warnings.push({ code, message })
      },
    }
  }

  run(text: string): QueryResult {
    const clauses = parseQuery(text)
    const { modifies } = this.#analyser.run(clauses)
    const result = this.#body(clauses, {}, true)
    const { warnings, writesExecuted, writesIgnored, fullCount } = this
    return { result, warnings, writesExecuted, writesIgnored, fullCount, modifies }
  }

  collection(ref: CollectionRef): string {
    return this.#analyser.name(ref)
  }

  evaluate(expression: Expression, row: Row): Value {
    return evaluate(expression, row, this.context)
  }

  options(expression: Expression | undefined, row: Row): ObjectValue {
    const value = expression ? this.evaluate(expression, row) : {}
    if (!isObjectValue(value)) throw new ArangoFailure(1501, 'OPTIONS must be an object')
    return value
  }

  #body(clauses: Clause[], outer: Row, main: boolean): Value[] {
    let rows: Row[] = [outer]
    /** Variables that a COLLECT … INTO does not gather: those of the queries around, and those before the first FOR. */
    let hidden = new Set(Object.keys(outer))
    let looped = false
    for (const [i, clause] of clauses.entries()) {
      if (clause.type === 'return') {
        const values = rows.map((row) => this.evaluate(clause.value, row))
        return clause.distinct ? [...new Map(values.map((v) => [fingerprint(v), v])).values()] : values
      }
      const loops = clause.type === 'for' || clause.type === 'traverse' || clause.type === 'shortestPath'
      if (loops && !looped) {
        looped = true
        hidden = new Set(Object.keys(rows[0] ?? outer))
      }
      if (clause.type === 'collect') {
        rows = collect(this, clause, rows, outer, hidden)
        hidden = new Set(Object.keys(outer))
      } else if (clause.type === 'for') rows = this.#for(clause, clauses[i + 1], rows)
      else rows = this.#clause(clause, rows, main)
    }
    return []
  }

  #clause(clause: Exclude<Clause, { type: 'return' | 'collect' | 'for' }>, rows: Row[], main: boolean): Row[] {
    switch (clause.type) {
      case 'with':
        return rows
      case 'traverse':
        return rows.flatMap((row) => this.#traverse(clause, row))
      case 'shortestPath':
        return rows.flatMap((row) => this.#shortestPath(clause, row))
      case 'filter':
        return rows.filter((row) => toBool(this.evaluate(clause.test, row)))
      case 'let':
        return rows.map((row) => ({ ...row, [clause.variable]: this.evaluate(clause.value, row) }))
      case 'sort':
        return this.#sort(clause.by, rows)
      case 'limit':
        return this.#limit(clause, rows, main)
      case 'modify':
        return rows.flatMap((row) => modifyRow(this, clause, row))
      case 'upsert':
        return rows.flatMap((row) => upsertRow(this, clause, row))
    }
  } /** A filter right behind is applied at once, so that a join does not pile up all pairs. */
  #for(clause: Extract<Clause, { type: 'for' }>, next: Clause | undefined, rows: Row[]): Row[] {
    const { source, variable } = clause
    const test = next?.type === 'filter' ? next.test : undefined
    const found: Row[] = []
    for (const row of rows) {
      const name =
        source.type === 'collection'
          ? this.collection(source.collection)
          : source.type === 'name' && !Object.hasOwn(row, source.name)
            ? source.name
            : undefined
      const few =
        name === undefined || test === undefined
          ? undefined
          : candidates(this.session.view(name), variable, test, (e) => this.evaluate(e, row))
      for (const value of few ?? this.#iterate(source, row)) {
        const inner = { ...row, [variable]: value }
        if (test === undefined || toBool(this.evaluate(test, inner))) found.push(inner)
      }
    }
    return found
  }

  #iterate(source: Expression, row: Row): Value[] {
    const value = this.evaluate(source, row)
    if (value === null || !isArray(value))
      throw new ArangoFailure(
        1563,
        `=collection or array expected as operand to FOR loop; you specified type '${typeName(value)}'`,
      )
    return value
  }

  #sort(by: { value: Expression; descending: boolean | Expression }[], rows: Row[]): Row[] {
    const signs = by.map(({ descending }) => {
      if (typeof descending === 'boolean') return descending ? -1 : 1
      const given = toText(this.evaluate(descending, {})).toUpperCase()
      if (given !== 'ASC' && given !== 'DESC') throw new ArangoFailure(1501, `sort direction '${given}'`)
      return given === 'DESC' ? -1 : 1
    })
    const keyed = rows.map((row) => ({ row, keys: by.map(({ value }) => this.evaluate(value, row)) }))
    keyed.sort((a, b) => {
      for (const [i, sign] of signs.entries()) {
        const order = compare(a.keys[i] ?? null, b.keys[i] ?? null) * sign
        if (order !== 0) return order
      }
      return 0
    })
    return keyed.map(({ row }) => row)
  }

  #limit(clause: Extract<Clause, { type: 'limit' }>, rows: Row[], main: boolean): Row[] {
    const number = (expression: Expression): number => {
      const value = this.evaluate(expression, {})
      if (value !== null && (typeof value !== 'number' || value < 0))
        throw new ArangoFailure(1504, 'offset and count of LIMIT')
      return Math.floor(toNumber(value))
    }
    if (main) this.fullCount = rows.length
    const offset = clause.offset ? number(clause.offset) : 0
    return rows.slice(offset, offset + number(clause.count))
  }

  #edgeSources(clause: Extract<Clause, { type: 'traverse' | 'shortestPath' }>) {
    return clause.edges.map(({ direction, collection }) => ({ direction, collection: this.collection(collection) }))
  }

  #traverse(clause: Extract<Clause, { type: 'traverse' }>, row: Row): Row[] {
    const [min, max] = [clause.min, clause.max].map((e) => this.evaluate(e, row))
    if (typeof min !== 'number' || typeof max !== 'number' || min < 0 || max < min)
      throw new ArangoFailure(10, 'the depth of a traversal must be a range of integers, from 0 on')
    const start = startId(this.evaluate(clause.start, row))
    if (start === undefined) {
      this.context.warn(10, 'only id strings or objects with _id are allowed as start of a traversal')
      return []
    }
    const variables = (step: { vertex: Value; edge: Value; path: Value }): Row => ({
      ...row,
      [clause.vertex]: step.vertex,
      ...(clause.edge === undefined ? {} : { [clause.edge]: step.edge }),
      ...(clause.path === undefined ? {} : { [clause.path]: step.path }),
    })
    const pruned = new Map<Value, boolean>()
    const prune = (step: { vertex: Value; edge: Value; path: Value }): boolean => {
      const cut = clause.prune ? toBool(this.evaluate(clause.prune, variables(step))) : false
      pruned.set(step.path, cut)
      return cut
    }
    const wantsPath = clause.path !== undefined || clause.pruneVariable !== undefined
    const options = this.options(clause.options, row)
    const steps = traverse(this.session, start, this.#edgeSources(clause), [min, max], options, prune, wantsPath)
    return [...steps].map((step) => ({
      ...variables(step),
      ...(clause.pruneVariable === undefined ? {} : { [clause.pruneVariable]: pruned.get(step.path) ?? false }),
    }))
  }

  #shortestPath(clause: Extract<Clause, { type: 'shortestPath' }>, row: Row): Row[] {
    const start = startId(this.evaluate(clause.start, row))
    const target = startId(this.evaluate(clause.target, row))
    if (start === undefined || target === undefined) {
      this.context.warn(10, 'only id strings or objects with _id are allowed as ends of a shortest path')
      return []
    }
    const options = this.options(clause.options, row)
    return shortestPath(this.session, start, target, this.#edgeSources(clause), options).map((step) => ({
      ...row,
      [clause.vertex]: step.vertex,
      ...(clause.edge === undefined ? {} : { [clause.edge]: step.edge }),
    }))
  }
}

/** Runs a query in a session, all or nothing. The caller commits. */
export const runQuery = (session: Session, text: string, binds: ObjectValue): QueryResult => {
  const undo = session.savepoint()
  try {
    return new Query(session, binds).run(text)
  } catch (error) {
    undo()
    throw error
  }
}
