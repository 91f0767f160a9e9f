// Installs, starts and stops the real database servers: node scripts/servers.mjs up|down|status|logs|env [name...]
import path from 'node:path'
import { root, setup, tryRun } from './x.mjs'

const cli = path.join(root, 'tools', 'servers', 'src', 'cli.ts')
process.exit(tryRun('node', [cli, ...process.argv.slice(2)], { env: setup() }))
