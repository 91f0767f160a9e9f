import { defineConfig } from 'vitest/config'

// Hundreds of runs of the kit, on a machine that may be busy: time-outs are no measure here.
export default defineConfig({ test: { testTimeout: 60_000, hookTimeout: 60_000 } })
