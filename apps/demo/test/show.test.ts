import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { readable } from '../src/corpus/readable.js'
import { describeError } from '../src/errors.js'
import { progress } from '../src/show/progress.js'
import { incomplete } from '../src/show/report.js'
import { hitTable, nameList } from '../src/show/tables.js'
import { oneLine, passageText, shellWord, shorten, shortenId, WIDTH } from '../src/show/text.js'

describe('text from elsewhere', () => {
  it('holds nothing that a terminal obeys', () => {
    const evil = 'a\u001b[31mred\u001b[0m \u001b]0;title\u0007b\r\nc\u0008\u009b2J \u202egnp.exe\u2066 \ud800'
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must be gone
    expect(oneLine(evil)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
    expect(oneLine(evil)).toContain('ared b c')
  })

  it('is cut at words, and ids in the middle', () => {
    expect(shorten('one two three', 9)).toBe('one two…')
    expect(shorten('short', 9)).toBe('short')
    expect(shorten('👍👍👍👍', 3)).toBe('👍👍…')
    expect(shortenId('abcdefghij', 5)).toBe('ab…ij')
  })

  it('loses the marks of Markdown', () => {
    expect(passageText('# Title\n\n- **bold** [link](x.md)\n| a | b |\n|---|---|\n```js\ncode()\n```')).toBe(
      'Title bold link a b code()',
    )
  })

  it('is made readable without hanging on hostile input', () => {
    for (const part of ['[', '![', '](', '<a ', '<!--', '[x](', '- ', ' ', '\n', '[]('])
      expect(readable(part.repeat(50_000)).length).toBeLessThanOrEqual(part.length * 50_000)
  })

  it('goes into a shell as one word', () => {
    expect(shellWord('plain-1.0')).toBe('plain-1.0')
    expect(shellWord(`it's $HOME`)).toBe(`'it'\\''s $HOME'`)
  })
})

describe('tables', () => {
  it('fit the width, whatever is in them', () => {
    const hit = {
      id: '語'.repeat(80),
      collection: 'c',
      score: 0.5,
      title: null,
      documentType: null,
      metadata: { license: 'x'.repeat(300), list: ['a', 'b'] },
      createdDate: null,
      filePath: null,
      passage: `${'w'.repeat(300)} \u001b[2J words`,
      found: [{ searchType: 'semantic' as const, backend: 'hugegraph', rank: 1234, score: 0.25 }],
    }
    const question = { mode: 'metadata' as const, title: '', how: '', search: { filter: { license: 'x', list: 'a' } } }
    const lines = hitTable(question, [hit]).split('\n')
    for (const line of lines) expect(width(line)).toBeLessThanOrEqual(WIDTH)
    expect(lines.join('\n')).toContain('hugegraph meaning')
  })

  it('name what fits and count the rest', () => {
    const names = Array.from({ length: 500 }, (_, i) => `package-${i}`)
    const text = nameList(names, 3, 70)
    expect(text).toMatch(/^package-0, /)
    expect(text).toMatch(/and \d+ more/)
    expect(width(text)).toBeLessThanOrEqual(3 * 70)
  })
})

describe('progress', () => {
  it('without a terminal is a line a quarter', () => {
    const stream = new PassThrough()
    const bar = progress('Storing', 200, stream as NodeJS.WritableStream as NodeJS.WriteStream)
    for (let done = 1; done <= 200; done++) bar.update(done)
    bar.stop()
    expect(String(stream.read()).trim().split('\n')).toEqual([
      'Storing 25% · 50/200',
      'Storing 50% · 100/200',
      'Storing 75% · 150/200',
      'Storing 100% · 200/200',
    ])
  })
})

describe('what is told', () => {
  it('of stores that hold too little', () => {
    const full = { documents: 3, passages: 9, nodes: 3, placeholders: 0, edges: 2 }
    expect(incomplete(full)).toBeUndefined()
    expect(incomplete({ ...full, passages: 0 })).toContain('vector')
    expect(incomplete({ ...full, nodes: 2 })).toContain('graph')
    expect(incomplete({ ...full, passages: null, nodes: null })).toBeUndefined()
  })

  it('of any error ends in what to type', () => {
    for (const error of [new Error('x'), 'text', undefined, Object.assign(new Error('a'), { name: 'AbortError' })])
      expect(describeError(error)).toMatchObject({ code: expect.any(String), next: expect.stringMatching(/\w/) })
  })
})

/** Columns on a terminal: wide characters take two. */
function width(line: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours take no room
  const plain = line.replace(/\u001b\[[0-9;]*m/g, '')
  return [...plain].reduce((sum, c) => sum + (/\p{Script=Han}/u.test(c) ? 2 : 1), 0)
}
