import {
  foreignCursor,
  readCursor,
  textAt,
  type UpsertMode,
  type VectorQuery,
  type VectorRecord,
  type Version,
} from '@veritas-db/core/contract'
import type { Script } from '../catalog.js'
import { compileFilter } from '../filter.js'
import { encodeFields } from '../metadata.js'
import { Bindings, block } from '../script.js'
import { matching } from '../select.js'
import { cellsOf, fractions, slotMap } from '../slots.js'
import { replaceTexts } from '../text.js'
import { answerStale, findStale, type Given, putRows, type Target } from '../writes.js'
import { type Collection, distances, encodeVector, sourceOf } from './model.js'

/** What a query brings beside keys: the relation's columns, and variables of the head that `toMatch` reads after the keys. */
const included = ({
  include = {},
}: Pick<VectorQuery, 'include'>): {
  readonly columns: readonly string[]
  readonly head: string
  readonly more: string
} => {
  const columns = ['v', 'd', ...(include.text ? ['t'] : []), ...(include.metadata ? ['m'] : [])]
  const nothing = [...(include.text ? [] : ['t']), ...(include.metadata ? [] : ['no_m'])]
  return {
    columns,
    head: ['v', 'd', 't', include.metadata ? 'm' : 'no_m', ...(include.vector ? ['x'] : [])].join(', '),
    more: nothing.map((variable) => `, ${variable} = null`).join(''),
  }
}

const withVector = (c: Collection, { include = {} }: Pick<VectorQuery, 'include'>): string =>
  include.vector ? `, *${c.vectors}{k, o, x}` : ''

/** All records of the keys in `$keys`. */
export const getScript = (c: Collection, query: Pick<VectorQuery, 'include'>): string => {
  const { columns, head, more } = included(query)
  return `?[k, o, ${head}] := k in $keys, *${c.records}{${['k', 'o', ...columns].join(', ')}}${more}${withVector(c, query)}`
}

/** The nearest as the index finds them. A filter sees only what the index gave, so it is asked for more. */
export const nearScript = (c: Collection, query: VectorQuery, ef: number, bindings: Bindings): string => {
  const { columns, head, more } = included(query)
  const conditions = compileFilter(query.filter, bindings, sourceOf(c).slots)
  const candidates = Math.max(ef, query.topK * 4)
  const vector = bindings.add(encodeVector(query.vector))
  const wanted = bindings.add(conditions.atoms === '' ? query.topK : candidates)
  const search = `~${c.vectors}:i{k, o | query: vec(${vector}), k: ${wanted}, ef: ${bindings.add(candidates)}, bind_distance: dist}`
  const records = `*${c.records}{${[...new Set(['k', 'o', ...columns, ...conditions.columns])].join(', ')}}`
  return `?[dist, k, o, ${head}] := ${search}, ${records}${more}${conditions.atoms}${withVector(c, query)} :order dist, k, o :limit ${query.topK}`
}

/** The nearest among all, or among those that match: every vector is compared, and only what is answered is read whole. */
export const exactScript = (c: Collection, query: VectorQuery, bindings: Bindings): string => {
  const { columns, head, more } = included(query)
  const { filter } = query
  const vector = bindings.add(encodeVector(query.vector))
  const conditions = compileFilter(filter, new Bindings(), sourceOf(c).slots)
  const among = conditions.atoms === '' ? '' : `${matching(sourceOf(c), { filter, columns: [] }, bindings)}, `
  return block(
    `?[dist, k, o] := ${among}*${c.vectors}{k, o, x}, dist = ${distances[c.metric].call}(x, vec(${vector})) :order dist, k, o :limit ${query.topK} :create _near {dist, k, o}`,
    `?[dist, k, o, ${head}] := *_near{dist, k, o}, *${c.records}{${['k', 'o', ...columns].join(', ')}}${more}${withVector(c, query)}`,
  )
}

/** The condition that a page in order of (key, ordinal) starts with; its first part tells the server where to begin. */
export const after = (cursor: string | undefined, bindings: Bindings): string => {
  if (cursor === undefined) return ''
  const position = readCursor(cursor, 2)
  const ordinal = position?.[1]
  if (typeof ordinal !== 'number') throw foreignCursor()
  const key = bindings.add(textAt(position, 0))
  return `, k >= ${key}, (k > ${key} || o > ${bindings.add(ordinal)})`
}

