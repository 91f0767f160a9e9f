// Run by kit.test.ts with Node's own test runner.
import { after, before, describe, it } from 'node:test'
import { runConformance } from '../src/index.js'
import { Engine } from './memory/engine.js'
import { memoryBackend } from './memory/index.js'

runConformance({
  describe,
  it,
  beforeAll: before,
  afterAll: after,
  name: 'under node:test',
  roles: ['vector'],
  open: () => memoryBackend(new Engine(), { roles: ['vector'] }),
  filters: 20,
})
