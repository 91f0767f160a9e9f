import { fileURLToPath } from 'node:url'
import { setByUser, stateOf } from '../environment.ts'
import type { ServerDefinition } from '../types.ts'
import { mongo } from './mongo.ts'

const program = fileURLToPath(new URL('../../emulators/mongosearch/server.ts', import.meta.url))

/** Where the server behind is: the user's own, or ours, which may start at the same time. */
const behind = async (): Promise<string> => {
  const { VERITAS_MONGO_URL: given } = setByUser(mongo)
  if (given !== undefined) return given
  const state = await stateOf(mongo)
  return mongo.env(state?.ports ?? mongo.ports).VERITAS_MONGO_URL ?? ''
}

/** Our own emulator of `$vectorSearch`, in front of the server `mongo`: it is ready when that one is. */
export const mongosearch: ServerDefinition = {
  name: 'mongosearch',
  title: "MongoDB's $vectorSearch, emulated (in front of mongo)",
  version: '1',
  source: 'tools/servers/emulators/mongosearch',
  needs: [],
  memory: 90,
  // Nothing to prepare; but what it stands before is prepared first.
  prepareSeconds: mongo.prepareSeconds + 1,
  ports: { mongosearch: 18_019 },
  env: ({ mongosearch: port }) => ({
    VERITAS_MONGO_SEARCH_URL: `mongodb://127.0.0.1:${port}/?directConnection=true&appName=emulator`,
  }),
  command: async ({ ports }) => ({
    file: process.execPath,
    args: [program, '--port', String(ports.mongosearch), '--behind', await behind()],
  }),
  // Passed on to the server behind, and answered by it.
  ready: ({ mongosearch: port = 0 }) => mongo.ready({ mongo: port }),
}
