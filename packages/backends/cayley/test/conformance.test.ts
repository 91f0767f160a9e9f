import { runConformance } from '@veritas-db/conformance'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { cayley } from '../src/index.js'
import { open, serverConfig, serverUrl, why } from './server.js'

const config = { ...serverConfig, prefix: 'kit_cayley', username: 'kit', password: 'never-to-be-shown' }

if (serverUrl === undefined) describe.skip(`cayley: conformance (${why})`, () => it('is skipped', () => undefined))
else
  runConformance({
    describe,
    it,
    beforeAll,
    afterAll,
    plugin: cayley,
    config,
    second: () => open(config),
    secrets: ['never-to-be-shown'],
    timeoutMs: 120_000,
    raw: {
      graph: {
        query: 'g.emit({ one: parameters.one, text: parameters.text })',
        parameters: { one: 1, text: '"\u2028\u{1f600}</script>' },
        expected: [{ one: 1, text: '"\u2028\u{1f600}</script>' }],
      },
    },
  })
