import { describe, expect, it } from 'vitest'
import {
  checkDimensions,
  checkEdge,
  checkEdgeSet,
  checkLimit,
  checkNode,
  checkRow,
  checkVectorPatch,
  checkVectorRecord,
  issuesOf,
  MAX_ORDINAL,
  prepareRecords,
  refuseMistakes,
} from '../../src/contract/checks.js'
import { invalid, VeritasError } from '../../src/contract/errors.js'
import type { EdgeRecord, NodeRecord, RowRecord, VectorRecord } from '../../src/contract/records.js'
import { documentKey, type FieldType, type MetadataValue, version } from '../../src/contract/values.js'
import { refusal } from './refusal.js'

const key = documentKey({ collection: 'c' }, 'a')
const other = documentKey({ collection: 'c' }, 'b')
const head = { key, documentId: 'a', version: version(1) }
const record: VectorRecord = { ...head, ordinal: 0, vector: Float32Array.of(1, 2), text: 'text', metadata: { n: 1 } }
const node: NodeRecord = { ...head, label: 'Document', placeholder: false, properties: {} }
const edge: EdgeRecord = {
  source: key,
  target: other,
  type: 'CITES',
  ordinal: 0,
  version: version(1),
  properties: {},
}
const row: RowRecord = { ...head, values: { title: 't' } }

describe('checks of a record', () => {
  it('let what is right pass', () => {
    checkVectorRecord(record)
    checkVectorRecord({ ...record, ordinal: MAX_ORDINAL }, { dimensions: 2 })
    checkVectorPatch({ ...head, ordinal: 3, metadata: {} })
    checkNode(node)
    checkEdge(edge)
    checkRow(row)
    checkRow(row, { title: { type: 'string' } })
  })

  it.each<[string, object]>([
    ['key', { key: 'A'.repeat(32) }],
    ['version', { version: 'f' }],
    ['documentId', { documentId: '' }],
    ['ordinal', { ordinal: -1 }],
    ['ordinal', { ordinal: MAX_ORDINAL + 1 }],
    ['ordinal', { ordinal: 0.5 }],
    ['vector', { vector: Float32Array.of(1) }],
    ['vector', { vector: [1, 2] }],
    ['vector[1]', { vector: Float32Array.of(1, Number.NaN) }],
    ['text', { text: 7 }],
    ['text', { text: '\ud800' }],
    ['metadata.n', { metadata: { n: Number.NaN } }],
  ])('of a vector say that %s is wrong', (path, wrong) => {
    expect(refusal(() => checkVectorRecord({ ...record, ...wrong }, { dimensions: 2 }))).toMatch(`${path}: `)
  })

  it('of patches, nodes and edges say what is wrong', () => {
    expect(refusal(() => checkVectorPatch({ ...head, ordinal: -1, metadata: {} }))).toMatch(/^ordinal: /)
    expect(refusal(() => checkNode({ ...node, label: 'no name' }))).toMatch(/^label: /)
    expect(refusal(() => checkNode({ ...node, placeholder: 1 as never }))).toMatch(/^placeholder: /)
    expect(refusal(() => checkNode({ ...node, properties: { n: Number.NaN } }))).toMatch(/^properties\.n: /)
    expect(refusal(() => checkEdge({ ...edge, type: '' }))).toMatch(/^type: /)
    expect(refusal(() => checkEdge({ ...edge, target: 'x' as typeof key }))).toMatch(/^target: /)
  })

  it.each<[FieldType, MetadataValue, MetadataValue]>([
    ['string', 'a', 1],
    ['number', 1, '1'],
    ['boolean', true, 'true'],
    ['date', new Date(0), 0],
    ['string[]', ['a'], [1]],
    ['string[]', [], 'a'],
    ['number[]', [1], ['1']],
  ])('of a row know a column of the type %s', (type, good, bad) => {
    const columns = { title: { type } }
    checkRow({ ...row, values: { title: good } }, columns)
    checkRow({ ...row, values: { title: null } }, columns)
    expect(refusal(() => checkRow({ ...row, values: { title: bad } }, columns))).toMatch(
      `values.title: needs a ${type}, got `,
    )
    checkRow({ ...row, values: { title: bad } }, { title: { type: 'json' } })
  })

  it('of a row refuse what is no column, whatever objects inherit', () => {
    expect(refusal(() => checkRow({ ...row, values: { constructor: 'x' } }, {}))).toBe(
      'values.constructor: is no declared column',
    )
  })
})

describe('checkEdgeSet', () => {
  it('wants the source of the set of all edges, and says which has another', () => {
    checkEdgeSet({ source: key, version: version(1), edges: [edge, { ...edge, ordinal: 1 }] })
    checkEdgeSet({ source: key, version: version(1), edges: [] })
    const foreign = { source: key, version: version(1), edges: [edge, { ...edge, source: other, target: key }] }
    expect(refusal(() => checkEdgeSet(foreign))).toBe('edges[1].source: must be the source of its set')
  })

  it("checks the set, and each edge by the store's own check", () => {
    expect(refusal(() => checkEdgeSet({ source: key, version: '' as never, edges: [] }))).toMatch(/^version: /)
    const set = { source: key, version: version(1), edges: [edge] }
    const check = (): void => {
      throw invalid('properties', 'too large')
    }
    expect(refusal(() => checkEdgeSet(set, check))).toBe('edges[0].properties: too large')
  })
})

describe('checks of a batch', () => {
  const check = (n: number): number => {
    if (n < 0) throw invalid('n', 'is negative')
    return n * 2
  }
  const broken = (): never => {
    throw new TypeError('a defect')
  }

  it('list the first mistake of each record', () => {
    expect(issuesOf([1, -1, 2, -2], check, 10)).toEqual([
      { index: 11, path: 'n', message: 'n: is negative' },
      { index: 13, path: 'n', message: 'n: is negative' },
    ])
    expect(() => issuesOf([1], broken)).toThrow(TypeError)
  })

  it('refuse all for the first mistake, and say which record has it, where there are several', () => {
    refuseMistakes([1, 2], check)
    expect(prepareRecords([1, 2], check)).toEqual([2, 4])
    for (const refuse of [refuseMistakes, prepareRecords]) {
      expect(refusal(() => refuse([1, -1], check))).toBe('record 1: n: is negative')
      expect(refusal(() => refuse([-1], check))).toBe('n: is negative')
      expect(() => refuse([1], broken)).toThrow(TypeError)
      try {
        refuse([1, -1], check)
      } catch (error) {
        expect(VeritasError.is(error, 'VALIDATION') && error.path).toBe('n')
      }
    }
  })
})

describe('checks of numbers', () => {
  it('take whole numbers within the bounds', () => {
    checkLimit(0, 'limit')
    checkLimit(10, 'topK', 10, 1)
    checkDimensions(1, 8)
    checkDimensions(8, 8)
    expect(refusal(() => checkLimit(0, 'limit', 10, 1))).toBe('limit: needs a whole number of at least 1')
    expect(refusal(() => checkLimit('1', 'limit'))).toBe('limit: needs a whole number of at least 0')
    expect(refusal(() => checkLimit(11, 'topK', 10))).toBe('topK: is at most 10')
    for (const wrong of [0, 9, 1.5, Number.NaN, '3'])
      expect(refusal(() => checkDimensions(wrong, 8))).toBe(
        `dimensions: needs a whole number from 1 to 8, got ${wrong}`,
      )
  })
})
