import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { isExternal, setByUser, variablesOf } from '../src/environment.ts'
import { isServerName, NAMES, SERVERS } from '../src/index.ts'
import { isFree, takePorts } from '../src/ports.ts'
import { exportLines } from '../src/report.ts'
import { withLines } from '../src/servers/hugegraph.ts'
import { serverNamed } from '../src/servers/index.ts'
import { parseState } from '../src/state.ts'

describe('definitions', () => {
  it('has one for each name', () => {
    expect(SERVERS.map(({ name }) => name)).toEqual([...NAMES])
    for (const name of NAMES) expect(serverNamed(name).name).toBe(name)
    expect(isServerName('oracle')).toBe(false)
  })

  it('gives each server ports and variables of its own', () => {
    const definitions = NAMES.map(serverNamed)
    const ports = definitions.flatMap((server) => Object.values(server.ports))
    expect(new Set(ports).size).toBe(ports.length)
    const variables = definitions.flatMap(variablesOf)
    expect(new Set(variables).size).toBe(variables.length)
    for (const variable of variables) expect(variable).toMatch(/^VERITAS_[A-Z0-9_]+$/)
  })

  it('puts the ports that were taken into the variables', () => {
    expect(serverNamed('weaviate').env({ http: 1, grpc: 2 })).toEqual({
      VERITAS_WEAVIATE_URL: 'http://127.0.0.1:1',
      VERITAS_WEAVIATE_GRPC: '127.0.0.1:2',
    })
    expect(serverNamed('mongo').env({ mongo: 7 }).VERITAS_MONGO_URL).toBe(
      'mongodb://127.0.0.1:7/?directConnection=true',
    )
  })

  it('says of the MongoDB stand-in that it is none', () => {
    expect(serverNamed('mongo').title).toContain('not MongoDB')
  })
})

describe('whose server it is', () => {
  const redis = serverNamed('redis')
  const state = { version: '8', ports: { redis: 7000 } }

  it('is ours where nothing is set', () => {
    expect(isExternal(redis, state, {})).toBe(false)
    expect(isExternal(redis, undefined, { VERITAS_REDIS_URL: '' })).toBe(false)
  })

  it("is the user's where a variable names another one", () => {
    const environment = { VERITAS_REDIS_URL: 'redis://elsewhere:6379' }
    expect(isExternal(redis, state, environment)).toBe(true)
    expect(setByUser(redis, environment)).toEqual(environment)
  })

  it('is ours where the variable came from our own env command', () => {
    expect(isExternal(redis, state, redis.env(state.ports))).toBe(false)
  })

  it("is the user's where only a key is set", () => {
    expect(isExternal(serverNamed('pinecone'), undefined, { VERITAS_PINECONE_API_KEY: 'theirs' })).toBe(true)
  })
})

describe('state', () => {
  const state = {
    version: '1',
    ports: { http: 18_000 },
    process: { pid: 4_711, started: 'boot:1' },
    ready: true,
    log: 'server.log',
    startedAt: '2026-01-01T00:00:00.000Z',
  }

  it('comes back as it was written', () => {
    expect(parseState(JSON.stringify(state))).toEqual(state)
  })

  it.each([
    ['cut short', JSON.stringify(state).slice(0, 40)],
    ['empty', ''],
    ['not an object', '7'],
    ['with a port that is none', JSON.stringify({ ...state, ports: { http: 99_999 } })],
  ])('is nothing where the file is %s', (_what, text) => {
    expect(parseState(text)).toBeUndefined()
  })

  it.each([-1, 0, 1, '4711', undefined])('never names process %s', (pid) => {
    expect(parseState(JSON.stringify({ ...state, process: { pid, started: 'x' } }))?.process).toBeUndefined()
  })
})

describe('ports', () => {
  it('keeps clear of a port that is in use, and takes the last one again when it is free', async () => {
    const blocker = createServer()
    await new Promise<void>((resolve) => blocker.listen(24_011, '127.0.0.1', resolve))
    expect(await isFree(24_011)).toBe(false)
    const around = await takePorts({ http: 24_011 })
    expect(around.ports.http).not.toBe(24_011)
    around.release()
    await new Promise((resolve) => blocker.close(resolve))
    const again = await takePorts({ http: 24_000 }, { http: 24_011 })
    expect(again.ports).toEqual({ http: 24_011 })
    again.release()
  })

  it('never promises one port twice', async () => {
    const taken = await Promise.all([1, 2, 3].map(() => takePorts({ a: 24_021, b: 24_021 })))
    const ports = taken.flatMap(({ ports }) => Object.values(ports))
    expect(new Set(ports).size).toBe(6)
    for (const { release } of taken) release()
  })
})

describe('export lines', () => {
  it('quotes what a shell would interpret', () => {
    expect(exportLines({ A: 'bolt://127.0.0.1:1', B: "it's; rm $X", C: 'm://h/?directConnection=true' })).toBe(
      "export A=bolt://127.0.0.1:1\nexport B='it'\\''s; rm $X'\nexport C='m://h/?directConnection=true'\n",
    )
  })
})

describe('withLines', () => {
  it('replaces lines that are there and appends those that are not', () => {
    const text = '# top\nbackend=hbase\n#wal=none\n'
    const lines = [
      [/^backend=.*/, 'backend=rocksdb'],
      [/^#?wal=.*/, 'wal=/data'],
      [/^free=.*/, 'free=16'],
    ] as const
    expect(withLines(text, lines)).toBe('# top\nbackend=rocksdb\nwal=/data\nfree=16\n')
    expect(withLines(withLines(text, lines), lines)).toBe(withLines(text, lines))
  })
})
