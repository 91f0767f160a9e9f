// Value of an expression for one row of variables.
import type { Clause, CollectionRef, Expression, Quantifier } from './ast.ts'
import { ArangoFailure, parseError } from './errors.ts'
import { type FunctionContext, functions } from './functions.ts'
import {
  compare,
  equal,
  finite,
  isArray,
  isObjectValue,
  like,
  type ObjectValue,
  own,
  regex,
  toBool,
  toNumber,
  toText,
  type Value,
} from './values.ts'

export type Row = Readonly<Record<string, Value>>

export interface Context extends FunctionContext {
  binds: ObjectValue
  collectionName(ref: CollectionRef): string
  documents(collection: string): Value[]
  subquery(body: Clause[], row: Row): Value[]
}

const longestRange = 1_000_000

const binary = (operator: string, a: Value, b: Value, context: Context): Value => {
  switch (operator) {
    case '==':
      return equal(a, b)
    case '!=':
      return !equal(a, b)
    case '<':
      return compare(a, b) < 0
    case '<=':
      return compare(a, b) <= 0
    case '>':
      return compare(a, b) > 0
    case '>=':
      return compare(a, b) >= 0
    case 'IN':
      return b !== null && isArray(b) && b.some((v) => equal(a, v))
    case 'NOT IN':
      return !(b !== null && isArray(b) && b.some((v) => equal(a, v)))
    case 'LIKE':
      return like(a, b, false)
    case 'NOT LIKE':
      return !like(a, b, false)
    case '=~':
    case '!~': {
      const pattern = regex(b, false)
      if (!pattern) throw new ArangoFailure(1543)
      return pattern.test(toText(a)) === (operator === '=~')
    }
    case '+':
      return finite(toNumber(a) + toNumber(b))
    case '-':
      return finite(toNumber(a) - toNumber(b))
    case '*':
      return finite(toNumber(a) * toNumber(b))
    case '/':
    case '%':
      if (toNumber(b) === 0) {
        context.warn(1562, 'division by zero')
        return null
      }
      return finite(operator === '/' ? toNumber(a) / toNumber(b) : toNumber(a) % toNumber(b))
    case '..':
      return range(Math.trunc(toNumber(a)), Math.trunc(toNumber(b)))
    default:
      throw parseError(`the emulator does not know the operator ${operator}`)
  }
}

const range = (from: number, to: number): Value[] => {
  const step = from <= to ? 1 : -1
  const count = Math.abs(to - from) + 1
  if (count > longestRange) throw new ArangoFailure(1504, `a range of ${count} values`)
  return Array.from({ length: count }, (_, i) => from + i * step)
}

const quantified = (
  quantifier: Quantifier,
  operator: string,
  left: Value,
  right: Value,
  row: Row,
  context: Context,
): boolean => {
  // What is no array holds for nothing.
  if (left === null || !isArray(left)) return false
  const hits = left.filter((v) => toBool(binary(operator, v, right, context))).length
  switch (quantifier.kind) {
    case 'ANY':
      return hits > 0
    case 'ALL':
      return hits === left.length
    case 'NONE':
      return hits === 0
    case 'AT LEAST':
      return hits >= toNumber(evaluate(quantifier.count, row, context))
  }
}

const access = (of: Value, name: Value): Value => {
  if (of !== null && isArray(of)) {
    const index = typeof name === 'number' ? Math.trunc(name) : /^-?\d+$/.test(toText(name)) ? Number(name) : undefined
    return index === undefined ? null : (of.at(index) ?? null)
  }
  return isObjectValue(of) ? own(of, toText(name)) : null
}

/** bind-parameters, "Nested attributes": a list behind a dot is a whole path. */
const step = (of: Value, name: Expression, row: Row, context: Context): Value => {
  const value = evaluate(name, row, context)
  if (name.type !== 'bind' || !name.path) return access(of, value)
  if (typeof value === 'string') return access(of, value)
  if (value === null || !isArray(value) || !value.every((part) => typeof part === 'string'))
    throw new ArangoFailure(1553, `'${name.name}' must be a string or a list of strings`)
  return value.reduce<Value>(access, of)
}

const flatten = (items: Value[], depth: number): Value[] =>
  depth <= 0
    ? items
    : flatten(
        items.flatMap((v) => (v !== null && isArray(v) ? v : [v])),
        depth - 1,
      )

export const evaluate = (expression: Expression, row: Row, context: Context): Value => {
  switch (expression.type) {
    case 'literal':
      return expression.value
    case 'bind':
      return own(context.binds, expression.name)
    case 'name': {
      if (Object.hasOwn(row, expression.name)) return row[expression.name] ?? null
      return context.documents(expression.name)
    }
    case 'collection':
      return context.documents(context.collectionName(expression.collection))
    case 'array':
      return expression.items.map((item) => evaluate(item, row, context))
    case 'object': {
      const object: ObjectValue = {}
      for (const { name, value } of expression.entries)
        object[typeof name === 'string' ? name : toText(evaluate(name, row, context))] = evaluate(value, row, context)
      return object
    }
    case 'attribute':
      return step(evaluate(expression.of, row, context), expression.name, row, context)
    case 'expand': {
      const of = evaluate(expression.of, row, context)
      const items = of !== null && isArray(of) ? flatten(of, expression.depth - 1) : []
      return items.map((item) => expression.rest.reduce((value, { name }) => step(value, name, row, context), item))
    }
    case 'call': {
      const known = functions[expression.name]
      if (!known) throw new ArangoFailure(1540, `'${expression.name}()'`)
      return known.run(callArguments(expression.name, expression.args, row, context), context)
    }
    case 'unary': {
      const of = evaluate(expression.of, row, context)
      if (expression.operator === '!') return !toBool(of)
      return finite(expression.operator === '-' ? -toNumber(of) : toNumber(of))
    }
    case 'logical': {
      const left = evaluate(expression.left, row, context)
      if (toBool(left) === (expression.operator === '||')) return left
      return evaluate(expression.right, row, context)
    }
    case 'ternary': {
      const test = evaluate(expression.test, row, context)
      if (!toBool(test)) return evaluate(expression.no, row, context)
      return expression.yes ? evaluate(expression.yes, row, context) : test
    }
    case 'subquery':
      return context.subquery(expression.body, row)
    case 'binary': {
      const left = evaluate(expression.left, row, context)
      const right = evaluate(expression.right, row, context)
      if (expression.quantifier)
        return quantified(expression.quantifier, expression.operator, left, right, row, context)
      return binary(expression.operator, left, right, context)
    }
  }
}

/** A collection's name stands for the name where a function wants one, for the documents elsewhere. */
const callArguments = (name: string, args: Expression[], row: Row, context: Context): Value[] => {
  const byName = name === 'DOCUMENT' || name === 'IS_SAME_COLLECTION'
  return args.map((arg, i) => {
    if (byName && i === 0) {
      if (arg.type === 'collection') return context.collectionName(arg.collection)
      if (arg.type === 'name' && !Object.hasOwn(row, arg.name)) return arg.name
    }
    return evaluate(arg, row, context)
  })
}
