import { assert } from './assert.js'
import { RunContext, SuiteContext } from './context.js'
import type { ConformanceOptions, SuiteSummary } from './options.js'
import { Report } from './report.js'
import { makeBackend, nameOf, rolesOf } from './source.js'
import { type Check, NotApplicable, type Suite } from './suite.js'
import { SUITES } from './suites/index.js'

/** A run of the kit, as far as it has come. */
export interface ConformanceRun {
  /** What became of each suite; complete when the tests have ended. */
  summary(): readonly SuiteSummary[]
}

/**
 * Registers the whole kit with the caller's test runner. What the backend declares must work, what it does not must
 * throw `UNSUPPORTED`, and every suite is run or skipped with a written reason: the last test fails otherwise.
 */
export function runConformance(options: ConformanceOptions): ConformanceRun {
  const { describe, it, beforeAll, afterAll, skip = {}, timeoutMs = 30_000 } = options
  const roles = rolesOf(options)
  const name = nameOf(options)
  const run = new RunContext(options, roles, () => makeBackend(options))
  const absent = new Map(
    SUITES.filter((suite) => suite.role && !roles.includes(suite.role)).map((suite) => [
      suite.name,
      `the backend has no ${suite.role} role`,
    ]),
  )
  const report = new Report(name, SUITES, absent, skip)

  const hook = (register: (body: () => Promise<void>) => unknown, body: () => Promise<void>): void => {
    Reflect.apply(register, undefined, [body, timeoutMs])
  }

  describe(`${name}: conformance`, () => {
    hook(beforeAll, () => run.open())
    hook(afterAll, async () => {
      await report.write(await run.server())
      await run.close()
    })

    for (const suite of SUITES) {
      if (absent.has(suite.name) || Object.hasOwn(skip, suite.name)) continue
      describe(suite.name, () => {
        const context = new SuiteContext(run)
        for (const check of suite.checks) {
          const reason = skip[`${suite.name}/${check.name}`]
          if (reason !== undefined) report.tally(suite.name).notRun[check.name] = reason
          else it(check.name, () => perform(suite, check, context, report), timeoutMs)
        }
      })
    }

    describe('the kit', () => {
      it('ran every suite, or skipped it with a written reason', async () => {
        const problems = report.problems()
        if (problems.length > 0) assert.fail(problems.join('\n'))
      })
    })
  })
  return { summary: () => report.summary() }
}

async function perform(suite: Suite, check: Check, context: SuiteContext, report: Report): Promise<void> {
  const tally = report.tally(suite.name)
  const start = performance.now()
  try {
    await check.run(context)
    tally.passed++
  } catch (error) {
    if (error instanceof NotApplicable) tally.notRun[check.name] = error.message
    else {
      tally.failed++
      throw error
    }
  } finally {
    tally.milliseconds += performance.now() - start
  }
}
