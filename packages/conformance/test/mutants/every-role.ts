import {
  APPLIED,
  type Key,
  type Outcome,
  type Page,
  type RecordIssue,
  STALE,
  type UpsertMode,
  VeritasError,
  type WriteResult,
} from '@veritas-db/core/contract'
import {
  type AnyOptions,
  type AnyRecord,
  type Call,
  type Mutant,
  mapLeaves,
  type Names,
  recordsOf,
  withRecords,
} from './mutant.js'

type Applied = { outcomes: Outcome[] }
const allApplied = (count: number): Applied => ({ outcomes: Array.from({ length: count }, () => APPLIED) })
const page = async (call: Promise<unknown>): Promise<Page<AnyRecord>> => (await call) as Page<AnyRecord>
/** The options but for some. */
const without = (options: AnyOptions, ...names: (keyof AnyOptions)[]): AnyOptions => {
  const copy = { ...options }
  for (const name of names) Reflect.deleteProperty(copy, name)
  return copy
}
/** Writes that change what they write. */
const stored = (n: Names, change: (value: unknown) => unknown): Mutant['methods'] => ({
  [n.write]: (o, call) =>
    call(
      withRecords(
        o,
        n,
        recordsOf(o, n).map((r) => ({ ...r, [n.data]: mapLeaves(r[n.data] ?? {}, change) })),
      ),
    ),
})
/** Writes that change the id. */
const renamed = (n: Names, change: (id: string) => string): Mutant['methods'] => ({
  [n.write]: (o, call) =>
    call(
      withRecords(
        o,
        n,
        recordsOf(o, n).map((r) => ({ ...r, documentId: change(r.documentId) })),
      ),
    ),
})
/** Every call goes to another scope than it was told. */
const elsewhere = (n: Names, change: (options: AnyOptions) => AnyOptions): Mutant['methods'] =>
  Object.fromEntries(
    [n.write, n.read, n.query, n.scan, n.remove, n.ensure, n.drop, 'count'].map((m) => [
      m,
      (o: AnyOptions, call: Call) => call(change(o)),
    ]),
  )

