import { spawn } from 'node:child_process'
import { open, readFile } from 'node:fs/promises'
import { constants, setPriority } from 'node:os'
import { hasCode, ServerError } from './errors.ts'
import type { RunOptions } from './types.ts'

const LIMIT_MS = 40 * 60_000

/** The last lines of a file; nothing where it does not exist. */
export const tail = async (file: string, lines: number): Promise<string> => {
  try {
    return (await readFile(file, 'utf8')).trimEnd().split('\n').slice(-lines).join('\n')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return ''
    throw error
  }
}

const lowerPriority = (pid: number): void => {
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL)
  } catch (error) {
    // It may have ended already, or may not be ours to slow down (setpriv).
    if (!hasCode(error, 'ERR_SYSTEM_ERROR')) throw error
  }
}

/** Runs a command to its end, with all its output appended to `log`; answers what it wrote to stdout. */
export const runLogged = async (
  log: string,
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> => {
  const file = await open(log, 'a')
  try {
    await file.write(`$ ${[command, ...args].join(' ')}\n`)
    const started = Date.now()
    const { status, stdout } = await new Promise<{ status: string; stdout: string }>((resolve, reject) => {
      const child = spawn(command, [...args], {
        cwd: options.cwd,
        env: { ...process.env, ...options.env },
        stdio: ['ignore', 'pipe', file.fd],
        timeout: LIMIT_MS,
      })
      const parts: Buffer[] = []
      child.stdout?.on('data', (data: Buffer) => parts.push(data))
      child.once('error', reject)
      child.once('close', (code, signal) =>
        resolve({ status: signal ?? String(code), stdout: Buffer.concat(parts).toString() }),
      )
      // Builds should not be felt by whoever works at the machine.
      if (child.pid !== undefined) lowerPriority(child.pid)
    })
    await file.write(`${stdout}# ended with ${status} after ${((Date.now() - started) / 1000).toFixed(1)} s\n`)
    if (status !== '0') {
      throw new ServerError(`${command} ended with ${status}`, {
        next: `Read ${log}, mend what it names (often the network or the disk), then run this again.`,
        log: await tail(log, 15),
      })
    }
    return stdout
  } finally {
    await file.close()
  }
}
