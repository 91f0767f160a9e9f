import { randomBytes } from 'node:crypto'
import { type PineconeEmulator, startPineconeEmulator } from '../../../../tools/servers/emulators/pinecone/index.ts'
import type { PineconeConfigInput } from '../src/index.js'

/** What the suites run against: the emulator, or Pinecone itself where a key is in the environment. */
export interface Target {
  /** What reports call it. */
  readonly name: string
  readonly config: NonNullable<PineconeConfigInput>
  readonly apiKey: string
  /** Undefined where it is Pinecone itself. */
  readonly emulator: PineconeEmulator | undefined
}

const { VERITAS_PINECONE_API_KEY: given, VERITAS_PINECONE_URL: url } = process.env
/** The key of the emulator that `npm run servers` starts is no key of Pinecone's. */
const key = given === 'emulator' ? undefined : given

export const isReal: boolean = key !== undefined

export const openTarget = async (): Promise<Target> => {
  const prefix = `vtest-${randomBytes(3).toString('hex')}`
  if (key !== undefined)
    return {
      name: 'pinecone',
      apiKey: key,
      config: { apiKey: key, prefix, ...(url !== undefined && { url }) },
      emulator: undefined,
    }
  const apiKey = 'pcsk_test_0123456789abcdef'
  const emulator = await startPineconeEmulator({ apiKey, eventualDelayMs: 20 })
  return {
    name: 'pinecone (emulator)',
    apiKey,
    config: { apiKey, url: emulator.url, prefix, visibilityDelayMs: 60 },
    emulator,
  }
}
