export type { ConformanceOptions, OpenSource, PluginSource, RawSample, SuiteSummary, TestRunner } from './options.js'
export { type ConformanceRun, runConformance } from './run.js'

import { SUITES } from './suites/index.js'

/** The suites of the kit, by name, with what each shows. */
export const suites: readonly { readonly name: string; readonly about: string; readonly checks: readonly string[] }[] =
  SUITES.map(({ name, about, checks }) => ({ name, about, checks: checks.map((c) => c.name) }))
