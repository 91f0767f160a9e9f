import { describe, expect, it } from 'vitest'
import { folderCorpus } from '../src/corpus/folder.js'
import { frontMatter } from '../src/corpus/front-matter.js'
import { linkTargets } from '../src/corpus/links.js'
import { readAll, targets, temporaryFolder, write } from './fixtures.js'

describe('a folder', () => {
  it('gives its Markdown and text files, in order, without hidden ones and node_modules', async () => {
    const folder = temporaryFolder()
    write(folder, {
      'b.md': '# Bee',
      'a/z.TXT': 'plain',
      'a/y.markdown': 'text',
      'picture.png': 'no',
      '.git/x.md': 'no',
      'node_modules/p/README.md': 'no',
    })
    const corpus = folderCorpus(folder)
    const { documents, problems } = await readAll(corpus)
    expect(documents.map((d) => [d.id, d.title, d.documentType, d.filePath])).toEqual([
      ['a/y.markdown', 'y', 'markdown', 'a/y.markdown'],
      ['a/z.TXT', 'z', 'text', 'a/z.TXT'],
      ['b.md', 'Bee', 'markdown', 'b.md'],
    ])
    expect(documents[2]?.metadata).toEqual({ folder: '.', sizeBytes: 5, words: 2 })
    expect(corpus.total).toBe(3)
    expect(problems).toEqual([])
    expect(corpus.collection).toMatch(/^[A-Za-z][A-Za-z0-9_-]{0,62}$/)
    expect(folderCorpus(folder).collection).toBe(corpus.collection)
  })

  it('turns front matter into title, date and metadata', async () => {
    const folder = temporaryFolder()
    write(folder, {
      'a.md':
        '---\ntitle: The title\ndate: 2024-05-31\ntags: [x, y]\nrating: 4.5\ndraft: false\nnone: null\nmixed: [1, two, {three: 3}]\nnested:\n  deep.er: v\n  $op: w\nbig: 123456789012345678901234567890\nfilePath: mine\n---\n# Heading\n\nBody',
      'b.md': '---\ntitle: [no, text]\ndate: soon\n---\n\nHeading of old\n===\n\nBody',
      'c.md': '---\r\ntitle: Windows\r\n---\r\nBody\r\n',
      'd.md': '---json\n{"rating": 2}\n---\nBody',
    })
    const { byId, problems } = await readAll(folderCorpus(folder))
    expect(problems).toEqual([])
    expect(byId.get('a.md')).toMatchObject({
      title: 'The title',
      createdDate: new Date('2024-05-31'),
      text: '# Heading\n\nBody',
      metadata: { tags: ['x', 'y'], rating: 4.5, draft: false, none: null, mixed: ['1', 'two', '{three}'] },
    })
    expect(byId.get('a.md')?.metadata?.nested).toEqual({ deep_er: 'v', op: 'w' })
    // The document's own attributes are no metadata.
    expect(byId.get('a.md')?.metadata).not.toHaveProperty('filePath')
    expect(byId.get('b.md')).toMatchObject({ title: 'Heading of old', metadata: { date: 'soon' } })
    expect(byId.get('b.md')).not.toHaveProperty('createdDate')
    expect(byId.get('c.md')).toMatchObject({ title: 'Windows', text: 'Body\r\n' })
    expect(byId.get('d.md')?.metadata?.rating).toBe(2)
  })

  it('keeps the whole text where front matter is none, or not understood', async () => {
    const folder = temporaryFolder()
    write(folder, {
      'ruler.md': '---\n\nJust a ruler above.\n\n---\n\nAnd below.',
      'open.md': '---\nnever closed',
      'bad.md': '---\na: [1\nb: }\n---\nBody',
    })
    const { byId, problems } = await readAll(folderCorpus(folder))
    expect(byId.get('ruler.md')?.text).toContain('Just a ruler')
    expect(byId.get('open.md')?.text).toBe('---\nnever closed')
    expect(byId.get('bad.md')?.text).toContain('b: }')
    expect(problems.map((p) => p.id)).toEqual(['bad.md'])
  })

  it('never runs code in front matter, and is not blown up by it', () => {
    const run = frontMatter('---js\nglobalThis.ran = true; module.exports = {}\n---\nBody')
    expect(run.problem).toContain('JavaScript')
    expect(frontMatter('---javascript\n({ran: globalThis.ran = true})\n---\nBody').problem).toContain('JavaScript')
    expect(globalThis).not.toHaveProperty('ran')
    const levels = Array.from(
      { length: 12 },
      (_, i) =>
        `l${i + 1}: &l${i + 1} {${'abcdefghij'
          .split('')
          .map((k) => `${k}: *l${i}`)
          .join(', ')}}`,
    )
    expect(frontMatter(`---\nl0: &l0 x\n${levels.join('\n')}\n---\nBody`).body).toBe('Body')
  })

  it('keeps metadata of a YAML bomb within bounds', async () => {
    const folder = temporaryFolder()
    const levels = Array.from(
      { length: 12 },
      (_, i) =>
        `l${i + 1}: &l${i + 1} {${'abcdefghij'
          .split('')
          .map((k) => `${k}: *l${i}`)
          .join(', ')}}`,
    )
    write(folder, { 'bomb.md': `---\nl0: &l0 x\n${levels.join('\n')}\n---\nBody` })
    const { byId } = await readAll(folderCorpus(folder))
    expect(JSON.stringify(byId.get('bomb.md')?.metadata).length).toBeLessThan(100_000)
  })

  it('resolves links between files: relative, from the top, without extension, to folders, by reference, wiki', async () => {
    const folder = temporaryFolder()
    write(folder, {
      'index.md':
        '[one](docs/one.md) [same](./docs/../docs/one.md#part) [top](/docs/two) [folder](docs/) [ref][r] [[Three|alias]]\n\n[r]: docs/sub/three.md?x=1 "title"',
      'docs/one.md': '[up](../index.md) [self](one.md) [anchor](#here) [out](../../outside.md) ![picture](two.md)',
      'docs/two.md':
        '[web](https://example.org/one.md) [mail](mailto:a@b.c) [net](//example.org/a.md) [asset](file.pdf)',
      'docs/README.md': '`[code](one.md)`\n\n    [indented](one.md)\n\n```\n[fenced](one.md)\n```\n',
      'docs/sub/three.md': 'A paragraph of its own.\n\n- item\n\n  [in a list](../one.md)\n\n> [quoted](<../two.md>)',
    })
    const { byId } = await readAll(folderCorpus(folder))
    expect(targets(byId.get('index.md'))).toEqual(['docs/one.md', 'docs/two.md', 'docs/README.md', 'docs/sub/three.md'])
    expect(targets(byId.get('docs/one.md'))).toEqual(['index.md'])
    expect(targets(byId.get('docs/two.md'))).toEqual([])
    expect(targets(byId.get('docs/README.md'))).toEqual([])
    expect(targets(byId.get('docs/sub/three.md'))).toEqual(['docs/one.md', 'docs/two.md'])
    expect(byId.get('index.md')?.references?.[0]).toEqual({ id: 'docs/one.md', type: 'LINKS_TO' })
  })

  it('keeps broken links to documents as relations to what is not there', async () => {
    const folder = temporaryFolder()
    write(folder, { 'a.md': '[gone](sub/gone.md) [[Nowhere]] [odd](100%.md) [nul](%00.md)' })
    const { byId } = await readAll(folderCorpus(folder))
    expect(byId.get('a.md')?.references).toEqual([
      { id: 'sub/gone.md', type: 'LINKS_TO' },
      { id: '100%.md', type: 'LINKS_TO' },
    ])
  })

  it('knows unicode names in either normal form, escaped or not', async () => {
    const folder = temporaryFolder()
    write(folder, {
      'Über.md': 'U',
      '日本語 メモ.md': 'J',
      'a.md': '[u](%C3%9Cber.md) [decomposed](U\u0308ber.md) [j](<日本語 メモ.md>) [[日本語 メモ]]',
    })
    const { documents, byId } = await readAll(folderCorpus(folder))
    const umlaut = documents.find((d) => d.text === 'U')?.id
    expect(targets(byId.get('a.md'))).toEqual([umlaut, '日本語 メモ.md'])
  })

  it('reads UTF-16 and cuts what is very long, and leaves out what is no text', async () => {
    const folder = temporaryFolder()
    write(folder, {
      'wide.txt': Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('héllo', 'utf16le')]),
      'bom.md': '\ufeff---\ntitle: T\n---\nBody',
      'long.txt': 'word '.repeat(600_000),
      'binary.txt': Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0, 1]),
      'latin.txt': Buffer.from([0x63, 0x61, 0x66, 0xe9]),
    })
    const { byId, problems } = await readAll(folderCorpus(folder))
    expect(byId.get('wide.txt')?.text).toBe('héllo')
    expect(byId.get('bom.md')).toMatchObject({ title: 'T', text: 'Body' })
    expect(byId.get('long.txt')?.text.length).toBe(2 * 1024 * 1024)
    expect(byId.get('latin.txt')?.text).toBe('caf\ufffd')
    expect(problems).toEqual([
      { id: 'binary.txt', why: expect.stringContaining('NUL') },
      { id: 'long.txt', why: expect.stringContaining('2 MB') },
    ])
  })

  it('gives very long paths an id within the limit, each its own', async () => {
    const folder = temporaryFolder()
    const deep = ['語'.repeat(70), '語'.repeat(70), '語'.repeat(70)].join('/')
    write(folder, { [`${deep}/a.md`]: 'A', [`${deep}/b.md`]: 'B' })
    const { documents } = await readAll(folderCorpus(folder))
    const ids = documents.map((d) => d.id ?? '')
    expect(new Set(ids).size).toBe(2)
    for (const id of ids) expect(Buffer.byteLength(id)).toBeLessThanOrEqual(512)
  })

  it('is refused with a reason where there is nothing to read', () => {
    const folder = temporaryFolder()
    write(folder, { 'picture.png': 'x' })
    expect(() => folderCorpus(folder)).toThrow(/no Markdown or text/)
    expect(() => folderCorpus(`${folder}/none`)).toThrow(/no folder/)
    expect(() => folderCorpus(`${folder}/picture.png`)).toThrow(/is a file/)
  })
})

describe('links', () => {
  it('come in order, whatever stands between them', () => {
    const text = `Plain words first.\n\n[a](a.md)\n\nMore words\nin two lines.\n\n* [b](b.md)\n\nEnd.\n\n\`\`\`\n[no](no.md)\n\nplain\n\n[no](no.md)\n\`\`\`\n\n[c](c.md)`
    expect(linkTargets(text).map((t) => t.url)).toEqual(['a.md', 'b.md', 'c.md'])
    expect(linkTargets('no links at all')).toEqual([])
  })
})
