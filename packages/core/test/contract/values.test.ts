import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  asKey,
  asVersion,
  checkId,
  checkName,
  checkScope,
  checkVector,
  documentKey,
  physicalName,
  type Scope,
  typeName,
  version,
  ZERO_VERSION,
} from '../../src/contract/values.js'
import { refusal } from './refusal.js'

describe('documentKey', () => {
  // Computed by another tool: printf '0:5:notes1:a' | sha256sum, and so on. Another formula would orphan every stored document.
  it.each<[Scope, string, string]>([
    [{ collection: 'notes' }, 'a', '09d588df4958807d98c54661424c6a0b'],
    [{ tenant: 'acme', collection: 'notes' }, 'a', 'c9d81dba252c0d14bbcc7630b358b1f7'],
    [{ collection: 'notes' }, '\u{1f600}', 'a43f6b1c46b326c9662118a8dd6b8316'],
  ])('%j %s', (scope, id, key) => {
    expect(documentKey(scope, id)).toBe(key)
  })

  it('tells apart what would be the same without lengths', () => {
    const keys = [
      documentKey({ tenant: 'a', collection: 'bc' }, 'd'),
      documentKey({ tenant: 'ab', collection: 'c' }, 'd'),
      documentKey({ collection: 'abc' }, 'd'),
      documentKey({ collection: 'ab' }, 'cd'),
      documentKey({ tenant: 'a', collection: 'b' }, 'cd'),
      documentKey({ collection: 'abc' }, 'D'),
    ]
    expect(new Set(keys).size).toBe(keys.length)
  })

  it('does not depend on the incarnation', () => {
    expect(documentKey({ collection: 'a', incarnation: 3 }, 'x')).toBe(documentKey({ collection: 'a' }, 'x'))
  })

  it('is the same for the same, and 32 hexadecimal digits', () => {
    const anyId = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }).filter((id) => !id.includes('\0'))
    fc.assert(
      fc.property(anyId, (id) => {
        const key = documentKey({ collection: 'c' }, id)
        expect(asKey(key)).toBe(key)
        expect(documentKey({ collection: 'c' }, id)).toBe(key)
      }),
    )
  })
})

describe('ids', () => {
  it.each([
    ['', 'id: must not be empty'],
    [5, 'id: needs a string, got number'],
    [null, 'id: needs a string, got null'],
    [undefined, 'id: needs a string, got undefined'],
    ['a\ud800', 'id: is not well-formed Unicode (a lone surrogate)'],
    ['a\0b', 'id: holds a NUL character, which several databases cannot store: remove it'],
    ['x'.repeat(513), 'id: is 513 bytes long, at most 512 are allowed'],
    ['\u{1f680}'.repeat(129), 'id: is 516 bytes long, at most 512 are allowed'],
  ])('%j is refused', (id, message) => {
    expect(refusal(() => checkId(id))).toBe(message)
  })

  it.each(['x'.repeat(512), '\u{1f680}'.repeat(128), ' ', '\n', "'; DROP TABLE documents; --", '\u202e'])(
    '%j is taken',
    (id) => {
      checkId(id)
    },
  )
})

describe('names and scopes', () => {
  it.each(['a', 'A', 'a-b_C9', 'x'.repeat(63)])('%s is a name', (name) => checkName(name, 'n'))
  it.each(['', '1a', '_a', '-a', 'a b', 'a.b', "a'b", 'ü', 'a\n', 'x'.repeat(64)])('%j is none', (name) => {
    expect(refusal(() => checkName(name, 'n'))).toMatch(/^n: .* is no name: a letter, then/)
  })

  it('checks every part of a scope', () => {
    checkScope({ tenant: 't', collection: 'c', incarnation: 0 })
    expect(refusal(() => checkScope({ collection: '' }))).toMatch(/^scope\.collection: /)
    expect(refusal(() => checkScope({ collection: 'c', tenant: '' }))).toMatch(/^scope\.tenant: /)
    for (const incarnation of [-1, 0.5, Number.NaN, 2 ** 53])
      expect(refusal(() => checkScope({ collection: 'c', incarnation }))).toBe(
        'scope.incarnation: needs a whole number of at least 0',
      )
    // A caller without types may leave it out.
    expect(refusal(() => Reflect.apply(checkScope, undefined, [undefined]))).toMatch(
      /^scope\.collection: undefined is no name/,
    )
  })
})

