import { type RecordIssue, VeritasError } from '@veritas-db/core/contract'
import {
  type AnyOptions,
  allApplied,
  type Call,
  type Mutant,
  mapLeaves,
  mutantOf,
  type Names,
  recordsOf,
  without,
  withRecords,
} from './mutant.js'

/** Writes that change what they write. */
const stored = (n: Names, change: (value: unknown) => unknown): NonNullable<Mutant['methods']> => ({
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
const renamed = (n: Names, change: (id: string) => string): NonNullable<Mutant['methods']> => ({
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
const elsewhere = (n: Names, change: (options: AnyOptions) => AnyOptions): NonNullable<Mutant['methods']> =>
  Object.fromEntries(
    [n.write, n.read, n.query, n.scan, n.remove, n.ensure, n.drop, 'count'].map((m) => [
      m,
      (o: AnyOptions, call: Call) => call(change(o)),
    ]),
  )

/** Defects in what is stored, refused and kept apart, which any role may have. */
export function storage(n: Names): Mutant[] {
  const { role } = n
  const at = mutantOf(role)
  const hostile = (name: string, change: (value: unknown) => unknown): Mutant => at('hostile', name, stored(n, change))
  return [
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
    at(
      'hostile',
      'ids are lower-cased',
      renamed(n, (id) => id.toLowerCase()),
    ),
    at(
      'hostile',
      'a long id is cut',
      renamed(n, (id) => id.slice(0, 255)),
    ),
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

    at('isolation', 'ignores the tenant', elsewhere(n, (o) => ({ ...o, scope: { ...o.scope, tenant: 'one' } })) ?? {}),
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
  ]
}
