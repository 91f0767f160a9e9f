import { execFileSync } from 'node:child_process'
import path from 'node:path'
import type { Bench } from './measure.ts'

/** How much a process grows while it streams 200,000 documents into a file. */
export const memory: Bench = async () => {
  const output = execFileSync(process.execPath, ['--expose-gc', path.join(import.meta.dirname, 'memory-child.ts')], {
    encoding: 'utf8',
  })
  const { growthMb, count } = JSON.parse(output) as { growthMb: number; count: number }
  return [
    {
      benchmark: 'memory',
      what: `growth over ${count.toLocaleString('en')} documents`,
      value: `${Math.round(growthMb)} MB`,
      goal: '≤ 150 MB',
      reached: growthMb <= 150,
    },
  ]
}