/** Defects that any role may have; each must be noticed in each. */
export function everyRole(n: Names): Mutant[] {
  const { role } = n
  const at = (
    suite: string,
    name: string,
    methods: NonNullable<Mutant['methods']>,
    more: Partial<Mutant> = {},
  ): Mutant => ({
    name: `${role}: ${name}`,
    suite: `${role}.${suite}`,
    role,
    methods,
    ...more,
  })
  const hostile = (name: string, change: (value: unknown) => unknown): Mutant =>
    at('hostile', name, stored(n, change) ?? {})
  return [
    at('filter', 'the main query ignores the filter', { [n.query]: (o, call) => call(without(o, 'filter')) }),
    ...(role === 'graph'
      ? []
      : [at('filter', 'count ignores the filter', { count: (o, call) => call(without(o, 'filter')) })]),
    at('filter', 'scan ignores the filter', { [n.scan]: (o, call) => call(without(o, 'filter')) }),

    at('filter', 'a filter that matches everything is UNSUPPORTED', {
      [n.query]: (o, call) => {
        if (o.filter?.op === 'and' && o.filter.nodes.length === 0)
          throw new VeritasError({ code: 'UNSUPPORTED', message: 'an empty filter' })
        return call(o)
      },
    }),
    at(
      'versions',
      'compares no versions and declares ifNewer',
      {},
      { declared: { [role]: { conditionalUpsert: 'none', upsertModes: ['replace', 'ifNewer'] } } },
    ),
    at('abort', 'passes on the native error of a write aborted in flight', {
      [n.write]: async (o, call) => {
        if (!o.signal || o.signal.aborted) return call(o)
        await new Promise((resolve) => setTimeout(resolve, 5))
        o.signal.throwIfAborted()
        return call(o)
      },
    }),
    at('batches', 'loses the end of a batch of many bytes', {
      [n.write]: (o, call) => {
        if (JSON.stringify(recordsOf(o, n)).length > 1_000_000)
          throw new VeritasError({ code: 'VALIDATION', message: 'the request is too large' })
        return call(o)
      },
    }),
    at('batches', 'loses the last of an oversized batch', {
      [n.write]: async (o, call) => {
        const all = recordsOf(o, n)
        await call(withRecords(o, n, all.length > 100 ? all.slice(0, -1) : all))
        return allApplied(all.length)
      },
    }),
    at('batches', 'loses one of each hundred', {
      [n.write]: async (o, call) => {
        const all = recordsOf(o, n)
        await call(
          withRecords(
            o,
            n,
            all.filter((_, i) => i % 100 !== 99),
          ),
        )
        return allApplied(all.length)
      },
    }),
    at('batches', 'refuses an oversized batch', {
      [n.write]: (o, call) => {
        if (recordsOf(o, n).length > 100) throw new VeritasError({ code: 'VALIDATION', message: 'too many' })
        return call(o)
      },
    }),
    at('batches', 'fails on an empty batch', {
      [n.write]: (o, call) => {
        if (recordsOf(o, n).length === 0) throw new VeritasError({ code: 'VALIDATION', message: 'nothing to write' })
        return call(o)
      },
    }),
    at('batches', 'an empty list of keys deletes everything', {
      [n.remove]: (o, call, of) =>
        o.keys?.length === 0 ? of(n.drop)(o).then(() => of(n.ensure)(ensured(n, o))) : call(o),
    }),
    at('batches', 'reads no more keys than a batch holds', {
      [n.read]: (o, call) => call({ ...o, keys: (o.keys ?? []).slice(0, 100) }),
    }),
    at('batches', 'the first of several duplicates stays', {
      [n.write]: async (o, call) => {
        const all = recordsOf(o, n)
        const firsts = all.filter((r, i) => all.findIndex((x) => x.key === r.key) === i)
        await call(withRecords(o, n, firsts))
        return allApplied(all.length)
      },
    }),
    at('batches', 'duplicates get no answer of their own', {
      [n.write]: async (o, call) => {
        const { outcomes } = (await call(o)) as WriteResult
        const all = recordsOf(o, n)
        return { outcomes: outcomes.filter((_, i) => all.findIndex((x) => x.key === all[i]?.key) === i) }
      },
    }),

    at('versions', 'ifNewer ignores the version', {
      [n.write]: (o, call) => call(o.mode === 'ifNewer' ? without(o, 'mode') : o),
    }),
    at('versions', 'an equal version is stale', {
      [n.write]: async (o, call, of) => {
        if (o.mode !== 'ifNewer') return call(o)
        const there = await existing(n, o, of)
        const fresh = recordsOf(o, n).filter((r) => there.get(r.key)?.version !== r.version)
        const { outcomes } = (await call(withRecords(o, n, fresh))) as WriteResult
        const answers = outcomes.values()
        return { outcomes: recordsOf(o, n).map((r) => (fresh.includes(r) ? answers.next().value : STALE)) }
      },
    }),
    at('versions', 'stale is answered as applied', {
      [n.write]: async (o, call) => {
        const { outcomes } = (await call(o)) as WriteResult
        return allApplied(outcomes.length)
      },
    }),
    at('versions', 'ifAbsent overwrites', {
      [n.write]: (o, call) => call(o.mode === 'ifAbsent' ? without(o, 'mode') : o),
    }),
    at('versions', 'replace merges with what is there', {
      [n.write]: async (o, call, of) => {
        const there = await existing(n, o, of)
        const merged = recordsOf(o, n).map((r) => ({ ...r, [n.data]: { ...there.get(r.key)?.[n.data], ...r[n.data] } }))
        return call(withRecords(o, n, merged))
      },
    }),
    at('versions', 'replace refuses older versions', {
      [n.write]: (o, call) => call(o.mode === 'replace' ? { ...o, mode: 'ifNewer' } : o),
    }),
    at('versions', 'compares versions in a step of its own', {
      [n.write]: async (o, call, of) => {
        if (o.mode !== 'ifNewer') return call(o)
        const there = await existing(n, o, of)
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 3))
        const all = recordsOf(o, n)
        const newer = all.filter((r) => r.version >= (there.get(r.key)?.version ?? ''))
        await call(without(withRecords(o, n, newer), 'mode'))
        return { outcomes: all.map((r) => (newer.includes(r) ? APPLIED : STALE)) }
      },
    }),
    at(
      'versions',
      'an undeclared mode works in silence',
      { [n.write]: (o, call) => call(o.mode === 'ifAbsent' ? without(o, 'mode') : o) },
      { declared: { [role]: { upsertModes: ['replace', 'ifNewer'] satisfies UpsertMode[] } } },
    ),

    at('scan', 'skips the last record of each page', {
      [n.scan]: async (o, call) => {
        const found = await page(call(o))
        return found.cursor === null ? found : { ...found, records: found.records.slice(0, -1) }
      },
    }),
    at('scan', 'repeats a record on the next page', {
      [n.scan]: async (o, call) => {
        const found = await page(call(o))
        const [first] = (await page(call({ ...without(o, 'cursor'), limit: 1 }))).records
        return o.cursor !== undefined && first ? { ...found, records: [first, ...found.records] } : found
      },
    }),
    at('scan', 'never ends', {
      [n.scan]: async (o, call) => {
        const found = await page(call(o))
        return { ...found, cursor: found.cursor ?? found.records.at(-1)?.key ?? '0' }
      },
    }),
    at('scan', 'ignores the cursor', { [n.scan]: (o, call) => call(without(o, 'cursor')) }),
    at('scan', 'declares order by key and has none', {
      [n.scan]: async (o, call) => {
        const found = await page(call(o))
        return { ...found, records: found.records.slice().reverse() }
      },
    }),
    at('scan', 'ignores the size of the page', { [n.scan]: (o, call) => call(without(o, 'limit', 'cursor')) }),
    at('scan', 'gives whole records where heads were asked for', {
      [n.scan]: (o, call) => call(o.fields === 'keys' ? without(o, 'fields') : o),
    }),
    at(
      'scan',
      'declares a cursor and counts records',
      {},
      {
        declared: { [role]: { scan: { order: 'key', resume: 'cursor', snapshot: false } } },
        role,
        methods: offsetScan(n),
      },
    ),
    at(
      'scan',
      'declares a snapshot and has none',
      {},
      {
        declared: { [role]: { scan: { order: 'key', resume: 'cursor', snapshot: true } } },
        methods: offsetScan(n),
      },
    ),

    hostile('a date comes back as a text', (x) => (x instanceof Date ? x.toISOString() : x)),
    hostile('a text that looks like a date comes back as one', (x) =>
      typeof x === 'string' && /^\d{4}-\d\d-\d\dT/.test(x) ? new Date(x) : x,
    ),
    hostile('null is dropped', (x) => (x === null ? undefined : x)),
    hostile('an empty array is dropped', (x) => (Array.isArray(x) && x.length === 0 ? undefined : x)),
    hostile('an array of one becomes its item', (x) => (Array.isArray(x) && x.length === 1 ? x[0] : x)),
    hostile('texts are trimmed', (x) => (typeof x === 'string' ? x.trim() : x)),
    hostile('texts are normalised', (x) => (typeof x === 'string' ? x.normalize('NFC') : x)),
    hostile('backslashes are eaten', (x) => (typeof x === 'string' ? x.replace(/\\(.)/g, '$1') : x)),
    hostile('quotes are doubled', (x) => (typeof x === 'string' ? x.replaceAll("'", "''") : x)),
    hostile('control characters are removed', (x) => (typeof x === 'string' ? x.replace(/\p{Cc}/gu, '') : x)),
    hostile('characters beyond the first plane are replaced', (x) =>
      typeof x === 'string' ? x.replace(/[\u{10000}-\u{10ffff}]/gu, '?') : x,
    ),
    hostile('a text that looks like a number becomes one', (x) => (x === '007' ? 7 : x)),
    hostile('numbers lose precision', (x) => (typeof x === 'number' && Math.abs(x) < 1e30 ? Math.fround(x) : x)),
    hostile('milliseconds are lost', (x) => (x instanceof Date ? new Date(Math.floor(x.getTime() / 1000) * 1000) : x)),
    hostile('a long text is cut', (x) => (typeof x === 'string' ? x.slice(0, 8000) : x)),
    at('hostile', 'ids are lower-cased', renamed(n, (id) => id.toLowerCase()) ?? {}),
    at('hostile', 'a long id is cut', renamed(n, (id) => id.slice(0, 255)) ?? {}),
    at('hostile', 'a field named constructor is lost', {
      [n.write]: (o, call) =>
        call(
          withRecords(
            o,
            n,
            recordsOf(o, n).map((r) => ({
              ...r,
              [n.data]: JSON.parse(JSON.stringify(r[n.data]), (k, x: unknown) =>
                k === 'constructor' ? undefined : x,
              ) as object,
            })),
          ),
        ),
    }),
    at('hostile', 'a quote in a value ends the filter', {
      [n.query]: (o, call) =>
        call(o.filter && 'value' in o.filter && String(o.filter.value).includes("'") ? without(o, 'filter') : o),
    }),
    at('hostile', 'names of scopes are not checked', {
      [n.ensure]: (o, call) =>
        call({ ...o, scope: { ...o.scope, collection: o.scope.collection.replace(/[^A-Za-z0-9_-]/g, '_') || 'x' } }),
    }),

    at('check', 'check sees nothing', {}, { check: () => [] }),
    at(
      'check',
      'check names the wrong record',
      {},
      { check: (issues) => issues.map((i): RecordIssue => ({ ...i, index: 0 })) },
    ),
    at('check', 'check does not say where', {}, { check: (issues) => issues.map((i) => ({ ...i, path: '' })) }),
    at('check', 'writes the good records before it refuses the bad one', {
      [n.write]: async (o, call) => {
        for (const record of recordsOf(o, n)) await call(withRecords(o, n, [record]))
        return allApplied(recordsOf(o, n).length)
      },
    }),
    at('check', 'drops what it cannot store', {
      [n.write]: (o, call) =>
        call(
          withRecords(
            o,
            n,
            recordsOf(o, n).map((r) => ({
              ...r,
              [n.data]: mapLeaves(r[n.data] ?? {}, (x) => (Number.isNaN(x) ? undefined : x)),
            })),
          ),
        ),
    }),
    at('check', 'answers applied for a record it refused', {
      [n.write]: async (o, call) => {
        try {
          return await call(o)
        } catch (error) {
          if (VeritasError.is(error, 'VALIDATION')) return allApplied(recordsOf(o, n).length)
          throw error
        }
      },
    }),

    at(
      'isolation',
      'ignores the tenant',
      elsewhere(n, (o) => ({ ...o, scope: without(o, 'scope') && { ...o.scope, tenant: 'one' } })) ?? {},
    ),
    at(
      'isolation',
      'ignores the incarnation',
      elsewhere(n, (o) => ({ ...o, scope: { ...o.scope, incarnation: 0 } })) ?? {},
    ),
    at(
      'isolation',
      'ignores the case of names',
      elsewhere(n, (o) => ({ ...o, scope: { ...o.scope, collection: o.scope.collection.toLowerCase() } })) ?? {},
    ),
    at(
      'isolation',
      'takes - for _',
      elsewhere(n, (o) => ({ ...o, scope: { ...o.scope, collection: o.scope.collection.replaceAll('-', '_') } })) ?? {},
    ),
    at(
      'isolation',
      'cuts long names',
      elsewhere(n, (o) => ({ ...o, scope: { ...o.scope, collection: o.scope.collection.slice(0, 40) } })) ?? {},
    ),

    at('abort', 'ignores the signal when writing', { [n.write]: (o, call) => call(without(o, 'signal')) }),
    at('abort', 'writes, and then notices the signal', {
      [n.write]: async (o, call) => {
        const result = await call(without(o, 'signal'))
        if (o.signal?.aborted) throw new VeritasError({ code: 'ABORTED', message: 'aborted' })
        return result
      },
    }),
    at('abort', 'ignores the signal when reading', { [n.read]: (o, call) => call(without(o, 'signal')) }),
    at('abort', 'ignores the signal between the pages of a scan', {
      [n.scan]: (o, call) => call(o.cursor === undefined ? o : without(o, 'signal')),
    }),
    at('abort', 'passes on the native AbortError', {
      [n.query]: (o, call) => {
        o.signal?.throwIfAborted()
        return call(o)
      },
    }),
    at('abort', 'ignores the signal when counting', { count: (o, call) => call(without(o, 'signal')) }),

    at(
      'text',
      'a quote in a query is a syntax error',
      text(n, (query) => {
        if (query.includes('"')) throw new VeritasError({ code: 'VALIDATION', message: 'unterminated string' })
        return query
      }),
    ),
    at('text', 'finds only what holds all words', {
      ...text(n, (query) => (query.split(' ').length > 1 ? 'nothing' : query)),
    }),
    at('text', 'a query without words finds everything', {
      [textMethod(n)]: (o, call) =>
        call(/\w/.test((o.text ?? o.query) as string) || o.filter ? o : { ...o, text: 'zebra', query: 'zebra' }),
    }),
    at(
      'text',
      'full text that is not declared works in silence',
      {},
      { declared: { [role]: { fullText: false } }, methods: silentText(n) },
    ),
    at(
      'text',
      'full text that is declared is UNSUPPORTED',
      text(n, () => {
        throw new VeritasError({ code: 'UNSUPPORTED', message: 'no' })
      }),
    ),
    at('text', 'worst first', {
      [textMethod(n)]: async (o, call) => {
        const hits = (await call(o)) as readonly unknown[]
        return hits.slice().reverse()
      },
    }),
    at('text', 'scores below 0', {
      [textMethod(n)]: async (o, call) =>
        ((await call(o)) as readonly { readonly score?: number }[]).map((hit) => ({
          ...hit,
          score: -(hit.score ?? 0),
        })),
    }),
  ]
}

