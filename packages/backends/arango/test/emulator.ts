import { randomBytes } from 'node:crypto'
import { type ArangoEmulator, startArangoEmulator } from '../../../../tools/servers/emulators/arango/index.ts'
import type { ArangoConfigInput } from '../src/index.js'

/** What the suites run against: the emulator, or a server where VERITAS_ARANGO_URL names one. */
export interface Target {
  /** What reports call it. */
  readonly name: string
  readonly config: NonNullable<ArangoConfigInput> & { readonly url: string; readonly prefix: string }
  readonly secrets: readonly string[]
  /** Undefined where it is ArangoDB itself. */
  readonly emulator: ArangoEmulator | undefined
}

/** The server to test against, with user and password in its URL and the database as its path; all may be left out. */
const realUrl = process.env.VERITAS_ARANGO_URL

/** `npm run servers` starts an emulator too: what it answers must not pass for ArangoDB. */
const isEmulator = async (url: string): Promise<boolean> => (await fetch(new URL('/_emulator/health', url))).ok

export const openTarget = async (): Promise<Target> => {
  const prefix = `vt${randomBytes(3).toString('hex')}`
  if (realUrl !== undefined && !(await isEmulator(realUrl))) {
    const { origin, username, password, pathname } = new URL(realUrl)
    return {
      config: {
        url: origin,
        prefix,
        ...(username !== '' && { username: decodeURIComponent(username) }),
        ...(password !== '' && { password: decodeURIComponent(password) }),
        ...(pathname.length > 1 && { database: decodeURIComponent(pathname.slice(1)) }),
      },
      name: 'arango',
      secrets: password === '' ? [] : [decodeURIComponent(password)],
      emulator: undefined,
    }
  }
  const password = 'the-password-of-the-emulator'
  const emulator = await startArangoEmulator({ password })
  return { name: 'arango (emulator)', config: { url: emulator.url, password, prefix }, secrets: [password], emulator }
}