/** A record with the text that its metadata are stored as. */
export interface PreparedVector {
  readonly record: VectorRecord
  readonly version: Version
  readonly text: string
}

export const prepare = (record: VectorRecord): PreparedVector => ({
  record,
  version: record.version,
  text: encodeFields(record.metadata),
})

/** About how many bytes it is on the wire. */
export const sizeOf = ({ record, text }: PreparedVector): number =>
  300 + record.vector.byteLength * 1.4 + 2 * Buffer.byteLength(record.text ?? '') + 2 * Buffer.byteLength(text)

const keys = ['k', 'o']

/** What a batch of records is written with. Its answer are the keys and ordinals of those that are stale. */
export const upsertScript = (c: Collection, batch: readonly PreparedVector[], mode: UpsertMode): Script => {
  const slots = slotMap(c.slots)
  const rows = batch.map(({ record, text: metadata }) => [
    record.key,
    record.ordinal,
    record.version,
    record.documentId,
    record.text ?? null,
    metadata,
    ...cellsOf(slots, record.metadata),
    encodeVector(record.vector),
  ])
  const values = ['v', 'd', 't', 'm', ...[...slots.values()].map((slot) => slot.column)]
  const records: Target = { relation: c.records, keys, values }
  const given: Given = { mode, columns: [...keys, ...values, 'x'], asTexts: fractions(slots, rows, 6) }
  const texts = batch.flatMap(({ record: { key, ordinal, text } }) =>
    text === undefined ? [] : [[key, ordinal, text]],
  )
  return {
    script: [
      findStale(records, given),
      putRows(records, given),
      putRows({ relation: c.vectors, keys, values: ['x'] }, given),
      replaceTexts(c.texts, keys, keys, mode),
      answerStale(mode),
    ]
      .filter(Boolean)
      .join('\n'),
    parameters: { rows, texts, keys: batch.map(({ record }) => [record.key, record.ordinal]) },
  }
}

/** Deletes the records that a rule `gone[k, o]` chooses, and answers how many there were. */
export const deleteScript = ({ records, vectors, texts }: Collection, choose: string): string =>
  block(
    `${choose} ?[k, o] := gone[k, o] :create _gone {k, o}`,
    `?[k, o] := *_gone{k, o} :rm ${records} {k, o}`,
    `?[k, o] := *_gone{k, o} :rm ${vectors} {k, o}`,
    `?[k, o] := *_gone{k, o} :rm ${texts} {k, o}`,
    '?[count(o)] := *_gone{k, o}',
  )

/** New metadata in place of what records have that are there. */
type Patch = Pick<VectorRecord, 'key' | 'ordinal' | 'version' | 'metadata'>

export interface PreparedPatch {
  readonly patch: Patch
  readonly version: Version
  readonly text: string
}

export const preparePatch = (patch: Patch): PreparedPatch => ({
  patch,
  version: patch.version,
  text: encodeFields(patch.metadata),
})

/** What a batch of patches is written with. Its answer are the keys and ordinals of those that are stale. */
export const patchScript = (c: Collection, batch: readonly PreparedPatch[]): Script => {
  const slots = slotMap(c.slots)
  const rows = batch.map(({ patch: { key, ordinal, version, metadata }, text }) => [
    key,
    ordinal,
    version,
    text,
    ...cellsOf(slots, metadata),
  ])
  const values = ['v', 'm', ...[...slots.values()].map((slot) => slot.column)]
  const given: Given = { mode: 'ifNewer', columns: [...keys, ...values], asTexts: fractions(slots, rows, 4) }
  const all = given.columns.join(', ')
  return {
    script: [
      block(
        `given[${all}] <- $rows
         due[k, o] := given[${all}], *${c.records}{k, o, v: stored}, stored <= v
         ?[k, o] := given[${all}], not due[k, o] :create _stale {k, o}`,
      ),
      putRows({ relation: c.records, keys, values }, given, ':update'),
      answerStale('ifNewer'),
    ].join('\n'),
    parameters: { rows },
  }
}
