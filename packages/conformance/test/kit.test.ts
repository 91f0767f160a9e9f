import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { definePlugin, type RoleName, secret } from '@veritas-db/core/contract'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type ConformanceOptions, runConformance, type SuiteSummary, suites } from '../src/index.js'
import { Collector, failures, type TestResult } from './collector.js'
import { Engine } from './memory/engine.js'
import { memory, memoryBackend } from './memory/index.js'

const KIT = 'the kit'
const open = (): ReturnType<typeof memoryBackend> =>
  memoryBackend(new Engine(), { roles: ['vector'], unitOfWork: false })
const roles: readonly RoleName[] = ['vector']

interface Ran {
  readonly results: readonly TestResult[]
  readonly summary: readonly SuiteSummary[]
  readonly registered: readonly string[]
  /** What the last test of the kit says; undefined where it passes. */
  readonly verdict: string | undefined
}

/** Runs some suites of the kit on the vector backend, and the last test. */
async function run(options: Partial<ConformanceOptions>, only: readonly string[] = []): Promise<Ran> {
  const collector = new Collector()
  const all = { ...collector, name: 'tested', roles, open, filters: 10, ...options } as ConformanceOptions
  const ran = runConformance(all)
  const results = await collector.run([...only, KIT])
  const verdict = results.find((r) => r.suite === KIT)?.error?.message
  return { results, summary: ran.summary(), registered: collector.suites, verdict }
}

/** Skips all suites but some, with a reason. */
function skipAllBut(...names: string[]): Record<string, string> {
  const skipped = suites.map((s) => s.name).filter((name) => !names.includes(name))
  return Object.fromEntries(skipped.map((name) => [name, 'not what this test is about']))
}

describe('skips', () => {
  it('a suite that was neither run nor skipped fails the kit', async () => {
    const { verdict } = await run({ skip: skipAllBut('vector.scan', 'vector.text') }, ['vector.scan'])
    expect(verdict).toBe('suite "vector.text" was neither run nor skipped with a reason')
  })

  it('a suite that was skipped with a reason does not', async () => {
    const { verdict, registered, summary } = await run({ skip: skipAllBut('vector.scan') }, ['vector.scan'])
    expect(verdict).toBeUndefined()
    expect(registered).toEqual(['vector.scan', KIT])
    expect(summary.find((s) => s.suite === 'vector.text')).toMatchObject({
      status: 'skipped',
      reason: 'not what this test is about',
    })
  })

  it.each(['', '   ', 'todo'])('%j is no reason', async (reason) => {
    const { verdict } = await run({ skip: { ...skipAllBut(), 'vector.scan': reason } })
    expect(verdict).toBe(`skip of "vector.scan" needs a reason in words, got ${JSON.stringify(reason)}`)
  })

  it('an unknown name among the skips fails the kit', async () => {
    const { verdict } = await run({ skip: { ...skipAllBut(), 'vector.scans': 'the engine has no such thing' } })
    expect(verdict).toBe('skip names "vector.scans", which is no suite and no check of the kit')
  })

  it('a single check may be skipped, and is reported', async () => {
    const name = 'snapshot: where declared, a scan sees one moment'
    const skip = { ...skipAllBut('vector.scan'), [`vector.scan/${name}`]: 'takes an hour on this engine' }
    const { verdict, results, summary } = await run({ skip }, ['vector.scan'])
    expect(verdict).toBeUndefined()
    expect(results.map((r) => r.name)).not.toContain(name)
    expect(summary.find((s) => s.suite === 'vector.scan')?.notRun).toEqual({ [name]: 'takes an hour on this engine' })
  })

  it('skipping every check of a suite by name is skipping the suite', async () => {
    const checks = suites.find((s) => s.name === 'vector.text')?.checks ?? []
    const each = Object.fromEntries(checks.map((name) => [`vector.text/${name}`, 'no full text on this server']))
    const { verdict, summary } = await run({ skip: { ...skipAllBut('vector.text'), ...each } }, ['vector.text'])
    expect(verdict).toBeUndefined()
    expect(summary.find((s) => s.suite === 'vector.text')).toMatchObject({ reason: 'no full text on this server' })
  })
})

describe('the summary', () => {
  it('counts what passed and failed, and says what did not apply', async () => {
    const { summary, verdict } = await run({ skip: skipAllBut('vector.scan', 'unit-of-work') }, [
      'vector.scan',
      'unit-of-work',
    ])
    expect(verdict).toBeUndefined()
    const scan = summary.find((s) => s.suite === 'vector.scan')
    expect(scan).toMatchObject({ backend: 'tested', status: 'run', failed: 0 })
    expect(scan?.passed).toBeGreaterThan(5)
    expect(scan?.notRun).toHaveProperty('snapshot: where declared, a scan sees one moment', 'snapshot is not declared')
    expect(summary.find((s) => s.suite === 'unit-of-work')).toMatchObject({
      status: 'undeclared',
      reason: 'the backend offers no unitOfWork',
    })
    expect(summary.map((s) => s.suite)).toEqual(suites.map((s) => s.name))
  })

  it('says of a role that the backend lacks that it lacks it', async () => {
    const skip = Object.fromEntries(Object.entries(skipAllBut()).filter(([name]) => !name.startsWith('graph.')))
    const { summary, verdict } = await run({ skip })
    expect(verdict).toBeUndefined()
    expect(summary.find((s) => s.suite === 'graph.paths')).toMatchObject({
      status: 'undeclared',
      reason: 'the backend has no graph role',
    })
  })
})

