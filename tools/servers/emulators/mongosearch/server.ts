// Command: node tools/servers/emulators/mongosearch/server.ts --behind mongodb://… [--port N] [--lag-ms N] [--build-ms N]
import { commandLine } from '../shared/http.ts'
import { startMongoSearchEmulator } from './index.ts'

const options = commandLine(process.argv.slice(2))
const number = (name: string, otherwise: number): number => Number(options.get(name) ?? otherwise)
const behind = options.get('behind')
if (behind === undefined)
  throw new Error("--behind needs the connection string of a server that speaks MongoDB's protocol")

const emulator = await startMongoSearchEmulator({
  behind,
  port: number('port', 0),
  lagMs: number('lag-ms', 50),
  buildMs: number('build-ms', 50),
})
console.log(`listening ${emulator.url}`)
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    void emulator.close().then(() => process.exit(0))
  })
