import { randomInt } from 'node:crypto'
import { type Version, version } from '../contract/values.js'

/**
 * A hybrid logical clock (Kulkarni et al. 2014): versions follow the wall clock where it goes forward and a counter where
 * it does not, so that they only ever rise, whatever the wall clock does.
 */
export class VersionClock {
  #time: number
  #counter = 0
  readonly #node: number
  readonly #now: () => number

  constructor(options: { readonly node?: number; readonly now?: () => number; readonly floor?: Version } = {}) {
    this.#node = options.node ?? randomInt(2 ** 32)
    this.#now = options.now ?? Date.now
    this.#time = 0
    if (options.floor) this.observe(options.floor)
  }

  /** A version above all that this clock has given or seen. */
  next(): Version {
    const now = this.#now()
    if (now > this.#time) {
      this.#time = now
      this.#counter = 0
    } else if (++this.#counter >= 2 ** 16) {
      this.#time++
      this.#counter = 0
    }
    return version(this.#time, this.#counter, this.#node)
  }

  /** Raises the clock to a version that was read from a store, so that the next one is above it. */
  observe(seen: Version): void {
    const time = Number.parseInt(seen.slice(0, 12), 16)
    const counter = Number.parseInt(seen.slice(12, 16), 16)
    if (time > this.#time || (time === this.#time && counter > this.#counter)) {
      this.#time = time
      this.#counter = counter
    }
  }
}
