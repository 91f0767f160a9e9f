import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { importTime } from './import-time.ts'
import { ingest } from './ingest.ts'
import type { Bench, Row } from './measure.ts'
import { memory } from './memory.ts'
import { hybridSearch } from './search.ts'
import { SERVERS, servers } from './servers/index.ts'
import { vectorQuery } from './vector-query.ts'

const BENCHES: Readonly<Record<string, Bench>> = {
  import: importTime,
  ingest,
  vector: vectorQuery,
  search: hybridSearch,
  memory,
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    large: { type: 'boolean', default: false },
    runs: { type: 'string', default: '5' },
    help: { type: 'boolean', default: false },
  },
})
// What follows `servers` are servers.
const place = positionals.indexOf('servers')
const benches = place < 0 ? positionals : positionals.slice(0, place)
const serverNames = place < 0 ? [] : positionals.slice(place + 1)
const unknown = [...benches.filter((name) => !(name in BENCHES)), ...serverNames.filter((name) => !(name in SERVERS))]
const runs = Number(values.runs)
if (values.help || unknown.length > 0 || !Number.isSafeInteger(runs) || runs < 1) {
  console.error(
    `Usage: npm run bench -- [${Object.keys(BENCHES).join(' | ')}]… [servers [${Object.keys(SERVERS).join(' | ')}]…] [--large] [--runs N]`,
  )
  process.exit(values.help ? 0 : 1)
}

const rows: Row[] = []
const options = { runs, large: values.large }
for (const name of positionals.length > 0 ? benches : Object.keys(BENCHES)) {
  console.error(`measuring ${name} …`)
  rows.push(...((await BENCHES[name]?.(options)) ?? []))
}
if (place >= 0) rows.push(...(await servers(options, serverNames)))

const table = new Table({ head: ['benchmark', 'what', 'value', 'ratio', 'goal', ''], style: { head: [], border: [] } })
for (const r of rows)
  table.push([
    r.benchmark,
    r.what,
    r.value,
    r.ratio?.toFixed(2) ?? '',
    r.goal ?? '',
    r.reached === undefined ? '' : r.reached ? 'reached' : 'NOT REACHED',
  ])
console.log(table.toString())

const missed = rows.filter((r) => r.reached === false)
const goals = rows.filter((r) => r.goal !== undefined)
console.log(
  missed.length === 0
    ? `${goals.length === 0 ? 'No' : 'All'} goals${goals.length === 0 ? ' were set' : ` (${goals.length}) were reached`}.`
    : `Not reached: ${missed.map((r) => `${r.benchmark}, ${r.what} (${r.value}, goal ${r.goal})`).join('; ')}`,
)
const folder = path.join(import.meta.dirname, '..', '..', '.cache', 'benchmarks')
mkdirSync(folder, { recursive: true })
const file = path.join(folder, `${new Date().toISOString().replace(/[:.]/g, '-')}.json`)
const machine = { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length }
writeFileSync(file, JSON.stringify({ date: new Date().toISOString(), machine, runs, rows }, null, 2))
console.log(`Written to ${path.relative(process.cwd(), file)}`)
