import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { defineConfig } from 'vitest/config'

const folders = ['packages', 'packages/backends', 'apps', 'tools'].flatMap((parent) =>
  readdirSync(path.join(import.meta.dirname, parent)).map((name) => `${parent}/${name}`),
)
const tested = [...folders, 'tests'].filter((folder) => existsSync(path.join(import.meta.dirname, folder, 'test')))

export default defineConfig({
  test: {
    // Tests read what was built: packages see each other as their users do. None asserts a time, and a slow machine is no failure.
    testTimeout: 120_000,
    hookTimeout: 240_000,
    projects: tested.map((root) => ({ extends: true, root, test: { name: root } })),
  },
})