describe('versions', () => {
  it('are 24 hexadecimal digits', () => {
    expect(version(0)).toBe(ZERO_VERSION)
    expect(version(0xabc, 0xd, 0xe)).toBe('000000000abc000d0000000e')
    expect(version(2 ** 48 - 1, 2 ** 16 - 1, 2 ** 32 - 1)).toBe('f'.repeat(24))
  })

  it('have the text order of (time, counter, node)', () => {
    const parts = fc.tuple(
      fc.maxSafeNat().map((n) => n % 2 ** 48),
      fc.nat(0xffff),
      fc.nat(0xffffffff),
    )
    const order = (a: readonly number[], b: readonly number[]): number =>
      a.map((x, i) => Math.sign(x - (b[i] ?? 0))).find((x) => x !== 0) ?? 0
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        const [x, y] = [version(...a), version(...b)]
        expect(x < y ? -1 : x > y ? 1 : 0).toBe(order(a, b))
      }),
    )
  })

  it.each([
    [[-1], 'version.time: needs a whole number below 16^12'],
    [[2 ** 48], 'version.time: needs a whole number below 16^12'],
    [[1.5], 'version.time: needs a whole number below 16^12'],
    [[1, 65536], 'version.counter: needs a whole number below 16^4'],
    [[1, 0, 2 ** 32], 'version.node: needs a whole number below 16^8'],
  ])('%j is refused', (parts, message) => {
    expect(refusal(() => version(...(parts as [number, number?, number?])))).toBe(message)
  })

  it('are read back', () => {
    expect(asVersion(version(5))).toBe(version(5))
    for (const bad of ['', 'g'.repeat(24), 'F'.repeat(24), '0'.repeat(23), '0'.repeat(25), 5, null])
      expect(refusal(() => asVersion(bad))).toBe('version: needs 24 hexadecimal digits; make versions with version()')
    for (const bad of ['', 'F'.repeat(32), `${'0'.repeat(32)}\n`, undefined])
      expect(refusal(() => asKey(bad))).toBe('key: needs 32 hexadecimal digits; make keys with documentKey()')
  })
})

describe('vectors', () => {
  it.each<[unknown, string]>([
    [[1, 2], 'vector: needs a Float32Array, got array'],
    [new Float64Array(2), 'vector: needs a Float32Array, got Float64Array'],
    [undefined, 'vector: needs a Float32Array, got undefined'],
    [new Float32Array(0), 'vector: must not be empty'],
    [new Float32Array(3), 'vector: has 3 dimensions, the collection has 2'],
    [Float32Array.of(1, Number.NaN), 'vector[1]: needs a finite number, got NaN'],
    [Float32Array.of(Number.NEGATIVE_INFINITY, 1), 'vector[0]: needs a finite number, got -Infinity'],
    [Float32Array.of(1e39, 1), 'vector[0]: needs a finite number, got Infinity'],
  ])('%s is refused', (vector, message) => {
    expect(refusal(() => checkVector(vector, 2))).toBe(message)
  })

  it('any length of at least 1 goes where no dimensions are given', () => checkVector(new Float32Array(7)))
})

describe('physicalName', () => {
  const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,30}$/)
  const scope: fc.Arbitrary<Scope> = fc.record(
    { tenant: name, collection: name, incarnation: fc.nat(5) },
    { requiredKeys: ['collection'] },
  )

  it('is a lower-case identifier of at most maxLength characters, a letter first', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), scope, fc.integer({ min: 24, max: 80 }), (prefix, of, maxLength) => {
        const made = physicalName(prefix, of, maxLength)
        expect(made).toMatch(/^[a-z][a-z0-9_]*$/)
        expect(made.length).toBeLessThanOrEqual(maxLength)
      }),
    )
  })

  it('is another for another scope, and the same for the same', () => {
    fc.assert(
      fc.property(scope, scope, (a, b) => {
        const same =
          a.tenant === b.tenant && a.collection === b.collection && (a.incarnation ?? 0) === (b.incarnation ?? 0)
        expect(physicalName('p', a) === physicalName('p', b)).toBe(same)
      }),
    )
    const alike: Scope[] = [
      { collection: 'a-b' },
      { collection: 'a_b' },
      { collection: 'A-b' },
      { tenant: 'a', collection: 'b' },
    ]
    expect(new Set(alike.map((s) => physicalName('p', s))).size).toBe(alike.length)
    expect(physicalName('p', { collection: 'a' })).toBe(physicalName('p', { collection: 'a', incarnation: 0 }))
    expect(physicalName('p', { collection: 'a' })).not.toBe(physicalName('q', { collection: 'a' }))
    expect(physicalName('a-b', { collection: 'a' })).not.toBe(physicalName('a_b', { collection: 'a' }))
  })

  it('stays readable', () => {
    expect(physicalName('App', { collection: 'My-Notes' })).toMatch(/^app_my_notes_[0-9a-f]{16}$/)
    expect(physicalName('', { collection: 'notes' })).toMatch(/^v_?notes_[0-9a-f]{16}$/)
    expect(physicalName('9', { collection: 'notes' })).toMatch(/^v9_notes_/)
    expect(refusal(() => physicalName('p', { collection: 'a.b' }))).toMatch(/^scope\.collection/)
  })
})

describe('typeName', () => {
  it.each<[unknown, string]>([
    [null, 'null'],
    [undefined, 'undefined'],
    [[], 'array'],
    [{}, 'object'],
    [{ constructor: { name: 'Fake' } }, 'object'],
    [Object.create(null), 'object'],
    [new Date(0), 'Date'],
    [new Map(), 'Map'],
    [() => 1, 'function'],
    [1n, 'bigint'],
  ])('%s', (value, name) => {
    expect(typeName(value)).toBe(name)
  })
})
