import { type ErrorCode, VeritasError } from '@veritas-db/core'
import { CACHE, displayPath } from './places.js'

/** A mistake that the user can mend; `next` is what to type. */
export class DemoError extends Error {
  override readonly name: 'DemoError' = 'DemoError'
  readonly code: ErrorCode
  readonly next: string

  constructor(code: ErrorCode, message: string, next: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.next = next
  }
}

/** An error as it is shown. */
export interface ErrorDescription {
  readonly code: ErrorCode
  readonly message: string
  readonly next: string
}

const HELP = 'npm run demo -- --help'

const NEXT: Readonly<Record<ErrorCode, string>> = {
  CONFIGURATION: `Correct it and run the same again; ${HELP} lists the options.`,
  CONNECTION: 'See which servers run: npm run servers -- status',
  AUTHENTICATION: 'Check user and password in the config or its environment variables, then run the same again.',
  TIMEOUT: 'See what the servers say: npm run servers -- logs',
  ABORTED: 'Run the same again: it goes on where it stopped.',
  VALIDATION: `Correct it and run the same again; ${HELP} shows examples.`,
  NOT_FOUND: 'Store everything anew: npm run demo -- --fresh',
  CONFLICT: 'Wait until the other program is done and run the same again, or start over: npm run demo -- --fresh',
  RATE_LIMITED: 'Wait a minute and run the same again.',
  UNSUPPORTED: 'Use a database that can: npm run demo, without other options, uses the embedded one.',
  UNAVAILABLE: 'See how the servers are: npm run servers -- status',
  INTERNAL: 'See where it comes from: DEBUG=1 npm run demo',
}

/** What to print for any error: never a stack, always what to type next. */
export function describeError(error: unknown): ErrorDescription {
  if (error instanceof DemoError) return { code: error.code, message: error.message, next: error.next }
  if (VeritasError.is(error)) return { code: error.code, message: error.message, next: hint(error) }
  if (error instanceof Error && error.name === 'AbortError')
    return { code: 'ABORTED', message: 'Stopped.', next: NEXT.ABORTED }
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error), next: NEXT.INTERNAL }
}

function hint(error: VeritasError): string {
  if (error.path === 'journal') return 'Add "journal": false to the config and run the same again.'
  if (error.path === 'embedder') return 'Store everything anew with this embedder: add --fresh'
  const embedded = error.backend === 'sqlite'
  if (embedded && error.code === 'INTERNAL')
    return `If the database file is damaged, delete it and run the same again: rm -r ${displayPath(CACHE)}`
  return NEXT[error.code]
}
