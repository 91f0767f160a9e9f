import type { RoleName } from '@veritas-db/core/contract'
import type { SuiteContext } from './context.js'

/** One thing that must hold. */
export interface Check {
  readonly name: string
  run(t: SuiteContext): Promise<void>
}

/** Checks of one subject. */
export interface Suite {
  /** `role.subject`, or one word where it concerns the whole backend. */
  readonly name: string
  /** The role it needs; absent: any. */
  readonly role?: RoleName
  /** What it shows, for the README and reports. */
  readonly about: string
  readonly checks: readonly Check[]
}

/** Thrown by a check that does not apply to what the backend declares. */
export class NotApplicable extends Error {}

export function check(name: string, run: (t: SuiteContext) => Promise<void>): Check {
  return { name, run }
}
