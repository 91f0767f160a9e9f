import { VeritasError } from '../../src/contract/errors.js'

/** The message of the VALIDATION error that a call throws. */
export function refusal(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    if (VeritasError.is(error, 'VALIDATION')) return error.message
    throw error
  }
  throw new Error('was not refused')
}
