import { runConformance } from '@veritas-db/conformance'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { neo4j } from '../src/index.js'
import { open, serverConfig, serverUrl, why } from './server.js'

const config = { ...serverConfig, prefix: 'kit_neo4j' }

if (serverUrl === undefined) describe.skip(`neo4j: conformance (${why})`, () => it('is skipped', () => undefined))
else
  runConformance({
    describe,
    it,
    beforeAll,
    afterAll,
    plugin: neo4j,
    config,
    second: () => open(config),
    // Every new filter is a new query to plan.
    timeoutMs: 120_000,
    ...(config.password !== undefined && { secrets: [config.password] }),
  })
