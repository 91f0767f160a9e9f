// npm test: sets up everything, builds, runs all tests, and says what was verified against what.
// Servers that `npm run servers -- up` has running, or that variables such as VERITAS_NEO4J_URL name, are tested too.
// Usage: npm test [-- VITEST_ARGUMENT...]
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { root, run, setup, tryRun } from './x.mjs'

const BACKENDS = readdirSync(path.join(root, 'packages', 'backends'))
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
  // Reference backends and mutants of the kit's own tests are left out.
  const entries = lines
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
    .filter(({ backend }) => BACKENDS.includes(nameOf(backend)) || backend.startsWith('replicas of '))
  console.log('\nThe contract was verified on:')
  const names = [...new Set(entries.map((entry) => entry.backend))].sort()
  for (const backend of names) {
    const suites = entries.filter((entry) => entry.backend === backend)
    const run = suites.filter((s) => s.status === 'run')
    const sum = (field) => run.reduce((total, s) => total + s[field], 0)
    const undeclared = suites.filter((s) => s.status === 'undeclared').length
    console.log(
      `  ${backend.padEnd(24)} ${(suites[0].server ?? '').padEnd(26)} ${run.length} suites run: ${sum('passed')} checks passed, ${sum('failed')} failed${undeclared ? `; ${undeclared} suites undeclared` : ''}`,
    )
    const skipped = suites.filter((s) => s.status === 'skipped')
    for (const reason of new Set(skipped.map((s) => s.reason))) {
      const which = skipped.filter((s) => s.reason === reason).map((s) => s.suite)
      console.log(
        `  ${''.padEnd(24)} skipped ${which.length} (${[...new Set(which.map(family))].join(', ')}): ${reason}`,
      )
    }
  }
  const tested = new Set(entries.map((entry) => nameOf(entry.backend)))
  const missing = BACKENDS.filter((name) => !tested.has(name))
  if (missing.length > 0)
    console.log(`Not run: ${missing.join(', ')}. Start their servers with: npm run servers -- up ${missing.join(' ')}`)
}

/** `graph.…` of `graph.nodes`. */
function family(suite) {
  return suite.includes('.') ? `${suite.split('.')[0]}.…` : suite
}

/** `pinecone` of `pinecone (emulator)`. */
function nameOf(backend) {
  return backend.split(' ')[0]
}
