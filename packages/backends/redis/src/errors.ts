import {
  type ErrorMeaning,
  explainWith,
  type FailedCall,
  unsupported,
  type VeritasError,
} from '@veritas-db/core/contract'

/** The plugin's name, as errors carry it. */
export const backendName = 'redis'

/** The client's own errors, by class. */
const ofClient: Readonly<Record<string, ErrorMeaning>> = {
  ClientClosedError: { code: 'CONNECTION', message: 'is no longer connected' },
  ClientOfflineError: { code: 'CONNECTION', message: 'is not connected' },
  ConnectionTimeoutError: { code: 'CONNECTION', message: 'did not answer in time while connecting' },
  SocketClosedUnexpectedlyError: { code: 'CONNECTION', inFlight: true, message: 'closed the connection' },
  DisconnectsClientError: { code: 'CONNECTION', inFlight: true, message: 'was disconnected' },
  SocketTimeoutError: { code: 'CONNECTION', inFlight: true, message: 'was silent for too long' },
  TimeoutError: { code: 'TIMEOUT', inFlight: true },
}

/** The first word of a refusal, by which Redis tells what is wrong. */
const ofReply: Readonly<Record<string, ErrorMeaning>> = {
  NOAUTH: { code: 'AUTHENTICATION', message: 'needs a password: set password (and username)' },
  WRONGPASS: { code: 'AUTHENTICATION', message: 'refuses user and password' },
  NOPERM: { code: 'AUTHENTICATION', message: 'does not let this user do that' },
  DENIED: { code: 'AUTHENTICATION' },
  OOM: { code: 'UNAVAILABLE', message: 'has reached its limit of memory' },
  LOADING: { code: 'UNAVAILABLE', message: 'is still loading its data' },
  BUSY: { code: 'UNAVAILABLE', message: 'is busy with a script' },
  READONLY: { code: 'UNAVAILABLE', message: 'is a read-only replica' },
  MASTERDOWN: { code: 'UNAVAILABLE' },
  CLUSTERDOWN: { code: 'UNAVAILABLE' },
  TRYAGAIN: { code: 'UNAVAILABLE' },
  MISCONF: { code: 'UNAVAILABLE', message: 'cannot write its data to disk' },
  NOREPLICAS: { code: 'UNAVAILABLE' },
  MOVED: { code: 'CONFIGURATION', message: 'is part of a cluster, which this backend does not speak to' },
  CROSSSLOT: { code: 'CONFIGURATION', message: 'is part of a cluster, which this backend does not speak to' },
}

/** What an error of the client or server means; undefined where it is neither's own. */
const meaningOf = (error: Error): ErrorMeaning | undefined => {
  const { name } = error.constructor
  if (Object.hasOwn(ofClient, name)) return ofClient[name]
  const word = /^([A-Z]+)\b/.exec(error.message)?.[1] ?? ''
  if (Object.hasOwn(ofReply, word)) return ofReply[word]
  if (isNoEngine(error))
    return {
      code: 'UNSUPPORTED',
      message: `has not what index needs: RediSearch for 'flat' and 'hnsw' (Redis 8, Redis Stack, or load the module), vector sets for 'vectorset' (Redis 8)`,
    }
  if (/index on db != 0/i.test(error.message))
    return { code: 'CONFIGURATION', message: 'indexes database 0 alone, and vectors need an index: set database to 0' }
  if (/too many fields|limited to \d+ fields/i.test(error.message)) return { code: 'VALIDATION' }
  if (/^Timeout limit was reached/i.test(error.message)) return { code: 'TIMEOUT' }
  return undefined
}

/** A native error as a VeritasError; one that is a VeritasError already gets what it lacks. */
export const toVeritasError: (error: unknown, call: FailedCall) => VeritasError = explainWith({
  backend: backendName,
  product: 'Redis',
  meaningOf,
})

/** Whether the index that was asked is not there. */
export const isNoIndex = (error: unknown): boolean =>
  error instanceof Error && /no such index|unknown index name/i.test(error.message)

/** Whether the server knows neither the index that was asked nor any. */
export const isNoEngine = (error: unknown): boolean =>
  error instanceof Error && /unknown (redis )?command '?(FT\.|V)/i.test(error.message)

/** Whether a script has to be sent as a whole. */
export const isNoScript = (error: unknown): boolean => error instanceof Error && error.message.startsWith('NOSCRIPT')

/** The error of something this backend does not do. */
export const refuse = (what: string, instead?: string): VeritasError =>
  unsupported(backendName, 'vector', what, instead)
