import {
  APPLIED,
  type Key,
  type Page,
  STALE,
  type UpsertMode,
  VeritasError,
  type WriteResult,
} from '@veritas-db/core/contract'
import {
  type AnyOptions,
  type AnyRecord,
  allApplied,
  type Call,
  type Mutant,
  mutantOf,
  type Names,
  recordsOf,
  without,
  withRecords,
} from './mutant.js'

const page = async (call: Promise<unknown>): Promise<Page<AnyRecord>> => (await call) as Page<AnyRecord>

/** Defects that any role may have; each must be noticed in each. */
export function everyRole(n: Names): Mutant[] {
  const { role } = n
  const at = mutantOf(role)
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
