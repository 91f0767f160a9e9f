import { createHash } from 'node:crypto'
import { closeSync, type Dirent, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import path from 'node:path'
import type { Metadata, Reference, VeritasDocument } from '@veritas-db/core'
import { DemoError } from '../errors.js'
import { displayPath, slashed } from '../places.js'
import { type FrontMatter, frontMatter } from './front-matter.js'
import { FileIndex, isDocument, linkTargets } from './links.js'
import type { Corpus, Problem } from './types.js'
import { safeId, safeMetadata, safeText } from './values.js'

const EDGE_TYPE = 'LINKS_TO'
/** What a file holds beyond this is left out. */
const MAX_BYTES = 2 * 1024 * 1024

/** The Markdown and text files of a folder and the folders in it, without hidden ones and `node_modules`. */
export function folderCorpus(folder: string): Corpus {
  const root = path.resolve(folder)
  const { files, problems } = documentFiles(root)
  if (files.length === 0)
    throw new DemoError(
      'NOT_FOUND',
      `There is no Markdown or text (.md, .mdx, .txt, …) in ${displayPath(root)}.`,
      'Name a folder that has some: npm run demo -- --path FOLDER',
    )
  return {
    kind: 'folder',
    description: `${files.length} Markdown and text file${files.length === 1 ? '' : 's'} in ${displayPath(root)}`,
    noun: ['file', 'files'],
    collection: collectionName(root),
    edgeType: EDGE_TYPE,
    // Front matter is what people made it: no two folders have the same fields.
    fields: {},
    total: files.length,
    async *documents(onProblem: (problem: Problem) => void): AsyncGenerator<VeritasDocument> {
      for (const problem of problems) onProblem(problem)
      const index = new FileIndex(files)
      for (const file of files) {
        const report = (why: string): void => onProblem({ id: safeId(file), why })
        try {
          const document = fileDocument(root, file, index, report)
          if (document) yield document
        } catch (error) {
          // A file that vanishes while we read, or that we may not read, concerns itself alone.
          report(error instanceof Error ? error.message : String(error))
        }
      }
    },
  }
}

function fileDocument(
  root: string,
  file: string,
  index: FileIndex,
  report: (why: string) => void,
): VeritasDocument | undefined {
  const { text, size, cut } = readText(path.join(root, ...file.split('/')))
  if (text.includes('\u0000')) {
    report('it is no text: it holds NUL characters')
    return undefined
  }
  if (cut) report(`it is long: the first ${MAX_BYTES / 1024 / 1024} MB are stored`)
  const markdown = !/\.te?xt$/i.test(file)
  const { data, body, problem }: FrontMatter = markdown ? frontMatter(text) : { data: {}, body: text }
  if (problem !== undefined) report(problem)
  const { title, date, created, ...rest } = data
  const createdDate = dateOf(date) ?? dateOf(created)
  return {
    id: safeId(file),
    title: titleOf(title, body, file, markdown),
    documentType: markdown ? 'markdown' : 'text',
    text: safeText(body),
    references: markdown ? references(file, body, index) : [],
    filePath: safeText(file),
    ...(createdDate && { createdDate }),
    metadata: {
      folder: safeText(path.posix.dirname(file)),
      sizeBytes: size,
      words: wordCount(body),
      ...unused({ date, created }, createdDate),
      ...safeMetadata(rest),
    },
  }
}

/** Dates that were not understood stay what they were. */
function unused(dates: Readonly<Record<string, unknown>>, createdDate: Date | undefined): Metadata {
  return createdDate ? {} : safeMetadata(Object.fromEntries(Object.entries(dates).filter(([, v]) => v !== undefined)))
}

function dateOf(value: unknown): Date | undefined {
  const date = value instanceof Date ? value : typeof value === 'string' ? new Date(value) : undefined
  return date && !Number.isNaN(date.getTime()) ? date : undefined
}

/** The front matter's title, else the first heading, else the file's name. */
function titleOf(given: unknown, body: string, file: string, markdown: boolean): string {
  if (typeof given === 'string' && given.trim() !== '') return safeText(given.trim().slice(0, 300))
  const head = markdown ? body.slice(0, 5000).split(/^(?:```|~~~)/m, 1)[0] : undefined
  const heading = head?.match(/^ {0,3}#{1,2}[ \t]+(\S[^\n]*)$/m)?.[1] ?? head?.match(/^(\S[^\n]*)\r?\n=+[ \t]*$/m)?.[1]
  const text = heading?.replace(/[ \t]*#*[ \t]*\r?$/, '').replace(/[*_`]/g, '')
  return safeText((text?.trim() || path.posix.basename(file, path.posix.extname(file))).slice(0, 300))
}

function references(file: string, body: string, index: FileIndex): Reference[] {
  const found = new Map<string, Reference>()
  for (const target of linkTargets(body)) {
    const linked = index.resolve(file, target.url, target.wiki)
    if (linked === undefined || linked === file) continue
    const id = safeId(linked)
    // No word on whether it is there: a document must not change because another one came or went.
    if (!found.has(id)) found.set(id, { id, type: EDGE_TYPE })
  }
  return [...found.values()]
}

/** The beginning of a file as text: UTF-8, or UTF-16 where it says so. */
function readText(file: string): { text: string; size: number; cut: boolean } {
  const handle = openSync(file, 'r')
  try {
    const { size } = fstatSync(handle)
    const buffer = Buffer.alloc(Math.min(size, MAX_BYTES))
    let length = 0
    while (length < buffer.length) {
      const bytesRead = readSync(handle, buffer, length, buffer.length - length, length)
      if (bytesRead === 0) break
      length += bytesRead
    }
    const bytes = buffer.subarray(0, length)
    const [first, second] = bytes
    const wide =
      first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : undefined
    return { text: new TextDecoder(wide ?? 'utf-8').decode(bytes), size, cut: size > MAX_BYTES }
  } finally {
    closeSync(handle)
  }
}

function wordCount(text: string): number {
  let words = 0
  for (const _ of text.matchAll(/\S+/g)) words++
  return words
}

/** Paths of documents relative to the folder, with `/`, in order. Links are not followed: they may lead out, or in circles. */
function documentFiles(root: string): { files: string[]; problems: Problem[] } {
  const files: string[] = []
  const problems: Problem[] = []
  const waiting = ['']
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    let entries: Dirent[]
    try {
      entries = readdirSync(path.join(root, at), { withFileTypes: true })
    } catch (error) {
      if (at === '') throw unreadable(root, error)
      problems.push({ id: slashed(at), folder: true, why: error instanceof Error ? error.message : String(error) })
      continue
    }
    for (const entry of entries) {
      const file = path.join(at, entry.name)
      if (entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules') waiting.push(file)
      else if (entry.isFile() && isDocument(entry.name)) files.push(slashed(file))
    }
  }
  return { files: files.sort(), problems }
}

function unreadable(root: string, error: unknown): DemoError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const next = 'Name a folder of Markdown or text: npm run demo -- --path FOLDER'
  if (code === 'ENOENT') return new DemoError('NOT_FOUND', `There is no folder ${displayPath(root)}.`, next, error)
  if (code === 'ENOTDIR')
    return new DemoError('VALIDATION', `${displayPath(root)} is a file, not a folder.`, next, error)
  return new DemoError(
    'VALIDATION',
    `${displayPath(root)} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    next,
    error,
  )
}

/** One collection a folder: its name for people, a hash of its path to tell namesakes apart. */
function collectionName(root: string): string {
  const slug = path
    .basename(root)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .slice(0, 30)
  return ['folder', slug, createHash('sha256').update(root).digest('hex').slice(0, 8)].filter(Boolean).join('_')
}
