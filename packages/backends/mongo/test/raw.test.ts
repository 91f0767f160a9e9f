import { describe, expect, it } from 'vitest'
import { readCommand } from '../src/raw.js'

const nameOf = (collection: string): string => `veritas_${collection}`

describe('raw commands', () => {
  it('fill in parameters and the names of collections', () => {
    const query =
      '{"find": {"$collection": "documents"}, "filter": {"c.year": {"$gte": {"$param": "year"}}}, "sort": {"_id": 1}}'
    expect(readCommand(query, { year: 2020 }, nameOf)).toEqual({
      find: 'veritas_documents',
      filter: { 'c.year': { $gte: 2020 } },
      sort: { _id: 1 },
    })
    expect(readCommand('{"ping": {"$param": "0"}}', [1], nameOf)).toEqual({ ping: 1 })
  })

  it.each([
    ['no JSON', ')('],
    ['no object', '[]'],
    ['a command that writes', '{"drop": "documents"}'],
    ['a stage that writes', '{"aggregate": "x", "pipeline": [{"$out": "y"}]}'],
    ['a parameter that is not given', '{"find": {"$param": "x"}}'],
    ['a parameter that every object has', '{"find": {"$param": "constructor"}}'],
  ])('refuse %s', (_, query) => {
    expect(() => readCommand(query, {}, nameOf)).toThrowError(expect.objectContaining({ code: 'VALIDATION' }))
  })
})
