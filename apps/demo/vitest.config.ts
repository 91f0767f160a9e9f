import { defineConfig } from 'vitest/config'

// Nothing here is about speed: a slow machine must not look like a defect.
export default defineConfig({ test: { testTimeout: 60_000, hookTimeout: 60_000 } })
