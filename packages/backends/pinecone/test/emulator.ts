import { randomBytes } from 'node:crypto'
import { type PineconeEmulator, startPineconeEmulator } from '../../../../tools/servers/emulators/pinecone/index.ts'
import type { PineconeConfigInput } from '../src/index.js'

/** What the suites run against: the emulator, or Pinecone itself where a key is in the environment. */
export interface Target {
  readonly name: string
  readonly config: NonNullable<PineconeConfigInput>
  readonly apiKey: string
  /** Undefined where it is Pinecone itself. */
  readonly emulator: PineconeEmulator | undefined
}

export const isReal: boolean = process.env.VERITAS_PINECONE_API_KEY !== undefined

export const openTarget = async (): Promise<Target> => {
  const prefix = `vtest-${randomBytes(3).toString('hex')}`
  const { VERITAS_PINECONE_API_KEY: key, VERITAS_PINECONE_URL: url } = process.env
  if (key !== undefined)
    return {
      name: 'Pinecone itself',
      apiKey: key,
      config: { apiKey: key, prefix, ...(url !== undefined && { url }) },
      emulator: undefined,
    }
  const apiKey = 'pcsk_test_0123456789abcdef'
  const emulator = await startPineconeEmulator({ apiKey, eventualDelayMs: 20 })
  return {
    name: 'the emulator',
    apiKey,
    config: { apiKey, url: emulator.url, prefix, visibilityDelayMs: 60 },
    emulator,
  }
}
