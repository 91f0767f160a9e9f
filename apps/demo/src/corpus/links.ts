import path from 'node:path'
import { fromMarkdown } from 'mdast-util-from-markdown'

export const DOCUMENT_EXTENSIONS: readonly string[] = ['.md', '.markdown', '.mdown', '.mkd', '.mdx', '.txt', '.text']
/** Links beyond this many characters of one file are not looked for. */
const MAX_PARSED = 500_000

/** The part of a syntax tree's node that matters here. */
interface Node {
  readonly type: string
  readonly url?: string
  readonly value?: string
  readonly children?: readonly Node[]
}

export interface LinkTarget {
  readonly url: string
  /** Written as `[[name]]`: the name of a file wherever it is. */
  readonly wiki: boolean
}

/** Targets of a Markdown text's links in order: inline, by reference, and `[[wiki links]]`. */
export function linkTargets(markdown: string): LinkTarget[] {
  if (!MAY_LINK.test(markdown)) return []
  const targets: LinkTarget[] = []
  const waiting: Node[] = [fromMarkdown(withoutPlainParagraphs(markdown.slice(0, MAX_PARSED)))]
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if ((node.type === 'link' || node.type === 'definition') && node.url) targets.push({ url: node.url, wiki: false })
    if (node.type === 'text' && node.value?.includes('[['))
      for (const match of node.value.matchAll(/\[\[([^[\]|#\n]{1,300})[^[\]\n]{0,300}\]\]/g))
        if (match[1] !== undefined)
          targets.push({ url: encodeURIComponent(match[1].trim().toWellFormed()), wiki: true })
    if (node.children) for (let i = node.children.length - 1; i >= 0; i--) waiting.push(node.children[i] as Node)
  }
  return targets
}

const MAY_LINK = /\]\(|\]:|\[\[/
/** What makes a link, a block of code or one of HTML. */
const MARKS = /\]\(|\]:|\[\[|```|~~~|</

/**
 * Parsing takes most of the time of reading, and most paragraphs link to nothing: those give way to an "x". Every block
 * stays a block of its kind, so that what is code, or within a list, is so still.
 */
function withoutPlainParagraphs(markdown: string): string {
  const blocks = markdown.split(/\r?\n(?:[ \t]*\r?\n)+/)
  return blocks.map((block) => (/^\p{L}/u.test(block) && !MARKS.test(block) ? 'x' : block)).join('\n\n')
}

/** Finds files by what links call them. */
export class FileIndex {
  readonly #byPath: Map<string, string>
  readonly #byName: Map<string, string>

  constructor(files: readonly string[]) {
    this.#byPath = new Map(files.map((file) => [fold(file), file]))
    this.#byName = new Map()
    for (const file of files) {
      const name = fold(path.posix.basename(file, path.posix.extname(file)))
      // Of several files of one name a bare wiki link means the one nearest to the top.
      const other = this.#byName.get(name)
      if (other === undefined || depth(file) < depth(other)) this.#byName.set(name, file)
    }
  }

  /** The file that a link in `from` leads to; undefined for what leads out of the folder, or to no document. */
  resolve(from: string, url: string, wiki = false): string | undefined {
    if (/^[a-z][a-z0-9+.-]*:/i.test(url) || url.startsWith('//')) return undefined
    const target = decode(url.replace(/[?#].*$/s, ''))
    if (target === '' || target.includes('\u0000')) return undefined
    const joined = target.startsWith('/') ? target.slice(1) : path.posix.join(path.posix.dirname(from), target)
    const wanted = path.posix.normalize(joined).replace(/\/$/, '')
    if (wanted.startsWith('..')) return undefined
    const candidates = [
      wanted,
      ...DOCUMENT_EXTENSIONS.map((e) => wanted + e),
      ...['README.md', 'index.md'].map((f) => path.posix.join(wanted, f)),
    ]
    for (const candidate of candidates) {
      const file = this.#byPath.get(fold(candidate))
      if (file !== undefined) return file
    }
    if (wiki) {
      const file = this.#byName.get(fold(target))
      if (file !== undefined) return file
    }
    // A broken link to a document is still a relation: the graph keeps its place until the file is there.
    return isDocument(wanted) ? wanted : undefined
  }
}

export function isDocument(file: string): boolean {
  return DOCUMENT_EXTENSIONS.includes(path.posix.extname(file).toLowerCase())
}

/** One letter may be written as one code point or as two: names of files and links to them need not agree. */
function fold(file: string): string {
  return file.normalize('NFC')
}

function depth(file: string): number {
  return file.split('/').length
}

function decode(url: string): string {
  try {
    return decodeURIComponent(url)
  } catch (_malformed) {
    // A bare % is common in hand-written links, and then the text is the name.
    return url
  }
}
