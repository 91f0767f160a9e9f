import {
  type MongoSearchEmulator,
  startMongoSearchEmulator,
} from '../../../../tools/servers/emulators/mongosearch/index.ts'
import type { MongoConfigInput } from '../src/index.js'
import { url as plainUrl } from './server.js'

/** What the suites of vectors run against: the emulator of `$vectorSearch` in front of a server, or a server that has it. */
export interface SearchTarget {
  /** What reports call it. */
  readonly name: string
  readonly config: MongoConfigInput
  /** Undefined where it is a server that has `$vectorSearch` itself. */
  readonly emulator: MongoSearchEmulator | undefined
}

const given = process.env.VERITAS_MONGO_SEARCH_URL
/** The emulator that `npm run servers` starts says so in its URL: tests start their own, whose delays they know. */
const realUrl = given === undefined || given.includes('appName=emulator') ? undefined : given

/** Whether there is something to test on. */
export const canSearch: boolean = realUrl !== undefined || plainUrl !== undefined
export const notRun = 'not run: neither VERITAS_MONGO_SEARCH_URL nor VERITAS_MONGO_URL is set'

export const openTarget = async (): Promise<SearchTarget> => {
  if (realUrl !== undefined) return { name: 'mongo', config: { url: realUrl }, emulator: undefined }
  if (plainUrl === undefined) throw new Error(notRun)
  const emulator = await startMongoSearchEmulator({ behind: plainUrl, buildMs: 30, lagMs: 20 })
  return { name: 'mongo (vectors, emulator)', config: { url: emulator.url, visibilityDelayMs: 60 }, emulator }
}
