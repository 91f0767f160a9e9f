import { createHash } from 'node:crypto'
import {
  APPLIED,
  assertPushable,
  checkName,
  compareText,
  type DeleteResult,
  type FieldType,
  type FilterNode,
  FULL_FILTER,
  invalid,
  isMatchAll,
  type Metadata,
  type MetadataValue,
  type Page,
  type RecordHead,
  type RecordIssue,
  type RelationalCapabilities,
  type RelationalRole,
  type RowHit,
  type RowRecord,
  type ScanOptions,
  type Scope,
  STALE,
  type TableDefinition,
  throwIfAborted,
  typeName,
  type UpsertMode,
  unsupported,
  type VeritasError,
  type WriteResult,
} from '@veritas-db/core/contract'
import {
  identityIssues,
  issue,
  notFound,
  present,
  refuse,
  type Session,
  scopeId,
  type Table,
  textScore,
  wins,
} from './engine.js'
import { pageOf } from './scan.js'

export const RELATIONAL: RelationalCapabilities = {
  limits: { batchRecords: 100, batchBytes: 1_000_000 },
  filter: FULL_FILTER,
  upsertModes: ['replace', 'ifNewer', 'ifAbsent'],
  conditionalUpsert: 'atomic',
  readAfterWrite: 'immediate',
  scan: { order: 'key', resume: 'cursor', snapshot: false },
  fullText: true,
  transactions: true,
  order: true,
  digest: true,
  raw: 'sql',
}

type Options<M extends keyof RelationalRole> = RelationalRole[M] extends (options: infer O, ...rest: never[]) => unknown
  ? O
  : never

export class MemoryRelational implements RelationalRole {
  readonly capabilities: RelationalCapabilities
  readonly #session: Session
  readonly #inside: boolean

  constructor(session: Session, capabilities: RelationalCapabilities, inside = false) {
    this.#session = session
    this.capabilities = capabilities
    this.#inside = inside
  }

  check(records: readonly RowRecord[], definition?: TableDefinition): readonly RecordIssue[] {
    return records.flatMap((row, i) =>
      present([
        ...identityIssues(i, row, row.values, 'values'),
        ...(definition
          ? Object.entries(row.values).map(([name, value]) => columnIssue(i, name, value, definition))
          : []),
      ]),
    )
  }

