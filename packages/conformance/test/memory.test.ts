import { afterAll, beforeAll, describe, it } from 'vitest'
import { runConformance } from '../src/index.js'
import { memory } from './memory/index.js'

const runner = { describe, it, beforeAll, afterAll }

runConformance({
  ...runner,
  plugin: memory,
  config: { name: 'whole' },
  second: () =>
    memory.create({ name: 'whole' }, { roles: ['vector', 'graph', 'relational'], poolSize: 1, queryTimeoutMs: 1000 }),
})
