import { type FilterNode, parseFilter } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { encodeTimestamp } from '../src/binary.js'
import { compileFilter, type Field } from '../src/filter.js'
import { Bindings } from '../src/sql.js'

/** `n`, `s`, `d`, `tags` are declared inside JSONB; `col…` are columns; `gone` is nowhere; all else is undeclared JSONB. */
const resolve = (path: string): Field => {
  const types = { n: 'number', s: 'string', d: 'date', tags: 'string[]' } as const
  const columns = { colS: 'string', colN: 'number', colB: 'boolean', colD: 'date' } as const
  if (path === 'gone') return { kind: 'none' }
  if (Object.hasOwn(columns, path))
    return { kind: 'column', sql: `r."${path}"`, type: columns[path as keyof typeof columns], index: path === 'colS' }
  const type = Object.hasOwn(types, path) ? types[path as keyof typeof types] : undefined
  return { kind: 'json', sql: 'm', path: path.split('.'), ...(type && { type }) }
}

const compile = (filter: unknown): [sql: string, ...values: unknown[]] => {
  const bindings = new Bindings()
  return [compileFilter(parseFilter(filter), resolve, bindings), ...bindings.values]
}
const compileNode = (node: FilterNode): string => compileFilter(node, resolve, new Bindings())

const text = (json: string): string =>
  `(CASE jsonb_typeof(${json}) WHEN 'string' THEN ${json} #>> '{}' END) COLLATE "C"`

describe('filters on JSONB', () => {
  it('compares values of undeclared fields whole, types and all; paths are parameters too', () => {
    expect(compile({ x: 'y' })).toEqual(['(m -> $1::text) = $2::jsonb', 'x', '"y"'])
    expect(compile({ x: 1.5 })).toEqual(['(m -> $1::text) = $2::jsonb', 'x', '1.5'])
    expect(compile({ x: true })).toEqual(['(m -> $1::text) = $2::jsonb', 'x', 'true'])
    expect(compile({ x: new Date(5) })).toEqual(['(m -> $1::text) = $2::jsonb', 'x', '{"$date":5}'])
    expect(compile({ 'a.b': 1 })).toEqual(['(m -> $1::text -> $2::text) = $3::jsonb', 'a', 'b', '1'])
  })

  it('takes null and missing for the same', () => {
    expect(compile({ x: null })).toEqual([`((m -> $1::text) IS NULL OR (m -> $1::text) = 'null'::jsonb)`, 'x'])
    expect(compile({ x: { $exists: true } })).toEqual([`(m -> $1::text) <> 'null'::jsonb`, 'x'])
    expect(compile({ x: { $exists: false } })).toEqual([`(((m -> $1::text) <> 'null'::jsonb) IS NOT TRUE)`, 'x'])
  })

  it('negates to an exact complement', () => {
    expect(compile({ x: { $ne: 1 } })).toEqual(['(((m -> $1::text) = $2::jsonb) IS NOT TRUE)', 'x', '1'])
    expect(compile({ $not: { x: 1, y: 2 } })[0]).toBe(
      '((((m -> $1::text) = $2::jsonb AND (m -> $3::text) = $4::jsonb)) IS NOT TRUE)',
    )
  })

  it('names declared paths as their indexes do', () => {
    expect(compile({ n: { $gte: 3 } })).toEqual([
      `(CASE jsonb_typeof((m -> 'n')) WHEN 'number' THEN (m -> 'n')::numeric END) >= $1::numeric`,
      3,
    ])
    expect(compile({ d: { $lt: new Date(7) } })).toEqual([`((m -> 'd') -> '$date')::numeric < $1::numeric`, 7])
    expect(compile({ s: 'a' })).toEqual([`left(${text("(m -> 's')")}, 256) = $1::text`, 'a'])
    expect(compile({ tags: { $contains: 'a' } })[0]).toContain(`(m -> 'tags') @> $1::jsonb`)
  })

  it('asks the index for the start of a long text, and the row for the rest', () => {
    const long = 'x'.repeat(300)
    const [sql, ...values] = compile({ s: long })
    expect(sql).toBe(`(left(${text("(m -> 's')")}, 256) = $1::text AND ${text("(m -> 's')")} = $2::text)`)
    expect(values).toEqual(['x'.repeat(256), long])
    expect(compile({ s: { $gt: long } })[0]).toMatch(/^\(left\(.*, 256\) >= \$1::text AND .* > \$2::text\)$/)
    expect(compile({ s: { $lt: long } })[0]).toMatch(/^\(left\(.*, 256\) <= \$1::text AND .* < \$2::text\)$/)
    // 300 of them have 600 UTF-16 units, and the index has 256 characters.
    const [, start] = compile({ s: '\u{1f600}'.repeat(300) })
    expect(Array.from(start as string)).toHaveLength(256)
  })

  it('compares a declared field with a value of another type as JSON, which is never equal', () => {
    expect(compile({ n: 'text' })).toEqual([`(m -> 'n') = $1::jsonb`, '"text"'])
  })

  it('finds starts of texts as a range', () => {
    expect(compile({ s: { $startsWith: 'ab' } }).slice(1)).toEqual(['ab', 'ac'])
    expect(compile({ x: { $startsWith: '%_' } })).toEqual([
      `starts_with(${text('(m -> $1::text)')}, $2::text)`,
      'x',
      '%_',
    ])
  })

  it('looks into arrays, and into texts unless the field is declared as a list', () => {
    expect(compile({ x: { $contains: 'a' } })).toEqual([
      `((m -> $1::text) @> $2::jsonb OR strpos(${text('(m -> $1::text)')}, $3::text) > 0)`,
      'x',
      '["a"]',
      'a',
    ])
    expect(compile({ x: { $contains: 1 } })).toEqual(['(m -> $1::text) @> $2::jsonb', 'x', '[1]'])
    expect(compileNode({ op: 'contains', path: 'tags', value: 'a', in: 'list' })).toBe(`(m -> 'tags') @> $1::jsonb`)
  })

  it('takes lists of mixed types, with null and without anything', () => {
    expect(compile({ x: { $in: [1, 'a', null] } })).toEqual([
      `((m -> $2::text) = ANY($1::jsonb[]) OR ((m -> $2::text) IS NULL OR (m -> $2::text) = 'null'::jsonb))`
        .replaceAll('$2', '$X')
        .replaceAll('$1', '$2')
        .replaceAll('$X', '$1'),
      'x',
      ['1', '"a"'],
    ])
    expect(compile({ x: { $in: [] } })).toEqual(['false'])
    expect(compile({ x: { $nin: [] } })).toEqual(['((false) IS NOT TRUE)'])
    expect(compile({ n: { $in: [1, 'a'] } })[0]).toMatch(
      /END\) = ANY\(\$1::numeric\[\]\) OR \(m -> 'n'\) = ANY\(\$2::jsonb\[\]\)\)$/,
    )
  })
})