describe('the report', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'veritas-kit-'))
    process.env.VERITAS_CONFORMANCE_REPORT = path.join(folder, 'report.jsonl')
  })
  afterEach(async () => {
    delete process.env.VERITAS_CONFORMANCE_REPORT
    await rm(folder, { recursive: true })
  })

  it('is a line of JSON a suite, appended', async () => {
    for (const name of ['one', 'two']) await run({ name, skip: skipAllBut('vector.scan') }, ['vector.scan'])
    const text = await readFile(path.join(folder, 'report.jsonl'), 'utf8')
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as SuiteSummary)
    expect(lines.length).toBe(suites.length * 2)
    expect(lines.filter((l) => l.status === 'run').map((l) => [l.backend, l.suite])).toEqual([
      ['one', 'vector.scan'],
      ['two', 'vector.scan'],
    ])
  })
})

describe('clean-up', () => {
  it('leaves nothing behind', async () => {
    const engine = new Engine()
    const all: readonly RoleName[] = ['vector', 'graph', 'relational']
    const collector = new Collector()
    runConformance({ ...collector, name: 'clean', roles: all, open: () => memoryBackend(engine), filters: 10 })
    expect(failures(await collector.run())).toEqual([])
    const { collections, graphs, tables } = engine.state
    expect([...collections.keys(), ...graphs.keys(), ...tables.keys()]).toEqual([])
  })

  it('a backend that cannot be opened fails every test with the same reason', async () => {
    const { results } = await run(
      {
        open: () => {
          throw new Error('no server at localhost:1')
        },
        skip: skipAllBut('vector.scan'),
      },
      ['vector.scan'],
    )
    expect(results[0]?.error?.message).toBe('no server at localhost:1')
    expect(failures(results).length).toBeGreaterThan(5)
  })
})

describe('plugins', () => {
  const password = 'hunter2'
  const shape = { name: z.string(), password: z.string().transform(secret) }
  const right = definePlugin({ ...memory, config: z.strictObject(shape) })
  const tested = async (plugin: typeof memory | typeof right, config: unknown): Promise<TestResult[]> => {
    const options = {
      plugin,
      config,
      open: undefined,
      roles: undefined,
      secrets: [password],
      skip: skipAllBut('plugin'),
    }
    const collector = new Collector()
    const { open: _, roles: __, ...rest } = options
    runConformance({ ...collector, ...rest, plugin })
    return failures(await collector.run())
  }

  it('passes a right one, its configuration from a function', async () => {
    expect(await tested(right, async () => ({ name: 'plugin', password }))).toEqual([])
  })

  it('notices another contract', async () => {
    const failed = await tested({ ...right, contract: 2 }, { name: 'plugin', password })
    expect(failed.map((f) => f.name)).toEqual(['it is a plugin of this contract'])
  })

  it('notices a secret that is shown', async () => {
    const config = z.strictObject({ name: z.string(), password: z.string() })
    const failed = await tested({ ...memory, config }, { name: 'plugin', password })
    expect(failed.map((f) => f.name)).toEqual(['the checked configuration shows no secret'])
  })

  it('notices a role that is declared and not made', async () => {
    const plugin = { ...right, create: () => memoryBackend(new Engine(), { roles: ['vector'] }) }
    const collector = new Collector()
    runConformance({ ...collector, plugin, config: { name: 'plugin', password }, skip: skipAllBut('plugin') })
    expect(failures(await collector.run()).map((f) => f.name)).toContain('it makes every role that it declares')
  })
})

describe('the README', () => {
  it('names every suite, and no other', async () => {
    const text = await readFile(new URL('../README.md', import.meta.url), 'utf8')
    const named = [...text.matchAll(/^\| `([^`]+)` *\|/gm)].map((row) => row[1] ?? '')
    const roles = ['vector', 'graph', 'relational']
    const all = named.flatMap((name) => (name.startsWith('….') ? roles.map((role) => role + name.slice(1)) : [name]))
    const options = ['second', 'skip', 'secrets', 'raw', 'waitForVisibility']
    expect(all.filter((name) => !options.includes(name)).sort()).toEqual(suites.map((s) => s.name).sort())
  })
})

describe('other test runners', () => {
  it('runs under node:test', async () => {
    const [file, hooks] = ['node-test.fixture.ts', 'typescript.mjs'].map((name) => new URL(name, import.meta.url))
    const args = ['--import', String(hooks), '--test-reporter=tap', fileURLToPath(String(file))]
    const { stdout } = await promisify(execFile)(process.execPath, args)
    expect(stdout).toMatch(/# fail 0/)
    expect(Number(/# pass (\d+)/.exec(stdout)?.[1])).toBeGreaterThan(60)
  })
})
