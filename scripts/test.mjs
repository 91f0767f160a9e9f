// npm test: sets up everything, builds, runs all tests, and says what was verified against what.
// Servers that `npm run servers -- up` has running, or that variables such as VERITAS_NEO4J_URL name, are tested too.
// Usage: npm test [-- VITEST_ARGUMENT...]
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { root, run, setup, tryRun } from './x.mjs'

const env = setup()
run('turbo', ['run', 'build', '--output-logs=errors-only', '--log-order=grouped'], { env })

const cache = path.join(root, '.cache')
mkdirSync(cache, { recursive: true })
const results = path.join(cache, 'test-results.json')
const report = path.join(cache, 'conformance.jsonl')
for (const file of [results, report]) rmSync(file, { force: true })

const servers = spawnSync('node', ['tools/servers/src/cli.ts', 'env', '--json'], { cwd: root, env, encoding: 'utf8' })
if (servers.status !== 0) throw new Error(`The servers' variables could not be read: ${servers.stderr}`)
const testEnv = { ...env, ...JSON.parse(servers.stdout), VERITAS_CONFORMANCE_REPORT: report }

const args = process.argv.slice(2)
const status = tryRun(
  'vitest',
  ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${results}`, ...args],
  { env: testEnv },
)

if (existsSync(report)) printVerified(readFileSync(report, 'utf8'))
if (existsSync(results)) {
  const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(results, 'utf8'))
  console.log(`\nTests: ${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped with a reason`)
}
process.exit(status)

/** One line a backend: what it was run against, and which suites were skipped for which reason. */
function printVerified(lines) {
  const backends = new Map()
  for (const line of lines.split('\n').filter(Boolean)) {
    const entry = JSON.parse(line)
    const list = backends.get(entry.backend) ?? []
    list.push(entry)
    backends.set(entry.backend, list)
  }
  console.log('\nThe contract was verified against:')
  for (const [backend, entries] of [...backends].sort()) {
    const ran = entries.filter((e) => e.status === 'run').length
    const skipped = entries.filter((e) => e.status === 'skipped')
    console.log(`  ${backend.padEnd(28)} ${String(ran).padStart(3)} suites run, ${skipped.length} skipped`)
    for (const { suite, reason } of skipped) console.log(`  ${''.padEnd(28)}     ${suite}: ${reason}`)
  }
}