/** The options that make the place of these options again. */
function ensured(n: Names, o: AnyOptions): AnyOptions {
  const definition = { dimensions: 8, metric: 'cosine', labels: [], edgeTypes: [], columns: { s: { type: 'string' } } }
  return {
    scope: o.scope,
    ...definition,
    ...(o.table !== undefined && { table: o.table }),
    ...(n.role === 'vector' && {}),
  } as AnyOptions
}

/** What is stored of the records that are about to be written. */
async function existing(n: Names, o: AnyOptions, of: (method: string) => Call): Promise<ReadonlyMap<Key, AnyRecord>> {
  const { scope, table } = o
  const keys = recordsOf(o, n).map((r) => r.key)
  const there = (await of(n.read)({ scope, keys, ...(table !== undefined && { table }) })) as readonly AnyRecord[]
  return new Map(there.map((r) => [r.key, r]))
}

/** A scan that counts records instead of remembering its place. */
function offsetScan(n: Names): NonNullable<Mutant['methods']> {
  return {
    [n.scan]: async (o, call) => {
      const all: AnyRecord[] = []
      let cursor: string | null = null
      do {
        const from: AnyOptions = cursor === null ? without(o, 'cursor', 'limit') : { ...without(o, 'limit'), cursor }
        const found: Page<AnyRecord> = await page(call(from))
        all.push(...found.records)
        cursor = found.cursor
      } while (cursor !== null)
      const start = Number(o.cursor ?? 0)
      const end = start + (o.limit ?? 1000)
      return { records: all.slice(start, end), cursor: end < all.length ? String(end) : null }
    },
  }
}

const textMethod = (n: Names): string => (n.role === 'graph' ? 'findNodes' : 'searchText')

/** Full text with another query. */
function text(n: Names, change: (query: string) => string): NonNullable<Mutant['methods']> {
  return {
    [textMethod(n)]: (o, call) => {
      if (o.text !== undefined) return call({ ...o, text: change(o.text) })
      return call(o.query === undefined ? o : { ...o, query: change(o.query) })
    },
  }
}

function silentText(n: Names): NonNullable<Mutant['methods']> {
  return {
    [textMethod(n)]: (o, call) => (o.text === undefined && n.role === 'graph' ? call(o) : []),
  }
}
