import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: ['packages/*', 'packages/backends/*', 'apps/*', 'tests', 'tools/servers'],
    // Tests read what was built: packages see each other as their users do.
    hookTimeout: 60_000,
    testTimeout: 60_000,
  },
})
