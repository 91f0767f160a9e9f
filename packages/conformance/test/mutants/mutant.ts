import {
  APPLIED,
  type Backend,
  type EdgeRecord,
  type EdgeSet,
  type FilterNode,
  type Key,
  type Metadata,
  type NodeRecord,
  type Outcome,
  type RecordIssue,
  type RoleName,
  type RowRecord,
  type Scope,
  type UpsertMode,
  type VectorRecord,
  type Version,
} from '@veritas-db/core/contract'
import type { Declared } from '../memory/index.js'

/** The options of any method of any role. */
export interface AnyOptions {
  readonly scope: Scope
  readonly signal?: AbortSignal
  readonly after?: string
  readonly records?: readonly (VectorRecord | RowRecord)[]
  readonly nodes?: readonly NodeRecord[]
  readonly edges?: readonly EdgeRecord[]
  readonly sets?: readonly EdgeSet[]
  readonly keys?: readonly Key[]
  readonly starts?: readonly Key[]
  readonly documents?: readonly { readonly key: Key; readonly versionBelow: Version }[]
  readonly from?: Key
  readonly to?: Key
  readonly versionBelow?: Version
  readonly mode?: UpsertMode
  readonly filter?: FilterNode
  readonly cursor?: string
  readonly limit?: number
  readonly topK?: number
  readonly exact?: boolean
  readonly depth?: { readonly min: number; readonly max: number }
  readonly maxDepth?: number
  readonly direction?: string
  readonly edgeTypes?: readonly string[]
  readonly placeholders?: boolean
  readonly label?: string
  readonly table?: string
  readonly columns?: readonly string[] | Readonly<Record<string, unknown>>
  readonly fields?: unknown
  readonly include?: unknown
  readonly order?: { readonly column: string; readonly direction: 'ascending' | 'descending' }
  readonly text?: string
  readonly query?: string
  readonly vector?: Float32Array
  readonly metric?: string
  readonly of?: string
}

export type Call = (options: AnyOptions, ...rest: unknown[]) => Promise<unknown>
/** A method gone wrong: gets what it is asked, the right method, and the right methods of the role by name. */
export type Change = (
  options: AnyOptions,
  original: Call,
  role: (method: string) => Call,
  ...rest: unknown[]
) => unknown

/** A backend with one defect, and the suite that must notice. */
export interface Mutant {
  readonly name: string
  readonly suite: string
  readonly declared?: Declared
  /** The methods of one role that go wrong. */
  readonly role?: RoleName
  readonly methods?: Readonly<Record<string, Change>>
  /** `check` gone wrong. */
  readonly check?: (issues: readonly RecordIssue[]) => readonly RecordIssue[]
  /** The backend as a whole gone wrong; called anew for every connection. */
  readonly backend?: (backend: Backend) => Backend
}

/** The right backend with the mutant's defect. */
export function mutate(backend: Backend, mutant: Mutant): Backend {
  const { role: name, methods = {}, check } = mutant
  const whole = mutant.backend ? mutant.backend(backend) : backend
  if (!name) return whole
  const break_ = <R extends object>(role: R): R => brokenRole(role, methods, check)
  const { vector, graph, relational } = whole.roles
  const roles = {
    ...whole.roles,
    ...(name === 'vector' && vector && { vector: break_(vector) }),
    ...(name === 'graph' && graph && { graph: break_(graph) }),
    ...(name === 'relational' && relational && { relational: break_(relational) }),
  }
  return { ...whole, roles }
}

export function brokenRole<R extends object>(
  role: R,
  methods: Readonly<Record<string, Change>>,
  check?: Mutant['check'],
): R {
  return new Proxy(role, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      const of = (method: string): Call => (Reflect.get(target, method) as Call).bind(target)
      const change = Object.hasOwn(methods, name) ? methods[String(name)] : undefined
      if (change)
        return async (options: AnyOptions, ...rest: unknown[]) => change(options, of(String(name)), of, ...rest)
      if (name === 'check' && check)
        return (...records: unknown[]) => check(value.apply(target, records) as readonly RecordIssue[])
      return value.bind(target)
    },
  })
}

/** What the methods and parts of the records are called in each role. */
export interface Names {
  readonly role: RoleName
  readonly write: string
  readonly read: string
  readonly query: string
  readonly scan: string
  readonly remove: string
  readonly ensure: string
  readonly drop: string
  readonly records: 'records' | 'nodes'
  readonly data: 'metadata' | 'properties' | 'values'
}

export const NAMES: readonly Names[] = [
  {
    role: 'vector',
    write: 'upsert',
    read: 'get',
    query: 'query',
    scan: 'scan',
    remove: 'delete',
    ensure: 'ensureCollection',
    drop: 'dropCollection',
    records: 'records',
    data: 'metadata',
  },
  {
    role: 'graph',
    write: 'upsertNodes',
    read: 'getNodes',
    query: 'findNodes',
    scan: 'scanNodes',
    remove: 'deleteNodes',
    ensure: 'ensureSchema',
    drop: 'dropSchema',
    records: 'nodes',
    data: 'properties',
  },
  {
    role: 'relational',
    write: 'upsert',
    read: 'get',
    query: 'find',
    scan: 'scan',
    remove: 'delete',
    ensure: 'ensureTable',
    drop: 'dropTable',
    records: 'records',
    data: 'values',
  },
]

/** A record of any role, as far as mutants look into it. */
export interface AnyRecord {
  readonly key: Key
  readonly documentId: string
  readonly version: Version
  readonly ordinal?: number
  readonly metadata?: Metadata
  readonly properties?: Metadata
  readonly values?: Metadata
}

export const recordsOf = (options: AnyOptions, n: Names): readonly AnyRecord[] => options[n.records] ?? []
/** The options with other records. */
export const withRecords = (options: AnyOptions, n: Names, records: readonly AnyRecord[]): AnyOptions => ({
  ...options,
  [n.records]: records,
})

/** Runs `change` on every text, number, date and array within metadata. */
export function mapLeaves(data: Metadata, change: (value: unknown) => unknown): Metadata {
  const walk = (value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
      ? Object.fromEntries(
          Object.entries(value)
            .map(([field, item]) => [field, walk(item)])
            .filter(([, item]) => item !== undefined),
        )
      : change(value)
  return walk(data) as Metadata
}

/** Makes the mutants of one role. */
export function mutantOf(
  role: RoleName,
): (suite: string, name: string, methods: NonNullable<Mutant['methods']>, more?: Partial<Mutant>) => Mutant {
  return (suite, name, methods, more = {}) => ({
    name: `${role}: ${name}`,
    suite: `${role}.${suite}`,
    role,
    methods,
    ...more,
  })
}

/** The answer to a write of so many records that all were applied, true or not. */
export const allApplied = (count: number): { outcomes: Outcome[] } => ({
  outcomes: Array.from({ length: count }, () => APPLIED),
})

/** The options but for some. */
export const without = (options: AnyOptions, ...names: (keyof AnyOptions)[]): AnyOptions => {
  const copy = { ...options }
  for (const name of names) Reflect.deleteProperty(copy, name)
  return copy
}
