import { afterAll, describe, expect, it } from 'vitest'
import { runConformance, suites } from '../src/index.js'
import { Collector, failures } from './collector.js'
import { Engine } from './memory/engine.js'
import { memoryBackend } from './memory/index.js'
import { everyRole } from './mutants/every-role.js'
import { droppingMutants, filterMutants } from './mutants/filters.js'
import { graphMutants } from './mutants/graph.js'
import { type Mutant, mutate, NAMES } from './mutants/mutant.js'
import { relationalMutants } from './mutants/relational.js'
import { storage } from './mutants/storage.js'
import { vectorMutants } from './mutants/vector.js'
import { wholeMutants } from './mutants/whole.js'

const ROLES = ['vector', 'graph', 'relational'] as const

const MUTANTS: readonly Mutant[] = [
  ...wholeMutants,
  ...vectorMutants,
  ...graphMutants,
  ...relationalMutants,
  ...NAMES.flatMap(everyRole),
  ...NAMES.flatMap(storage),
  ...ROLES.flatMap(filterMutants),
  ...ROLES.flatMap(droppingMutants),
]

/** The kit on a mutant: a second connection where the mutant does not bring an engine of its own. */
function collect(mutant: Mutant): Collector {
  const collector = new Collector()
  const engine = new Engine()
  const open = (): ReturnType<typeof mutate> => mutate(memoryBackend(engine, mutant.declared), mutant)
  const secrets = ['hunter2']
  runConformance({ ...collector, name: mutant.name, roles: ROLES, open, second: open, secrets, filters: 400 })
  return collector
}

describe('the kit catches', () => {
  const fell = new Set<string>()
  const caught: { readonly mutant: string; readonly suite: string; readonly check: string }[] = []
  for (const mutant of MUTANTS)
    it(`${mutant.suite}: ${mutant.name}`, async () => {
      const failed = failures(await collect(mutant).run([mutant.suite])).filter((f) => f.suite === mutant.suite)
      expect(
        failed.map((f) => f.name),
        'checks of the suite that failed',
      ).not.toEqual([])
      for (const f of failed) fell.add(`${f.suite}/${f.name}`)
      caught.push({ mutant: mutant.name, suite: mutant.suite, check: failed[0]?.name ?? '' })
    })

  it('the same backend without a defect passes', async () => {
    const results = await collect({ name: 'no defect', suite: 'all' }).run()
    expect(failures(results)).toEqual([])
    expect(results.length).toBeGreaterThan(200)
  })

  it('at least one mutant in every suite', () => {
    const covered = new Set(MUTANTS.map((m) => m.suite))
    // The suite of plugins has its own mutants in kit.test.ts.
    expect(suites.map((s) => s.name).filter((name) => name !== 'plugin' && !covered.has(name))).toEqual([])
  })

  it('at least one mutant for every check', () => {
    const checks = suites.flatMap((s) => s.checks.map((c) => `${s.name}/${c}`))
    const idle = checks.filter((name) => !fell.has(name) && !name.startsWith('plugin/'))
    expect(idle).toEqual([])
  })

  it('mutants have names of their own', () => {
    expect(new Set(MUTANTS.map((m) => `${m.suite} ${m.name}`)).size).toBe(MUTANTS.length)
  })

  afterAll(() => {
    const width = Math.max(...caught.map((c) => c.mutant.length))
    const lines = caught.map((c) => `${c.mutant.padEnd(width)}  ${c.suite.padEnd(24)} ${c.check}`)
    console.log(`${caught.length} of ${MUTANTS.length} mutants caught\n${lines.join('\n')}`)
  })
})
