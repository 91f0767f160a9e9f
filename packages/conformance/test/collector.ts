import type { TestRunner } from '../src/index.js'

interface Collected {
  readonly name: string
  readonly body: () => Promise<void>
}

interface Group {
  readonly name: string
  readonly before: (() => Promise<void>)[]
  readonly after: (() => Promise<void>)[]
  readonly tests: Collected[]
  readonly groups: Group[]
}

export interface TestResult {
  readonly suite: string
  readonly name: string
  readonly error: Error | undefined
}

/** A test runner that keeps what is registered, to run it later and look at the results. */
export class Collector implements TestRunner {
  readonly #root: Group = group('')
  #current: Group = this.#root

  readonly describe = (name: string, body: () => void): void => {
    const made = group(name)
    this.#current.groups.push(made)
    const outer = this.#current
    this.#current = made
    body()
    this.#current = outer
  }
  readonly it = (name: string, body: () => Promise<void>): void => {
    this.#current.tests.push({ name, body })
  }
  readonly beforeAll = (body: () => Promise<void>): void => {
    this.#current.before.push(body)
  }
  readonly afterAll = (body: () => Promise<void>): void => {
    this.#current.after.push(body)
  }

  get suites(): string[] {
    return this.#root.groups.flatMap((kit) => kit.groups.map((suite) => suite.name))
  }

  /** Runs the suites that `wanted` names, or all. */
  async run(wanted?: readonly string[]): Promise<TestResult[]> {
    const results: TestResult[] = []
    const attempt = async (suite: string, { name, body }: Collected): Promise<void> => {
      let error: Error | undefined
      try {
        await body()
      } catch (thrown) {
        error = thrown instanceof Error ? thrown : new Error(String(thrown))
      }
      results.push({ suite, name, error })
    }
    for (const kit of this.#root.groups) {
      for (const body of kit.before) await attempt('set-up', { name: 'beforeAll', body })
      for (const suite of kit.groups)
        if (!wanted || wanted.includes(suite.name)) for (const test of suite.tests) await attempt(suite.name, test)
      for (const body of kit.after) await attempt('clean-up', { name: 'afterAll', body })
    }
    return results
  }
}

const group = (name: string): Group => ({ name, before: [], after: [], tests: [], groups: [] })

export const failures = (results: readonly TestResult[]): TestResult[] => results.filter((r) => r.error)
