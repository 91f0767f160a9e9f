import type { Finding, HealthReport, SearchHit, SearchType } from '@veritas-db/core'
import Table from 'cli-table3'
import pc from 'picocolors'
import type { Counts } from '../counts.js'
import type { Question } from '../questions.js'
import { duration, number, oneLine, passageText, shorten, shortenId } from './text.js'

/** How a hit was found, in a word. */
const FOUND_BY: Readonly<Record<SearchType, string>> = {
  semantic: 'meaning',
  fullText: 'words',
  metadata: 'filter',
  graph: 'links',
}

/** A table without frames: a ruler under its head is enough. */
function table(head: readonly string[], widths: readonly number[], right: readonly number[] = []): Table.Table {
  return new Table({
    head: head.map((name) => pc.bold(name)),
    colWidths: [...widths],
    colAligns: head.map((_, i) => (right.includes(i) ? 'right' : 'left')),
    wordWrap: true,
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '',
    },
    style: { head: [], border: [], 'padding-left': 1, 'padding-right': 1 },
  })
}

export function hitTable(question: Question, hits: readonly SearchHit[]): string {
  const rows = table(['', 'document', 'score', 'passage', 'found by'], [4, 27, 8, 42, 19], [0, 2])
  hits.forEach((hit, i) => {
    const best = hit.found[0]
    // One leg's own score says more than its share of a fused one.
    const score = question.mode === 'hybrid' || !best ? hit.score.toFixed(4) : best.score.toFixed(3)
    rows.push([
      pc.dim(String(i + 1)),
      pc.cyan(shortenId(hit.id, 25)),
      question.mode === 'metadata' && question.search.query === undefined ? pc.dim('-') : score,
      `${filtered(question, hit)}${shorten(passageText(hit.passage), 78) || pc.dim('(no text)')}`,
      hit.found.map(foundBy).join('\n') + (hit.unverified ? pc.yellow('\nunverified') : ''),
    ])
  })
  return rows.toString()
}

function foundBy({ backend, searchType, rank }: Finding): string {
  return `${backend} ${FOUND_BY[searchType]} #${rank}`
}

/** What the filter asked about, as this document has it. */
function filtered(question: Question, hit: SearchHit): string {
  const fields = Object.keys(question.search.filter ?? {}).filter(
    (field) => !field.startsWith('$') && field in hit.metadata,
  )
  const values = fields.map((field) => {
    const value = hit.metadata[field]
    const shown = typeof value === 'number' ? number(value) : Array.isArray(value) ? value.join(', ') : String(value)
    return `${field} ${shorten(oneLine(shown), 30)}`
  })
  return values.length > 0 ? `${pc.bold(oneLine(values.join(', ')))}\n` : ''
}

export function healthTable(health: HealthReport): string {
  const rows = table(['backend', 'roles', 'status', 'latency', 'server'], [12, 28, 12, 11, 37], [3])
  for (const { backend, roles, status, latencyMs, server, error } of health.backends) {
    const shown = status === 'healthy' ? pc.green(status) : pc.red(status)
    rows.push([backend, [...roles].sort().join(', '), shown, duration(latencyMs), oneLine(server ?? error ?? '')])
  }
  return rows.toString()
}

export function countTable(counts: Counts, backendOf: (role: string) => string): string {
  const rows = table(['what', 'how many', 'where'], [34, 12, 54], [1])
  const add = (what: string, count: number | null, role: string, note = ''): void => {
    const where = backendOf(role)
    if (where !== '') rows.push([what, number(count), `${where}, ${role} role${note}`])
  }
  const placeholders = counts.placeholders ?? 0
  add('documents', counts.documents, 'relational')
  add('passages with embeddings', counts.passages, 'vector')
  add('nodes', counts.nodes, 'graph', placeholders > 0 ? `; and ${number(placeholders)} for documents not stored` : '')
  add('edges', counts.edges, 'graph')
  return rows.toString()
}

/** Names in lines of the width, the rest counted. */
export function nameList(names: readonly string[], lines: number, width: number): string {
  const shown: string[] = []
  let used = 0
  for (const name of names.map((n) => shortenId(n, 40))) {
    if (used + name.length + 2 > width * lines - 16) break
    used += name.length + 2
    shown.push(name)
  }
  const rest = names.length - shown.length
  return `${shown.join(', ')}${rest > 0 ? pc.dim(` and ${number(rest)} more`) : ''}`
}

export function relationTable(rowsOf: readonly (readonly [string, readonly string[]])[]): string {
  const rows = table(['', '', ''], [22, 6, 72], [1])
  rows.options.head = []
  for (const [what, names] of rowsOf)
    rows.push([what, pc.bold(number(names.length)), names.length > 0 ? nameList(names, 3, 70) : pc.dim('none')])
  return rows.toString()
}