describe('filters on columns', () => {
  it('compares values of the column’s type, and no others', () => {
    expect(compile({ colN: { $lt: 3 } })).toEqual(['r."colN" < $1::float8', 3])
    expect(compile({ colB: true })).toEqual(['r."colB" = $1::boolean', true])
    expect(compile({ colD: new Date(5) })).toEqual(['r."colD" = $1::timestamptz', encodeTimestamp(new Date(5))])
    expect(compile({ colS: { $gt: 'a' } })).toEqual(['left(r."colS" COLLATE "C", 256) > $1::text', 'a'])
    expect(compile({ colN: 'a' })).toEqual(['false'])
    expect(compile({ colS: { $contains: 1 } })).toEqual(['false'])
  })

  it('knows null, lists and what is nowhere', () => {
    expect(compile({ colN: null })).toEqual(['r."colN" IS NULL'])
    expect(compile({ colN: { $in: [1, null] } })).toEqual(['(r."colN" = ANY($1::float8[]) OR r."colN" IS NULL)', [1]])
    expect(compile({ gone: null })).toEqual(['true'])
    expect(compile({ gone: { $exists: true } })).toEqual(['false'])
    expect(compile({ gone: { $ne: 1 } })).toEqual(['((false) IS NOT TRUE)'])
  })

  it('joins conditions, also none', () => {
    expect(compile({})).toEqual(['true'])
    expect(compile({ $or: [] })).toEqual(['false'])
    expect(compile({ $or: [{ colN: 1 }, { colN: 2 }] })[0]).toBe('(r."colN" = $1::float8 OR r."colN" = $2::float8)')
  })
})

it('lets nothing of a value or an undeclared path into the statement', () => {
  const evil = `'"; DROP TABLE x; --\\`
  const [sql, ...values] = compile({
    [evil]: evil,
    $or: [{ [evil]: { $in: [evil] } }, { colS: { $startsWith: evil } }],
  })
  expect(sql).not.toContain('DROP')
  expect(JSON.stringify(values)).toContain('DROP')
})
