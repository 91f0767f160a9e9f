// Command: node tools/servers/emulators/pinecone/server.ts --port N [--api-key K] [--eventual-delay-ms N]
//   [--index-ready-delay-ms N] [--latency-ms N] [--every-nth-429 N]
import { commandLine } from '../shared/http.ts'
import { startPineconeEmulator } from './index.ts'

const options = commandLine(process.argv.slice(2))
const number = (name: string, otherwise: number): number => Number(options.get(name) ?? otherwise)
const key = options.get('api-key')
const everyNth = options.get('every-nth-429')

const emulator = await startPineconeEmulator({
  port: number('port', 0),
  eventualDelayMs: number('eventual-delay-ms', 50),
  indexReadyDelayMs: number('index-ready-delay-ms', 0),
  latencyMs: number('latency-ms', 0),
  ...(key === undefined ? {} : { apiKey: key }),
  ...(everyNth === undefined ? {} : { rateLimit: { everyNth: Number(everyNth) } }),
})
console.log(`listening ${emulator.url}`)
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    void emulator.close().then(() => process.exit(0))
  })
