import { spawn } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { APP } from '../src/places.js'
import { temporaryFolder, write } from './fixtures.js'

const PROGRAM = path.join(APP, 'dist', 'index.js')

beforeAll(() => {
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is not built: node scripts/x.mjs turbo run build`)
})

interface Finished {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

function demo(
  words: readonly string[],
  options: { cwd?: string; onError?: (text: string, pid: number) => void } = {},
): Promise<Finished> {
  const { FORCE_COLOR: _, DEBUG: __, ...inherited } = process.env
  // A machine of continuous integration asks for colours that a pipe would not get.
  const env = { ...inherited, NO_COLOR: '1' }
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [PROGRAM, ...words], {
      cwd: options.cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let out = ''
    let err = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
      if (child.pid !== undefined) options.onError?.(err, child.pid)
    })
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, out, err }))
  })
}

/** Notes, and a config that keeps the database beside them. */
function project(): string {
  const folder = temporaryFolder()
  write(folder, {
    'veritas.config.json': { backend: { type: 'sqlite', config: { path: path.join(folder, 'notes.db') } } },
    'notes/hub.md': '---\ntags: [center]\n---\n# The hub\n\n[bread](bread.md) [snow](snow.md)',
    'notes/bread.md': '---\ntags: [leaf]\n---\n# Baking bread\n\nSourdough needs patience. [hub](hub.md)',
    'notes/snow.md': '---\ntags: [leaf]\n---\n# Gardening in winter\n\nSnowdrops bloom early. [hub](hub.md)',
  })
  return folder
}

const NOTES = ['--path', 'notes', '--config', 'veritas.config.json']

describe('the command', () => {
  it('stores, answers in four modes and shows everything; again nothing changes, then what was changed does', async () => {
    const cwd = project()
    const first = await demo(NOTES, { cwd })
    expect(first).toMatchObject({ code: 0 })
    expect(first.out).toContain('3 Markdown and text files in notes')
    expect(first.out).toContain('3 stored (3 new, 0 changed), 0 unchanged, 0 deleted')
    for (const mode of ['1 semantic', '2 metadata', '3 graph', '4 hybrid']) expect(first.out).toContain(mode)
    for (const part of [
      'sqlite meaning #1',
      'sqlite filter #1',
      'sqlite links #1',
      'what links to it',
      'Health · healthy',
      'edges',
      'Timings',
      'Try next',
    ])
      expect(first.out).toContain(part)
    expect(first.out).toContain('npm run demo -- --path notes --config veritas.config.json --query')
    for (const line of first.out.split('\n').filter((l) => !l.startsWith('Timings') && !l.startsWith('  npm')))
      expect(line.length).toBeLessThanOrEqual(100)
    expect(first.err).toContain('Reading and storing 100%')
    // No colours where there is no terminal.
    expect(first.out).not.toContain('\u001b')

    expect((await demo(NOTES, { cwd })).out).toContain('0 stored (0 new, 0 changed), 3 unchanged, 0 deleted')
    write(cwd, { 'notes/snow.md': '# Gardening in summer\n\nTomatoes.' })
    rmSync(path.join(cwd, 'notes/bread.md'))
    const third = await demo([...NOTES, '--query', 'tomatoes'], { cwd })
    expect(third.out).toContain('1 stored (0 new, 1 changed), 1 unchanged, 1 deleted')
    expect(third.out).toMatch(/1 {2}snow\.md/)
    expect((await demo([...NOTES, '--fresh'], { cwd })).out).toContain(
      '2 stored (2 new, 0 changed), 0 unchanged, 0 deleted',
    )
  })

  it('prints one JSON object with --json, and nothing else on stdout', async () => {
    const cwd = project()
    const { code, out } = await demo(
      [...NOTES, '--json', '--query', 'sourdough', '--mode', 'metadata', '--filter', '{"tags":{"$contains":"leaf"}}'],
      { cwd },
    )
    expect(code).toBe(0)
    const outcome: unknown = JSON.parse(out)
    expect(outcome).toMatchObject({
      corpus: 'folder',
      stored: { read: 3, added: 3, failed: 0 },
      answers: [
        {
          mode: 'metadata',
          hits: [{ id: 'bread.md', found: [{ searchType: 'fullText', backend: 'sqlite', rank: 1 }] }],
        },
      ],
      relations: { id: 'bread.md', incoming: ['hub.md'], outgoing: ['hub.md'], missing: [] },
      counts: { documents: 3, passages: 3, nodes: 3, placeholders: 0, edges: 4 },
      health: { overall: 'healthy' },
    })
  })

  it('finds a database that a config names, wherever the config lies', async () => {
    const cwd = project()
    write(cwd, {
      'elsewhere/veritas.config.mjs': `export default { relational: { type: 'sqlite', config: { path: ${JSON.stringify(path.join(cwd, 'other.db'))} } } }`,
    })
    const { code, out } = await demo(
      ['--path', 'notes', '--config', 'elsewhere/veritas.config.mjs', '--mode', 'metadata'],
      { cwd },
    )
    expect(code).toBe(0)
    // One role alone: what it cannot do is left out of the tables.
    expect(out).toContain('3 stored')
    expect(out).not.toContain('passages with embeddings')
  })

  const mistakes: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['an unknown option', ['--frobnicate'], /unknown option '--frobnicate'[\s\S]*--help/],
    ['a misspelt option', ['--quary', 'x'], /Did you mean --query/],
    ['an argument too many', ['notes'], /too many arguments[\s\S]*--help/],
    ['an unknown mode', ['--mode', 'psychic'], /Allowed choices are semantic[\s\S]*--help/],
    ['a filter that is no JSON', ['--filter', '{'], /no JSON[\s\S]*--help/],
    ['a filter that is no object', ['--filter', '[]'], /must be an object/],
    ['a filter with an unknown operator', ['--filter', '{"a":{"$foo":1}}'], /unknown operator "\$foo"/],
    ['a limit of 0', ['--limit', '0'], /whole number from 1 to 1000/],
    ['an empty question', ['--query', ' '], /empty/],
    [
      'a filter without words where words are needed',
      ['--mode', 'graph', '--filter', '{"a":1}'],
      /VALIDATION[\s\S]*→ Add words/,
    ],
    [
      'a folder that is not there',
      ['--path', 'nowhere'],
      /NOT_FOUND There is no folder nowhere[\s\S]*→ .*--path FOLDER/,
    ],
    ['a file in place of a folder', ['--path', 'veritas.config.json'], /is a file/],
    ['an unknown database', ['--backends', 'oracle'], /no database "oracle"[\s\S]*→ .*--backends/],
    ['databases that want the same role', ['--backends', 'chroma,redis'], /do not fit[\s\S]*→/],
    ['a config that is not there', ['--config', 'none.json'], /CONFIGURATION[\s\S]*→/],
    ['a config with an unknown database', ['--config', 'odd.json'], /CONFIGURATION[\s\S]*→/],
    ['config and backends together', ['--config', 'a', '--backends', 'b'], /cannot be used with/],
  ]
  it.each(mistakes)('says what is wrong with %s, and what to type next', async (_, words, message) => {
    const cwd = project()
    write(cwd, { 'odd.json': { backend: { type: 'sqlight' } } })
    const { code, out, err } = await demo(
      words.includes('--path') || words[0] === 'notes' ? words : ['--path', 'notes', ...words],
      { cwd },
    )
    expect(code).toBe(1)
    expect(err).toMatch(message)
    expect(err).not.toMatch(/^\s+at /m)
    expect(out).toBe('')
  })

  it('tells programs of errors in JSON', async () => {
    const { code, out } = await demo(['--json', '--path', 'nowhere'], { cwd: project() })
    expect(code).toBe(1)
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'NOT_FOUND', next: expect.stringContaining('--path') } })
  })

  it('shows help with examples', async () => {
    const { code, out } = await demo(['--help'])
    expect(code).toBe(0)
    expect(out).toContain('--backends chroma,neo4j,postgres')
  })

  it.skipIf(process.platform === 'win32')(
    'stops at Ctrl-C with the database closed, and goes on the next time',
    async () => {
      const cwd = project()
      const files = Object.fromEntries(
        Array.from({ length: 3000 }, (_, i) => [`notes/n${i}.md`, `# Note ${i}\n\n${'words and more '.repeat(200)}`]),
      )
      write(cwd, files)
      let sent = false
      const stopped = await demo(NOTES, {
        cwd,
        onError: (text, pid) => {
          if (!text.includes('25%') || sent) return
          sent = true
          process.kill(pid, 'SIGINT')
        },
      })
      expect(stopped.code).toBe(130)
      expect(stopped.err).toContain('the same command goes on from here')
      // Closed: what was in the write-ahead log is in the file.
      expect(existsSync(path.join(cwd, 'notes.db-wal'))).toBe(false)
      const resumed = await demo([...NOTES, '--json', '--mode', 'metadata'], { cwd })
      const { stored } = JSON.parse(resumed.out) as { stored: { added: number; unchanged: number } }
      expect(stored.unchanged).toBeGreaterThan(0)
      expect(stored.added + stored.unchanged).toBe(3003)
    },
  )
})
