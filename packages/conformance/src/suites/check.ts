import type { Metadata, RecordIssue, RoleName, WriteResult } from '@veritas-db/core/contract'
import { assert, preview, rejects } from '../assert.js'
import type { SuiteContext } from '../context.js'
import { REFUSED_METADATA } from '../data/hostile.js'
import { v } from '../data/random.js'
import { EVERYTHING } from '../data/records.js'
import type { GraphPlace } from '../places/graph.js'
import type { Place } from '../places/place.js'
import type { RelationalPlace } from '../places/relational.js'
import type { VectorPlace } from '../places/vector.js'
import { check, type Suite } from '../suite.js'

const ROOT: Readonly<Record<RoleName, string>> = { vector: 'metadata', graph: 'properties', relational: 'values' }

/** A record that must be refused, and how it is written among good ones. */
interface Refusal {
  readonly name: string
  /** Where `check` must see the mistake: what its path starts with. */
  readonly path: string
  /** `check` of a good record and the bad one after it. */
  issues(): readonly RecordIssue[]
  /** Writes two good records with the bad one between them. */
  write(): Promise<WriteResult>
}

/** `check` is pure and agrees with what a write does; what is refused is refused before anything is written. */
export function checkSuite(role: RoleName): Suite {
  return {
    name: `${role}.check`,
    role,
    about: 'check is pure and agrees with writes; invalid records are refused before anything is written',
    checks: [
      check('check is pure: it changes nothing, writes nothing and says the same again', async (t) => {
        const place = await t.place(role)
        const items = [
          { id: 'pure', version: v(1), data: freeze(EVERYTHING) },
          { id: 'pure-bad', version: v(1), data: freeze({ x: Number.NaN }) },
        ]
        const first = place.check(items)
        assert.ok(Array.isArray(first), 'check answers a list, not a promise')
        assert.deepEqual(place.check(items), first, 'the same again')
        assert.ok(
          first.length > 0 && first.every((issue) => issue.index === 1),
          `exactly the second record has issues: ${preview(first)}`,
        )
        assert.deepEqual(await place.read(['pure', 'pure-bad']), [], 'nothing was written')
        assert.deepEqual(place.check([]), [], 'nothing to say of nothing')
      }),
      check('metadata that cannot be stored is refused with VALIDATION before anything is written', async (t) => {
        const place = await t.place(role)
        for (const { name, field, value } of REFUSED_METADATA) {
          // The values are wrong on purpose, which the type would not let through.
          const data = { [field]: value } as Metadata
          await refused(place, metadataRefusal(place, name, data))
        }
      }),
      check('records that are wrong in other ways are refused with VALIDATION too', async (t) => {
        const place = await t.place(role)
        for (const refusal of otherRefusals(t, place)) await refused(place, refusal)
      }),
    ],
  }
}

const good = (id: string, n = 1): { id: string; version: ReturnType<typeof v>; data: Metadata } => ({
  id,
  version: v(n),
  data: { s: 'good' },
})

async function refused(place: Place, refusal: Refusal): Promise<void> {
  const { name } = refusal
  const issues = refusal.issues()
  assert.ok(issues.length > 0, `check sees ${name}`)
  for (const issue of issues) {
    assert.equal(issue.index, 1, `check says which record: ${name}`)
    assert.ok(issue.message.length > 0, `check says why: ${name}`)
    assert.ok(issue.path.startsWith(refusal.path), `check says where (${refusal.path}): ${name}, said ${issue.path}`)
  }
  await rejects(() => refusal.write(), 'VALIDATION', name)
  assert.deepEqual(await place.read(['good-before', 'refused', 'good-after']), [], `${name}: nothing was written`)
}

function metadataRefusal(place: Place, name: string, data: Metadata): Refusal {
  const bad = { id: 'refused', version: v(1), data }
  return {
    name,
    path: ROOT[place.role],
    issues: () => place.check([good('good-before'), bad]),
    write: () => place.write([good('good-before'), bad, good('good-after')]),
  }
}

