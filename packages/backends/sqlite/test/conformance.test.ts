import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { runConformance } from '@veritas-db/conformance'
import { validateConfig } from '@veritas-db/core/contract'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { sqlite } from '../src/index.js'

const folder = mkdtempSync(path.join(tmpdir(), 'veritas-sqlite-'))
const file = path.join(folder, 'kit.db')

runConformance({
  describe,
  it,
  beforeAll,
  afterAll,
  plugin: sqlite,
  config: { path: file },
  second: async () =>
    sqlite.create(await validateConfig(sqlite.config, { path: file }, 'sqlite'), {
      roles: sqlite.roles,
      poolSize: 1,
      queryTimeoutMs: 30_000,
    }),
})

describe('afterwards', () => {
  it('the file is removed', () => {
    rmSync(folder, { recursive: true })
  })
})
