import { cp, rm } from 'node:fs/promises'
import path from 'node:path'
import { ServerError } from '../errors.ts'
import { go } from '../needs.ts'
import { http } from '../probe.ts'
import type { Context, ServerDefinition } from '../types.ts'

const MODULE = 'github.com/cayleygraph/cayley'

const program = ({ install }: Context): string => path.join(install, 'cayley')
const store = ({ data }: Context): string => path.join(data, 'cayley.db')

const sourceFolder = (answer: string): string => {
  const value: unknown = JSON.parse(answer)
  if (typeof value === 'object' && value !== null && 'Dir' in value && typeof value.Dir === 'string') return value.Dir
  throw new ServerError(`go mod download does not tell where it put ${MODULE}: ${answer.slice(0, 200)}`)
}

export const cayley: ServerDefinition = {
  name: 'cayley',
  title: 'Cayley (bolt)',
  version: '0.7.7',
  source: `Go ${MODULE}, built here`,
  needs: [go],
  memory: 30,
  prepareSeconds: 60,
  ports: { http: 18_210 },
  env: ({ http: port }) => ({ VERITAS_CAYLEY_URL: `http://127.0.0.1:${port}` }),
  prepare: async (context) => {
    // Built from a copy: its go.mod has a replace, which `go install` refuses.
    const answer = await context.run('go', ['mod', 'download', '-json', `${MODULE}@v0.7.7`])
    const source = path.join(context.install, 'src')
    await cp(sourceFolder(answer), source, { recursive: true })
    await context.run('chmod', ['-R', 'u+w', source])
    await context.run('go', ['build', '-mod=mod', '-ldflags=-s -w', '-o', program(context), './cmd/cayley'], {
      cwd: source,
      env: { CGO_ENABLED: '0', GOFLAGS: '' },
    })
    await rm(source, { recursive: true, force: true })
  },
  init: async (context) => {
    await context.run(program(context), ['init', '-d', 'bolt', '-a', store(context)])
  },
  command: (context) => ({
    file: program(context),
    args: ['http', '-d', 'bolt', '-a', store(context), '--host', `127.0.0.1:${context.ports.http}`],
  }),
  ready: async ({ http: port = 0 }) => {
    const answer = await http(port, '/api/v1/query/gizmo', 'g.V().Limit(1).All()')
    // Errors are answered with 200 as well.
    if (answer.includes('"error"')) throw new Error(answer)
  },
}
