import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { hasCode } from '../src/errors.ts'
import { down, env, kill, restart, SERVERS, status, tryUp, up } from '../src/index.ts'
import { pip, python } from '../src/needs.ts'
import { converse, http } from '../src/probe.ts'
import { startOf } from '../src/processes.ts'

const exec = promisify(execFile)
const cli = fileURLToPath(new URL('../src/cli.ts', import.meta.url))
const missing = (await python.check()) ?? (await pip.check())
if (missing) console.warn(`The servers are not started in these tests: ${missing}`)

let cache: string
beforeAll(async () => {
  cache = await mkdtemp(path.join(tmpdir(), 'veritas-servers-'))
})
beforeEach(() => {
  vi.stubEnv('VERITAS_SERVERS_DIR', cache)
  // Whoever runs these tests may have servers of their own.
  for (const { variables } of SERVERS) for (const variable of variables) vi.stubEnv(variable, undefined)
})
afterEach(() => {
  vi.unstubAllEnvs()
})
afterAll(async () => {
  vi.stubEnv('VERITAS_SERVERS_DIR', cache)
  for (const { variables } of SERVERS) for (const variable of variables) vi.stubEnv(variable, undefined)
  await down(undefined, { signal: 'SIGKILL' })
  vi.unstubAllEnvs()
  await rm(cache, { recursive: true, force: true })
})

const redisSays = async (port: number, command: string, expected: string): Promise<void> =>
  converse(port, [
    {
      send: Buffer.from(`${command}\r\n`),
      complete: (answer) => {
        expect(answer.toString()).toContain(expected)
        return true
      },
    },
  ])

