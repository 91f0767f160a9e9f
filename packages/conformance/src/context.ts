import { randomBytes } from 'node:crypto'
import type {
  Backend,
  CollectionDefinition,
  GraphRole,
  GraphSchema,
  RelationalRole,
  RoleName,
  Scope,
  TableDefinition,
  VectorRole,
} from '@veritas-db/core/contract'
import { assert } from './assert.js'
import type { ConformanceOptions } from './options.js'
import { GraphPlace } from './places/graph.js'
import type { Place } from './places/place.js'
import { RelationalPlace } from './places/relational.js'
import { VectorPlace } from './places/vector.js'
import { NotApplicable } from './suite.js'

/** What one run of the kit shares: the backend, names that no other run uses, and what is to be cleaned up. */
export class RunContext {
  readonly options: ConformanceOptions
  readonly roles: readonly RoleName[]
  /** Makes a further backend, not connected. */
  readonly make: () => Promise<Backend>
  readonly #prefix = `vt${randomBytes(4).toString('hex')}`
  readonly #cleanups: (() => Promise<unknown>)[] = []
  #backend: Backend | undefined
  #second: Promise<Backend> | undefined
  #scopes = 0

  constructor(options: ConformanceOptions, roles: readonly RoleName[], make: () => Promise<Backend>) {
    this.options = options
    this.roles = roles
    this.make = make
  }

  async open(): Promise<void> {
    const backend = await this.make()
    await backend.connect()
    this.#backend = backend
  }

  get backend(): Backend {
    if (!this.#backend) throw new Error('the backend could not be opened: see the first error of this run')
    return this.#backend
  }

  /** What the server says it is; undefined where the run could not open it. */
  async server(): Promise<string | undefined> {
    if (!this.#backend) return undefined
    const { product, version } = await this.#backend.probe()
    return `${product} ${version}`
  }

  /** A second connection to the same database; undefined where the options give none. */
  async second(): Promise<Backend | undefined> {
    const { second } = this.options
    if (!second) return undefined
    this.#second ??= (async () => {
      const backend = await second()
      await backend.connect()
      return backend
    })()
    return this.#second
  }

  /** Names for a scope that nothing else uses. */
  scope(rest: Omit<Scope, 'collection'> = {}): Scope {
    return { ...rest, collection: this.name() }
  }

  name(): string {
    this.#scopes++
    return `${this.#prefix}_${this.#scopes}`
  }

  cleanup(work: () => Promise<unknown>): void {
    this.#cleanups.push(work)
  }

  async close(): Promise<void> {
    const errors: unknown[] = []
    const attempt = async (work: () => Promise<unknown>): Promise<void> => {
      try {
        await work()
      } catch (error) {
        errors.push(error)
      }
    }
    if (this.#backend) for (const work of this.#cleanups.reverse()) await attempt(work)
    const second = this.#second
    if (second) await attempt(async () => (await second).close())
    await attempt(async () => this.#backend?.close())
    if (errors.length > 0) throw new AggregateError(errors, `clean-up failed: ${String(errors[0])}`)
  }
}

/** What the checks of one suite share. */
export class SuiteContext {
  readonly run: RunContext
  readonly #memo = new Map<string, Promise<unknown>>()

  constructor(run: RunContext) {
    this.run = run
  }

  get backend(): Backend {
    return this.run.backend
  }
  get options(): ConformanceOptions {
    return this.run.options
  }
  get vector(): VectorRole {
    return this.#role(this.backend.roles.vector, 'vector')
  }
  get graph(): GraphRole {
    return this.#role(this.backend.roles.graph, 'graph')
  }
  get relational(): RelationalRole {
    return this.#role(this.backend.roles.relational, 'relational')
  }

  /** Ends the check: it does not apply, and `reason` says why. */
  notApplicable(reason: string): never {
    throw new NotApplicable(reason)
  }

  /** Makes something for the first check of the suite that asks, and hands the same to the others. */
  once<T>(name: string, make: () => Promise<T>): Promise<T> {
    const there = this.#memo.get(name)
    // The names are the suite's own, so the type is the one it was made with.
    if (there) return there as Promise<T>
    const made = make()
    this.#memo.set(name, made)
    return made
  }

  /** A place of the role with the standard fields that this suite has for itself; the same for the same `name`. */
  place(role: RoleName, name = 'main'): Promise<Place> {
    return this.once(`place:${role}:${name}`, () => this.newPlace(role))
  }

  async newPlace(role: RoleName, scope: Scope = this.run.scope()): Promise<Place> {
    if (role === 'vector') return this.newVectors({}, scope)
    if (role === 'graph') return this.newGraph({}, scope)
    return this.newTable({}, scope)
  }

  async newVectors(
    definition: Partial<CollectionDefinition> = {},
    scope: Scope = this.run.scope(),
  ): Promise<VectorPlace> {
    const place = new VectorPlace(this.vector, scope, this.options.waitForVisibility, definition)
    return this.#ensured(place)
  }

  async newGraph(schema: Partial<GraphSchema> = {}, scope: Scope = this.run.scope()): Promise<GraphPlace> {
    return this.#ensured(new GraphPlace(this.graph, scope, this.options.waitForVisibility, schema))
  }

  async newTable(
    definition: Partial<TableDefinition> & { readonly table?: string } = {},
    scope: Scope = this.run.scope(),
  ): Promise<RelationalPlace> {
    return this.#ensured(new RelationalPlace(this.relational, scope, this.options.waitForVisibility, definition))
  }

  async #ensured<P extends Place>(place: P): Promise<P> {
    this.run.cleanup(() => place.drop())
    await place.ensure()
    return place
  }

  #role<R>(role: R | undefined, name: RoleName): R {
    assert.ok(role, `the backend has no ${name} role, though it declares one`)
    return role
  }
}
