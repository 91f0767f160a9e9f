import type { RelationalRole } from '../contract/roles/relational.js'
import { asVersion, documentKey, type Key, type Version, version } from '../contract/values.js'
import { VersionClock } from './clock.js'
import { SYSTEM_SCOPE, SYSTEM_TABLE } from './system.js'

const CLOCK_ID = 'clock'
const CLOCK_KEY: Key = documentKey(SYSTEM_SCOPE, CLOCK_ID)
/** How far ahead versions are reserved: after a crash the clock starts at most this much later than it stopped. */
const RESERVE_MS = 60_000

/** Versions that keep rising across restarts, even where the wall clock was set back: the highest one that may have been given is stored. */
export class VersionSource {
  readonly #clock: VersionClock = new VersionClock()
  readonly #table: RelationalRole
  #reserved = 0

  constructor(table: RelationalRole) {
    this.#table = table
  }

  observe(seen: Version): void {
    this.#clock.observe(seen)
  }

  /** Versions for one batch, in order. */
  async next(count: number): Promise<readonly Version[]> {
    if (this.#reserved === 0) {
      const stored = await this.#stored()
      if (stored) this.#clock.observe(stored)
    }
    const versions = Array.from({ length: count }, () => this.#clock.next())
    const last = timeOf(versions.at(-1))
    if (last > this.#reserved) await this.#reserve(last + RESERVE_MS)
    return versions
  }

  /** Gives back what was reserved and not used, unless another process has reserved since. */
  async close(): Promise<void> {
    if (this.#reserved === 0 || (await this.#stored()) !== version(this.#reserved)) return
    await this.#write(timeOf(this.#clock.next()))
  }

  async #reserve(time: number): Promise<void> {
    const stored = await this.#stored()
    // Another process may be ahead: its reservation must not be lowered.
    const target = Math.max(time, stored === undefined ? 0 : timeOf(stored))
    await this.#write(target)
    this.#reserved = target
  }

  async #stored(): Promise<Version | undefined> {
    const [row] = await this.#table.get({ scope: SYSTEM_SCOPE, table: SYSTEM_TABLE, keys: [CLOCK_KEY], fresh: true })
    const floor = row?.values.floor
    return typeof floor === 'string' ? asVersion(floor) : undefined
  }

  async #write(time: number): Promise<void> {
    const values = { kind: 'clock', floor: version(time) }
    const records = [{ key: CLOCK_KEY, documentId: CLOCK_ID, version: this.#clock.next(), values }]
    await this.#table.upsert({ scope: SYSTEM_SCOPE, table: SYSTEM_TABLE, records, mode: 'replace' })
  }
}

function timeOf(v: Version | undefined): number {
  return v === undefined ? 0 : Number.parseInt(v.slice(0, 12), 16)
}
