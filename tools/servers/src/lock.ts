import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { hasCode, ServerError } from './errors.ts'
import { isAlive, ownProcess, type ProcessId } from './processes.ts'

const read = async (file: string): Promise<string | undefined> => {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

const holderOf = (text: string): ProcessId | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || !('pid' in value) || !('started' in value)) return undefined
    const { pid, started } = value
    return typeof pid === 'number' && typeof started === 'string' ? { pid, started } : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Puts a file with its content in place in one step; answers whether there was none before. */
const place = async (file: string, text: string): Promise<boolean> => {
  const draft = `${file}.${randomUUID()}`
  await writeFile(draft, text)
  try {
    await link(draft, file)
    return true
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    throw error
  } finally {
    await rm(draft, { force: true })
  }
}

/** Removes a lock that its holder left behind, but never one that somebody took in the meantime. */
const clear = async (file: string, stale: string): Promise<void> => {
  const aside = `${file}.${randomUUID()}`
  try {
    await rename(file, aside)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return
    throw error
  }
  const taken = await readFile(aside, 'utf8')
  if (taken !== stale) await place(file, taken)
  await rm(aside, { force: true })
}

/** Runs `work` while no other process and no other call here holds the same lock. */
export const withLock = async <T>(
  file: string,
  work: () => Promise<T>,
  options: { waitMs?: number; onWait?: (holder: ProcessId) => void } = {},
): Promise<T> => {
  await mkdir(path.dirname(file), { recursive: true })
  const mine = JSON.stringify({ ...(await ownProcess()), id: randomUUID() })
  const until = Date.now() + (options.waitMs ?? 45 * 60_000)
  let told = false
  while (!(await place(file, mine))) {
    const text = await read(file)
    if (text === undefined) continue
    const holder = holderOf(text)
    if (!holder || !(await isAlive(holder))) {
      await clear(file, text)
      continue
    }
    if (!told) options.onWait?.(holder)
    told = true
    if (Date.now() > until) {
      throw new ServerError(`Process ${holder.pid} holds ${file} for too long`, {
        next: `Wait until it has ended, or end process ${holder.pid}, then try again.`,
      })
    }
    await sleep(50 + Math.random() * 50)
  }
  try {
    return await work()
  } finally {
    if ((await read(file)) === mine) await rm(file, { force: true })
  }
}