  async ensureTable({ scope, table, signal, ...definition }: Options<'ensureTable'>): Promise<void> {
    return this.#run({ scope, ...(signal && { signal }) }, () => {
      checkName(table, 'table')
      for (const name of Object.keys(definition.columns)) checkName(name, 'columns')
      const id = `${scopeId(scope)}/${table}`
      const there = this.#tables.get(id)
      if (!there) this.#tables.set(id, { definition, rows: new Map() })
      else {
        const fullText = [...new Set([...(there.definition.fullText ?? []), ...(definition.fullText ?? [])])]
        there.definition = { columns: { ...there.definition.columns, ...definition.columns }, fullText }
      }
    })
  }

  async dropTable(options: Options<'dropTable'>): Promise<void> {
    return this.#run(options, () => {
      this.#tables.delete(`${scopeId(options.scope)}/${options.table}`)
    })
  }

  async upsert(options: Options<'upsert'>): Promise<WriteResult> {
    return this.#run(options, () => {
      const { rows, definition } = this.#at(options)
      const { mode = 'replace' } = options
      this.#checkMode(mode)
      refuse(this.check(options.records, definition))
      const outcomes = options.records.map((row) => {
        if (!wins(rows.get(row.key), row.version, mode)) return STALE
        rows.set(row.key, structuredClone(row))
        return APPLIED
      })
      return { outcomes }
    })
  }

  async get(options: Options<'get'>): Promise<readonly RowRecord[]> {
    return this.#run(options, () => {
      const { rows } = this.#at(options)
      return [...new Set(options.keys)].flatMap((key) => {
        const row = rows.get(key)
        return row ? [chosen(row, options.columns)] : []
      })
    })
  }

  async find(options: Options<'find'>): Promise<Page<RowRecord>> {
    return this.#run(options, () => {
      const { rows } = this.#at(options)
      if (options.order && !this.capabilities.order) throw this.#unsupported('order by a column')
      const column = options.order?.column
      const sign = options.order?.direction === 'descending' ? -1 : 1
      const sortValue = (row: RowRecord): MetadataValue => (column === undefined ? null : (row.values[column] ?? null))
      const compare = (a: RowRecord, b: RowRecord): number =>
        sign * compareValues(sortValue(a), sortValue(b)) || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)
      const sorted = [...rows.values()].filter(this.#filter(options.filter)).sort(compare)
      const after = options.cursor === undefined ? undefined : (JSON.parse(options.cursor, reviveDate) as RowRecord)
      const rest = after ? sorted.filter((row) => compare(row, after) > 0) : sorted
      const page = rest.slice(0, options.limit)
      const last = page.at(-1)
      const cursor = last && rest.length > options.limit ? cursorOf(last, column) : null
      return { records: page.map((row) => chosen(row, options.columns)), cursor }
    })
  }

  async count(options: Options<'count'>): Promise<number> {
    return this.#run(options, () => [...this.#at(options).rows.values()].filter(this.#filter(options.filter)).length)
  }

  async delete(options: Options<'delete'>): Promise<DeleteResult> {
    return this.#run(options, () => {
      const { rows } = this.#at(options)
      const keys = 'keys' in options ? new Set(options.keys) : undefined
      const accept = 'filter' in options ? this.#filter(options.filter) : (r: RowRecord) => keys?.has(r.key) === true
      let deleted = 0
      for (const [key, row] of rows) if (accept(row) && rows.delete(key)) deleted++
      return { deleted }
    })
  }

  async searchText(options: Options<'searchText'>): Promise<readonly RowHit[]> {
    if (!this.capabilities.fullText) throw this.#unsupported('full text')
    return this.#run(options, () => {
      const { rows, definition } = this.#at(options)
      const text = (row: RowRecord): string => (definition.fullText ?? []).map((c) => row.values[c] ?? '').join(' ')
      return [...rows.values()]
        .filter(this.#filter(options.filter))
        .map((r) => ({
          key: r.key,
          documentId: r.documentId,
          version: r.version,
          score: textScore(text(r), options.query),
        }))
        .filter((hit) => hit.score > 0)
        .sort((a, b) => b.score - a.score)
        .slice(0, options.limit)
    })
  }

  scan(options: ScanOptions & { readonly table: string; readonly fields: 'keys' }): Promise<Page<RecordHead>>
  scan(
    options: ScanOptions & { readonly table: string; readonly fields?: 'all'; readonly columns?: readonly string[] },
  ): Promise<Page<RowRecord>>
  async scan(
    options: ScanOptions & {
      readonly table: string
      readonly fields?: 'keys' | 'all'
      readonly columns?: readonly string[]
    },
  ): Promise<Page<RecordHead | RowRecord>> {
    return this.#run(options, () => {
      const rows = [...this.#at(options).rows.values()].filter(this.#filter(options.filter))
      const page = pageOf(this.#session.engine, this.capabilities.scan, rows, (row) => row.key, options)
      const head = ({ key, version }: RowRecord): RecordHead => ({ key, version })
      return {
        ...page,
        records: page.records.map((r) => (options.fields === 'keys' ? head(r) : chosen(r, options.columns))),
      }
    })
  }

  async transaction<T>(options: { signal?: AbortSignal }, work: (role: RelationalRole) => Promise<T>): Promise<T> {
    if (!this.capabilities.transactions) throw this.#unsupported('transactions')
    throwIfAborted(options.signal)
    return this.#session.engine.exclusive(() => work(new MemoryRelational(this.#session, this.capabilities, true)))
  }

  async digest(options: Options<'digest'>): Promise<{ readonly count: number; readonly hash: string }> {
    if (!this.capabilities.digest) throw this.#unsupported('digest')
    return this.#run(options, () => {
      const rows = [...this.#at(options).rows.values()].filter((r) => r.key >= options.from && r.key < options.to)
      const heads = rows.map((r) => `${r.key}${r.version}`).sort()
      return { count: rows.length, hash: createHash('sha256').update(heads.join()).digest('hex') }
    })
  }

  async raw(options: Options<'raw'>): Promise<readonly unknown[]> {
    if (this.capabilities.raw === undefined) throw this.#unsupported('raw')
    return this.#run(options, () => {
      if (options.query !== 'SELECT 1 AS one') throw invalid('query', 'is none that this database understands')
      return [{ one: 1 }]
    })
  }

  get #tables(): Map<string, Table> {
    return this.#session.engine.state.tables
  }
  #run<T>(options: { signal?: AbortSignal; scope?: Scope }, work: () => T): Promise<T> {
    return this.#session.run(options, this.#inside, work)
  }
  #at({ scope, table }: { scope: Scope; table: string }): Table {
    checkName(table, 'table')
    const there = this.#tables.get(`${scopeId(scope)}/${table}`)
    if (!there) throw notFound(`table ${table}`)
    return there
  }
  #checkMode(mode: UpsertMode): void {
    if (!this.capabilities.upsertModes.includes(mode)) throw this.#unsupported(`mode ${mode}`)
  }
  #filter(filter: FilterNode | undefined): (row: RowRecord) => boolean {
    if (!filter || isMatchAll(filter)) return () => true
    assertPushable(filter, this.capabilities.filter, 'memory', 'relational')
    return (row) => this.#session.evaluate(filter, row.values)
  }
  #unsupported(what: string): VeritasError {
    return unsupported('memory', 'relational', what)
  }
}

function columnIssue(
  index: number,
  name: string,
  value: MetadataValue | undefined,
  definition: TableDefinition,
): RecordIssue | null {
  return issue(index, `values.${name}`, () => {
    const type = Object.hasOwn(definition.columns, name) ? definition.columns[name]?.type : undefined
    if (type === undefined) throw invalid(`values.${name}`, 'is no declared column')
    if (value !== null && value !== undefined && !fits(value, type))
      throw invalid(`values.${name}`, `needs a ${type}, got ${typeName(value)}`)
  })
}

function fits(value: MetadataValue, type: FieldType): boolean {
  if (type === 'json') return true
  if (type === 'date') return value instanceof Date
  if (type === 'string[]' || type === 'number[]')
    return Array.isArray(value) && value.every((item) => typeof item === type.slice(0, -2))
  return typeof value === type
}

function chosen(row: RowRecord, columns: readonly string[] | undefined): RowRecord {
  const values: Metadata = columns ? Object.fromEntries(columns.map((c) => [c, row.values[c] ?? null])) : row.values
  return structuredClone({ ...row, values })
}

function compareValues(a: MetadataValue, b: MetadataValue): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b)
  return Number(a) - Number(b)
}

/** A cursor holds the last row's place in the order. */
function cursorOf(row: RowRecord, column: string | undefined): string {
  const value = column === undefined ? null : (row.values[column] ?? null)
  const values = column === undefined ? {} : { [column]: value instanceof Date ? { $date: value.getTime() } : value }
  return JSON.stringify({ key: row.key, values })
}
function reviveDate(_name: string, value: unknown): unknown {
  return typeof value === 'object' && value !== null && '$date' in value ? new Date(Number(value.$date)) : value
}