function otherRefusals(t: SuiteContext, place: Place): Refusal[] {
  if (place.role === 'vector') return vectorRefusals(place as VectorPlace)
  if (place.role === 'graph') return graphRefusals(place as GraphPlace)
  return relationalRefusals(t, place as RelationalPlace)
}

function vectorRefusals(place: VectorPlace): Refusal[] {
  const vectors: readonly (readonly [string, unknown])[] = [
    ['too few dimensions', new Float32Array(7)],
    ['too many dimensions', new Float32Array(9)],
    ['no dimensions', new Float32Array(0)],
    ['NaN in a vector', Float32Array.of(1, 2, 3, Number.NaN, 5, 6, 7, 8)],
    ['infinity in a vector', Float32Array.of(Number.POSITIVE_INFINITY, 2, 3, 4, 5, 6, 7, 8)],
    ['negative infinity in a vector', Float32Array.of(1, 2, 3, 4, 5, 6, 7, Number.NEGATIVE_INFINITY)],
    ['a vector that is a plain array', [1, 2, 3, 4, 5, 6, 7, 8]],
    ['no vector', undefined],
  ]
  // Wrong on purpose, which the type would not let through.
  const bad = vectors.map(([name, vector]) => ({ name, path: 'vector', more: { vector: vector as Float32Array } }))
  const texts = [
    { name: 'a NUL character in a text', path: 'text', more: { text: 'a\u0000b' } },
    { name: 'a NUL character in an id', path: 'documentId', more: { documentId: 'a\u0000b' } },
    { name: 'an id of 513 bytes', path: 'documentId', more: { documentId: 'x'.repeat(513) } },
    { name: 'an empty id', path: 'documentId', more: { documentId: '' } },
  ]
  return [...bad, ...texts].map(({ name, path, more }) => {
    const records = [
      place.record(good('good-before')),
      place.record(good('refused'), more),
      place.record(good('good-after')),
    ]
    return {
      name,
      path,
      issues: () => place.store.check(records.slice(0, 2), place.definition),
      write: () => place.upsert(records),
    }
  })
}

function graphRefusals(place: GraphPlace): Refusal[] {
  return ["No'Name", '', 'a b', '`'].map((label) => {
    const nodes = [
      place.node(good('good-before')),
      place.node(good('refused'), { label }),
      place.node(good('good-after')),
    ]
    return {
      name: `the label ${preview(label)}`,
      path: 'label',
      issues: () => place.store.check(nodes.slice(0, 2), []),
      write: () => place.upsertNodes(nodes),
    }
  })
}

function relationalRefusals(_t: SuiteContext, place: RelationalPlace): Refusal[] {
  const values: readonly (readonly [string, Metadata])[] = [
    ['a column that is not declared', { undeclared: 1 }],
    ['a number in a text column', { s: 1 }],
    ['a text in a number column', { n: '1' }],
    ['a text in a boolean column', { b: 'true' }],
    ['a text in a date column', { d: '2020-01-01T00:00:00.000Z' }],
    ['a number in a date column', { d: 0 }],
    ['a text in a column of texts', { tags: 'a' }],
    ['texts in a column of numbers', { nums: ['1'] }],
  ]
  return values.map(([name, wrong]) => {
    const rows = [
      place.row(good('good-before')),
      place.row(good('refused'), { values: wrong }),
      place.row(good('good-after')),
    ]
    return {
      name,
      path: 'values',
      issues: () => place.store.check(rows.slice(0, 2), place.definition),
      write: () => place.upsert(rows),
    }
  })
}

function freeze(data: Metadata): Metadata {
  for (const value of Object.values(data))
    if (typeof value === 'object' && value !== null && !(value instanceof Date)) Object.freeze(value)
  return Object.freeze({ ...data })
}
