import { stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { hasCode } from '../errors.ts'
import { http } from '../probe.ts'
import type { ServerDefinition } from '../types.ts'

/** Our own emulator of a service for which no server can be had from a package registry. */
const emulator = (
  name: 'pinecone' | 'arango',
  title: string,
  port: number,
  env: (port: number) => Record<string, string>,
): ServerDefinition => {
  const program = fileURLToPath(new URL(`../../emulators/${name}/server.ts`, import.meta.url))
  return {
    name,
    title,
    version: '1',
    source: `tools/servers/emulators/${name}`,
    needs: [
      {
        title: `the ${name} emulator`,
        install: 'part of this repository: check it out completely',
        check: async () => {
          try {
            await stat(program)
            return undefined
          } catch (error) {
            if (hasCode(error, 'ENOENT')) return `the ${name} emulator is not in this checkout`
            throw error
          }
        },
      },
    ],
    memory: 80,
    prepareSeconds: 0,
    ports: { http: port },
    env: ({ http: taken = 0 }) => env(taken),
    command: ({ ports }) => ({ file: process.execPath, args: [program, '--port', String(ports.http)] }),
    ready: async ({ http: taken = 0 }) => {
      await http(taken, '/_emulator/health')
    },
  }
}

export const pinecone: ServerDefinition = emulator(
  'pinecone',
  "Pinecone's API, emulated",
  18_050,
  (port): Record<string, string> => ({
    VERITAS_PINECONE_URL: `http://127.0.0.1:${port}`,
    VERITAS_PINECONE_API_KEY: 'emulator',
  }),
)

export const arango: ServerDefinition = emulator('arango', "ArangoDB's API, emulated", 18_529, (port) => ({
  VERITAS_ARANGO_URL: `http://127.0.0.1:${port}`,
}))
