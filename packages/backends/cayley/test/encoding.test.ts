import vm from 'node:vm'
import { documentKey, type EdgeRecord, type Key, type NodeRecord, version } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { stringLiteral, valueLiteral, withParameters } from '../src/gizmo.js'
import { iri, literal, typed } from '../src/nquads.js'
import { edgesLines, edgesText, nodeLines, nodeText } from '../src/quads.js'
import { edgesOf, storedEdges, storedNode } from '../src/records.js'

const hostile = [
  '',
  '"',
  "'",
  '\\',
  '\\"',
  '\n\r\t\b\f\u0000\u001f\u007f',
  '\u2028\u2029',
  '\u{1f600}\ufeff\ud7ff\ue000',
  '</script><!-- ]]>',
  '`{1}`',
  '"); g.emit(1); ("',
  '*/ /* //',
  '__proto__',
]

describe('texts in scripts', () => {
  it('come back as they went in, and only ASCII goes', () => {
    for (const text of hostile) {
      const source = stringLiteral(text)
      expect(source).toMatch(/^"[\x20-\x7e]*"$/)
      expect(source).not.toMatch(/[<>/]/)
      expect(vm.runInNewContext(source)).toBe(text)
    }
  })

  it('so do values, a field called __proto__ too', () => {
    const value = { list: hostile, ...JSON.parse('{"__proto__": {"x": 1}}') }
    const text = vm.runInNewContext(`JSON.stringify(${valueLiteral(value)})`) as string
    expect(text).toBe(JSON.stringify(value))
  })

  it('nothing of a parameter is run', () => {
    for (const text of hostile)
      expect(vm.runInNewContext(withParameters('parameters.text', { text, more: [text] }))).toBe(text)
  })
})

describe('quads', () => {
  it('literals are printable ASCII with escapes', () => {
    expect(literal('a"\\\n\u2028\u{1f600}')).toBe('"a\\"\\\\\\u000A\\u2028\\U0001F600"')
    for (const text of hostile) expect(literal(text)).toMatch(/^"[\x20-\x7e]*"$/)
    expect(typed('5', 'integer')).toBe('"5"^^<http://www.w3.org/2001/XMLSchema#integer>')
  })

  it('names go through the allow-pattern', () => {
    expect(iri('a/b:c')).toBe('<a/b:c>')
    for (const name of ['', 'a b', 'a>b', 'a"b', 'a\\b', 'ä', 'a\nb'])
      expect(() => iri(name)).toThrow(expect.objectContaining({ code: 'VALIDATION' }))
  })

  const scope = 'veritas_docs_0123456789abcdef'
  const key = documentKey({ collection: 'docs' }, 'a')
  const node: NodeRecord = {
    key,
    documentId: 'a"\u2028',
    version: version(1),
    label: 'Document',
    placeholder: false,
    properties: {
      title: 'x "y"',
      year: 2020,
      score: 1.5,
      flag: true,
      when: new Date(5),
      tags: ['a', 'b', 'a'],
      'odd name': 1,
    },
  }

  it('of a node are its record, where it is listed, and its values', () => {
    const name = `<${scope}/${key}>`
    const lines = nodeLines(scope, { text: nodeText(node), record: node })
    const rest = lines.slice(1).map((line) => line.replace(`${name} `, '').replace(/ \.$/, ''))
    expect(rest).toEqual([
      `<veritas:in> <${scope}/n/${key.charAt(0)}>`,
      '<property:title> "x \\"y\\""',
      '<property:year> "2020"^^<http://www.w3.org/2001/XMLSchema#integer>',
      '<property:score> "1.5"^^<http://www.w3.org/2001/XMLSchema#double>',
      '<property:flag> "true"^^<http://www.w3.org/2001/XMLSchema#boolean>',
      '<property:when> "1970-01-01T00:00:00.005Z"^^<http://www.w3.org/2001/XMLSchema#dateTime>',
      '<property:tags> "a"',
      '<property:tags> "b"',
      '<property:odd%20name> "1"^^<http://www.w3.org/2001/XMLSchema#integer>',
    ])
    expect(lines[0]?.startsWith(`${name} <veritas:record> "{\\"v\\":\\"`)).toBe(true)
  })

  it('come out the same from what is read back, so that deletes are exact', () => {
    const before = { text: nodeText(node), record: node }
    const after = storedNode(before.text)
    expect(after.record).toEqual(node)
    expect(nodeLines(scope, after)).toEqual(nodeLines(scope, before))
    const [b, c] = ['b', 'c'].map((id) => documentKey({ collection: 'docs' }, id)) as [Key, Key]
    const edge = (target: Key, ordinal: number, properties = {}): EdgeRecord => ({
      ...{ source: key, target, type: 'REFERENCES', ordinal, version: version(2), properties },
    })
    const edges = [edge(b, 0), edge(b, 3, { when: new Date(1), nested: { list: [] } }), edge(c, 0)]
    const list = { source: key, version: version(2), edges }
    const text = edgesText(list)
    const stored = storedEdges(key, text)
    expect(stored.record).toEqual(list)
    const lines = edgesLines(scope, { text, record: list })
    expect(edgesLines(scope, stored)).toEqual(lines)
    const name = `<${scope}/${key}>`
    // Parallel edges share the quad that joins their nodes.
    expect(lines.slice(1)).toEqual([b, c].map((target) => `${name} <REFERENCES> <${scope}/${target}> .`))
  })

  it('of several lists of one source the newest set counts, and what came after it', () => {
    const [b, c, d] = ['b', 'c', 'd'].map((id) => documentKey({ collection: 'docs' }, id)) as [Key, Key, Key]
    const edge = (target: Key, n: number): EdgeRecord => ({
      ...{ source: key, target, type: 'T', ordinal: 0, version: version(n), properties: {} },
    })
    const list = (n: number, edges: readonly EdgeRecord[]) => {
      const record = { source: key, version: version(n), edges }
      return { text: edgesText(record), record }
    }
    const old = list(1, [edge(b, 1), edge(c, 5), edge(d, 1)])
    const set = list(3, [edge(b, 3)])
    for (const lists of [
      [old, set],
      [set, old],
    ]) {
      const merged = edgesOf(lists)
      expect(merged.version).toBe(version(3))
      expect([...merged.edges.values()].map(({ target, version: v }) => [target, v]).sort()).toEqual(
        [
          [b, version(3)],
          [c, version(5)],
        ].sort(),
      )
    }
  })
})