describe.skipIf(missing)('real servers', { timeout: 60_000 }, () => {
  it('starts out with nothing', async () => {
    const [chroma] = await status(['chroma'])
    expect(chroma?.state).toBe('absent')
    expect(await env()).toEqual({})
  })

  it('installs and starts once, though three ask for it at once', async () => {
    const phases: string[] = []
    const command = exec(process.execPath, [cli, 'up', 'chroma'], {
      env: { ...process.env, VERITAS_SERVERS_DIR: cache },
    })
    const [first, second] = await Promise.all([
      up(['chroma', 'redis'], { onProgress: ({ name, phase }) => phases.push(`${name} ${phase}`) }),
      up(['chroma']),
      command,
    ])
    const pid = first.find(({ name }) => name === 'chroma')?.pid
    expect(pid).toBeDefined()
    expect(second[0]?.pid).toBe(pid)
    expect((await command).stdout).toContain('running')
    expect(phases).toContain('redis preparing')
    expect(phases).toContain('redis ready')
    const { VERITAS_CHROMA_URL: url } = await env()
    expect((await fetch(`${url}/api/v2/heartbeat`)).status).toBe(200)
  })

  it('starts a second set of the same programs beside the first, which the first knows nothing of', async () => {
    const first = await env()
    vi.stubEnv('VERITAS_SERVERS_INSTANCE', 'second')
    const started = await up(['redis', 'pinecone'])
    expect(started.map(({ state }) => state)).toEqual(['running', 'running'])
    expect((await env()).VERITAS_REDIS_URL).not.toBe(first.VERITAS_REDIS_URL)
    await expect(up(['cozo'])).rejects.toThrow(/cozo is not installed/)
    await down()
    vi.stubEnv('VERITAS_SERVERS_INSTANCE', undefined)
    expect(await env()).toEqual(first)
  })

  it('reports what runs', async () => {
    const [redis] = await status(['redis'])
    expect(redis).toMatchObject({ state: 'running', env: { VERITAS_REDIS_URL: expect.stringMatching(/^redis:/) } })
    expect(redis?.rss).toBeGreaterThan(5)
    const { stdout } = await exec(process.execPath, [cli, 'env'])
    expect(stdout).toMatch(/^export VERITAS_REDIS_URL=redis:/m)
  })

  it('comes back on the same port with its data after a kill -9', async () => {
    const [before] = await status(['redis'])
    const port = before?.ports?.redis ?? 0
    await redisSays(port, 'SET veritas:test survived', '+OK')
    await kill('redis')
    expect((await status(['redis']))[0]?.state).toBe('stopped')
    await expect(kill('redis')).rejects.toThrow('does not run')
    const after = await restart('redis')
    expect(after).toMatchObject({ state: 'running', ports: { redis: port } })
    expect(after.pid).not.toBe(before?.pid)
    await redisSays(port, 'GET veritas:test', 'survived')
  })

  it('notices a crash that it did not cause', async () => {
    const [before] = await status(['redis'])
    process.kill(before?.pid ?? 0, 'SIGKILL')
    await expect.poll(async () => (await status(['redis']))[0]?.state).toBe('crashed')
    expect(await env()).not.toHaveProperty('VERITAS_REDIS_URL')
    const [after] = await up(['redis'])
    expect(after).toMatchObject({ state: 'running', ports: before?.ports })
  })

  it('wipes the data when asked to', async () => {
    const [redis] = await up(['redis'], { fresh: true })
    await redisSays(redis?.ports?.redis ?? 0, 'GET veritas:test', '$-1')
  })

  it("leaves the user's server alone, and with it ours of that name", async () => {
    const [ours] = await status(['chroma'])
    vi.stubEnv('VERITAS_CHROMA_URL', 'http://elsewhere:8000')
    expect(await down(['chroma'])).toEqual([])
    expect((await up(['chroma']))[0]).toMatchObject({ state: 'external' })
    await expect(kill('chroma')).rejects.toThrow('is yours')
    await expect(restart('chroma')).rejects.toThrow('is yours')
    expect(await env()).toMatchObject({ VERITAS_CHROMA_URL: 'http://elsewhere:8000' })
    vi.stubEnv('VERITAS_CHROMA_URL', ours?.env.VERITAS_CHROMA_URL)
    expect((await status(['chroma']))[0]).toMatchObject({ state: 'running', pid: ours?.pid })
  })

  it('stops what it started, and only says so then', async () => {
    expect(await down(['chroma', 'redis', 'cozo'])).toEqual(['chroma', 'redis'])
    expect(await down(['chroma'])).toEqual([])
    expect((await status(['chroma']))[0]?.state).toBe('stopped')
    expect(await env()).toEqual({})
  })

  describe('with a bystander that got the number of our process', () => {
    let bystander: ChildProcess
    beforeAll(async () => {
      bystander = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
      await once(bystander, 'spawn')
    })
    afterAll(() => {
      bystander.kill('SIGKILL')
    })

    it('never touches it', async () => {
      const file = path.join(cache, 'chroma', 'state.json')
      const state: unknown = JSON.parse(await readFile(file, 'utf8'))
      const stale = { ...Object(state), process: { pid: bystander.pid, started: 'boot:12' }, ready: true }
      await writeFile(file, JSON.stringify(stale))
      expect((await status(['chroma']))[0]?.state).toBe('crashed')
      await expect(kill('chroma')).rejects.toThrow('does not run')
      await writeFile(file, JSON.stringify(stale))
      const [chroma] = await up(['chroma'])
      expect(chroma?.state).toBe('running')
      expect(chroma?.pid).not.toBe(bystander.pid)
      await down(['chroma'])
      expect(await startOf(bystander.pid ?? 0)).toBeDefined()
    })
  })

  it('does a half-done installation again, and gets past what a crash left', async () => {
    const folder = path.join(cache, 'cozo')
    await mkdir(path.join(folder, 'install-0.7.6-1'), { recursive: true })
    await writeFile(path.join(folder, 'install-0.7.6-1', 'half'), '')
    await writeFile(path.join(folder, 'lock'), JSON.stringify({ pid: process.pid, started: 'long ago' }))
    await writeFile(path.join(folder, 'state.json'), '{"version": "0.7')
    const [cozo] = await up(['cozo'])
    expect(cozo?.state).toBe('running')
    await expect(readFile(path.join(folder, 'install-0.7.6-1', 'half'))).rejects.toSatisfy((error) =>
      hasCode(error, 'ENOENT'),
    )
    const answer = await http(cozo?.ports?.http ?? 0, '/text-query', { script: '?[x] <- [[41 + 1]]' })
    expect(JSON.parse(answer)).toMatchObject({ ok: true, rows: [[42]] })
  })

  it('starts one anew that runs and does not answer', async () => {
    const [before] = await up(['redis'])
    process.kill(before?.pid ?? 0, 'SIGSTOP')
    const [after] = await up(['redis'])
    expect(after).toMatchObject({ state: 'running', ports: before?.ports })
    expect(after?.pid).not.toBe(before?.pid)
  })
})

describe('when something is missing', () => {
  it('names it, tells how to get it, and fails', async () => {
    const empty = path.join(cache, 'empty')
    const run = exec(process.execPath, [cli, 'up', 'cozo', 'neo4j'], {
      env: { PATH: '/nonexistent', VERITAS_SERVERS_DIR: empty },
    })
    const error: unknown = await run.then(
      () => 'it succeeded',
      (reason: unknown) => reason,
    )
    expect(error).toMatchObject({ code: 1, stdout: expect.stringMatching(/cozo .* absent/) })
    expect(error).toMatchObject({ stderr: expect.stringMatching(/Python is not installed.*apt install python3/) })
    expect(error).toMatchObject({ stderr: expect.stringMatching(/Maven is not installed/) })
  })

  it('refuses a server that there is not', async () => {
    await expect(exec(process.execPath, [cli, 'up', 'oracle'])).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/no server oracle[\s\S]*postgres, mongo/),
    })
  })

  it('goes on with the others', async () => {
    vi.stubEnv('JAVA_HOME', '/nonexistent')
    const failures = await tryUp(['neo4j'])
    expect(failures.map(({ name }) => name)).toEqual(['neo4j'])
    await expect(up(['neo4j'])).rejects.toThrow(/Java is not installed/)
  })
})
