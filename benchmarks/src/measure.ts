/** One line of the table: what was measured, how it compares, and whether the goal was reached. */
export interface Row {
  readonly benchmark: string
  readonly what: string
  /** With its unit, such as `1.8 ms`. */
  readonly value: string
  /** Against the baseline in the same run; above 1 is better. */
  readonly ratio?: number
  readonly goal?: string
  readonly reached?: boolean
}

export interface BenchOptions {
  /** Runs of everything whose median counts. */
  readonly runs: number
  /** Also what takes minutes: a million vectors. */
  readonly large: boolean
}

export type Bench = (options: BenchOptions) => Promise<readonly Row[]>

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

/** Milliseconds of one piece of work. */
export async function timed(work: () => Promise<unknown> | unknown): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

/**
 * Alternates contestants over several runs, so that a slow minute of the machine hits all alike, and another one begins each
 * time, since a server may still be busy with what the one before gave it; medians by name.
 */
export async function contest(
  runs: number,
  contestants: Readonly<Record<string, () => Promise<number>>>,
): Promise<Record<string, number>> {
  const times = new Map(Object.keys(contestants).map((name): [string, number[]] => [name, []]))
  const all = Object.entries(contestants)
  for (let run = 0; run < runs; run++)
    for (const [name, once] of [...all.slice(run % all.length), ...all.slice(0, run % all.length)])
      times.get(name)?.push(await once())
  return Object.fromEntries([...times].map(([name, all]) => [name, median(all)]))
}

export const ms = (value: number): string => `${value < 10 ? value.toFixed(2) : Math.round(value)} ms`
export const perSecond = (count: number, durationMs: number): string =>
  `${Math.round((count / durationMs) * 1000).toLocaleString('en')}/s`
