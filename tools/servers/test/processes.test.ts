import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { withLock } from '../src/lock.ts'
import { isAlive, listens, ownProcess, residentMegabytes, startOf, stop } from '../src/processes.ts'

const children: ChildProcess[] = []
const bystander = async (script = 'setInterval(() => {}, 1000); console.log("up")'): Promise<number> => {
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] })
  children.push(child)
  await once(child.stdout, 'data')
  if (child.pid === undefined) throw new Error('not spawned')
  return child.pid
}

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'veritas-servers-'))
})
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

describe('processes', () => {
  it('knows a process by number and start', async () => {
    const pid = await bystander()
    const started = await startOf(pid)
    expect(started).toBeDefined()
    expect(await isAlive({ pid, started: started ?? '' })).toBe(true)
    expect(await isAlive({ pid, started: 'another' })).toBe(false)
  })

  it('leaves a process alone that only has the number', async () => {
    const pid = await bystander()
    await stop({ pid, started: 'another' }, 'SIGKILL')
    expect(await startOf(pid)).toBeDefined()
  })

  it('ends one that ignores SIGTERM after the wait', async () => {
    const pid = await bystander('process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log("up")')
    await stop({ pid, started: (await startOf(pid)) ?? '' }, 'SIGTERM', 300)
    expect(await startOf(pid)).toBeUndefined()
  })

  it('measures memory', async () => {
    expect((await residentMegabytes([process.pid])).get(process.pid)).toBeGreaterThan(10)
  })

  it.runIf(process.platform === 'linux')('tells who listens on a port', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : 0
    expect(await listens(process.pid, port)).toBe(true)
    expect(await listens(await bystander(), port)).toBe(false)
    await new Promise((resolve) => server.close(resolve))
  })
})

describe('lock', () => {
  it('lets one in at a time', async () => {
    const file = path.join(folder, 'lock')
    let inside = 0
    let most = 0
    await Promise.all(
      [1, 2, 3, 4, 5].map(() =>
        withLock(file, async () => {
          inside += 1
          most = Math.max(most, inside)
          await sleep(10)
          inside -= 1
        }),
      ),
    )
    expect(most).toBe(1)
    expect(await readdir(folder)).toEqual([])
  })

  it.each([
    ['of a process that is gone', async () => JSON.stringify({ pid: 2 ** 22 + 1, started: 'x' })],
    ['of a process whose number is now another’s', async () => JSON.stringify({ pid: process.pid, started: 'x' })],
    ['that was cut short', async () => '{"pid":'],
  ])('takes over one %s', async (_what, text) => {
    const file = path.join(folder, 'lock')
    await writeFile(file, await text())
    expect(await withLock(file, async () => 'in', { waitMs: 2_000 })).toBe('in')
    expect(await readdir(folder)).toEqual([])
  })

  it('waits for a living holder, and says for whom', async () => {
    const file = path.join(folder, 'lock')
    await writeFile(file, JSON.stringify(await ownProcess()))
    const waited: number[] = []
    const inside = withLock(file, async () => 'in', { waitMs: 200, onWait: ({ pid }) => waited.push(pid) })
    await expect(inside).rejects.toThrow(/holds/)
    expect(waited).toEqual([process.pid])
  })

  it('gives the lock back when the work throws', async () => {
    const file = path.join(folder, 'lock')
    await expect(withLock(file, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await readdir(folder)).toEqual([])
  })
})
