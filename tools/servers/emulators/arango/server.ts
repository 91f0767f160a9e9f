// Command: node tools/servers/emulators/arango/server.ts --port N [--username U] [--password P] [--latency-ms N]
import { commandLine } from '../shared/http.ts'
import { startArangoEmulator } from './index.ts'

const options = commandLine(process.argv.slice(2))
const number = (name: string, otherwise: number): number => Number(options.get(name) ?? otherwise)

const emulator = await startArangoEmulator({
  port: number('port', 0),
  username: options.get('username') ?? 'root',
  password: options.get('password') ?? '',
  latencyMs: number('latency-ms', 0),
})
console.log(`listening ${emulator.url}`)
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    void emulator.close().then(() => process.exit(0))
  })
