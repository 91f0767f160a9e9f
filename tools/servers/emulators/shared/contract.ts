// Holds an emulator to the vendor's description: every request and every answer passes a JSON Schema, and what does
// not is recorded, so that neither the client nor the emulator can drift into a dialect of its own.
import { Ajv, type ValidateFunction } from 'ajv'

export type Schema = Readonly<Record<string, unknown>> | boolean

export interface RouteContract {
  /** Name of the operation in the vendor's description. */
  operation: string
  method: string
  /** Path with `{name}` for parameters. */
  path: string
  query?: Schema
  request?: Schema
  /** Schema by status (`200`), with `error` for every status from 400 on. */
  answers: Readonly<Record<string, Schema>>
}

export interface Violation {
  kind: 'request' | 'answer'
  operation: string
  path: string
  message: string
  at: string
}

export interface Route extends RouteContract {
  pattern: RegExp
  names: string[]
}

export interface Matched {
  route: Route
  params: Record<string, string>
}

const compilePath = (path: string): { pattern: RegExp; names: string[] } => {
  const names: string[] = []
  const source = path
    .split('/')
    .map((part) => {
      const name = /^\{(\w+)\}$/.exec(part)?.[1]
      if (name === undefined) return part.replace(/[.*+?^$()[\]|\\]/g, '\\$&')
      names.push(name)
      return '([^/]+)'
    })
    .join('/')
  return { pattern: new RegExp(`^${source}$`), names }
}

export class Contract {
  readonly violations: Violation[] = []
  readonly #routes: Route[]
  readonly #ajv: Ajv
  readonly #compiled = new Map<Schema, ValidateFunction>()

  constructor(routes: readonly RouteContract[], definitions: Readonly<Record<string, Schema>> = {}) {
    this.#routes = routes.map((route) => ({ ...route, ...compilePath(route.path) }))
    this.#ajv = new Ajv({ allErrors: false, strict: true, allowUnionTypes: true, strictRequired: false })
    for (const [name, schema] of Object.entries(definitions))
      this.#ajv.addSchema(typeof schema === 'boolean' ? schema : { ...schema }, name)
    // Compiling now makes a wrong schema fail at start, not in the middle of a test.
    for (const route of this.#routes)
      for (const schema of [route.query, route.request, ...Object.values(route.answers)])
        if (schema !== undefined) this.#validator(schema)
  }

  #validator(schema: Schema): ValidateFunction {
    const known = this.#compiled.get(schema)
    if (known) return known
    const compiled = this.#ajv.compile(typeof schema === 'boolean' ? schema : { ...schema })
    this.#compiled.set(schema, compiled)
    return compiled
  }

  match(method: string, path: string): Matched | undefined {
    for (const route of this.#routes) {
      if (route.method !== method) continue
      const found = route.pattern.exec(path)
      if (!found) continue
      const params: Record<string, string> = {}
      route.names.forEach((name, i) => {
        params[name] = decodeURIComponent(found[i + 1] ?? '')
      })
      return { route, params }
    }
    return undefined
  }

  /** Message of what is wrong with `value`, or undefined. */
  check(schema: Schema | undefined, value: unknown): string | undefined {
    if (schema === undefined) return undefined
    const validate = this.#validator(schema)
    if (validate(value)) return undefined
    const first = validate.errors?.[0]
    const extra = first?.params.additionalProperty
    return `${first?.instancePath || '/'} ${first?.message ?? 'is invalid'}${extra === undefined ? '' : ` (${String(extra)})`}`
  }

  answerSchema(route: Route, status: number): Schema | undefined {
    return route.answers[String(status)] ?? (status >= 400 ? route.answers.error : undefined)
  }

  record(kind: Violation['kind'], operation: string, path: string, message: string): void {
    this.violations.push({ kind, operation, path, message, at: new Date().toISOString() })
  }

  clear(): void {
    this.violations.length = 0
  }
}
