import { execFileSync } from 'node:child_process'
import { type Bench, contest, ms } from './measure.ts'

/** How much longer a process takes that imports core. */
export const importTime: Bench = async ({ runs }) => {
  const core = import.meta.resolve('@veritas-db/core')
  const start = (code: string): number => {
    const started = performance.now()
    execFileSync(process.execPath, ['--input-type=module', '-e', code])
    return performance.now() - started
  }
  const times = await contest(runs * 4, {
    bare: async () => start(''),
    core: async () => start(`await import(${JSON.stringify(core)})`),
  })
  const extra = (times.core ?? 0) - (times.bare ?? 0)
  return [
    {
      benchmark: 'import',
      what: '@veritas-db/core over bare node',
      value: ms(extra),
      goal: '≤ 30 ms',
      reached: extra <= 30,
    },
  ]
}
