// Packs every published package and checks the tarball: publint, and the types as TypeScript's users see them (attw).
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { root, run, setup } from './x.mjs'

const env = setup()
run('turbo', ['run', 'build', '--output-logs=errors-only'], { env })
const folder = mkdtempSync(path.join(tmpdir(), 'veritas-pack-'))
const packages = ['packages', 'packages/backends']
  .flatMap((parent) =>
    readdirSync(path.join(root, parent), { withFileTypes: true })
      .filter((d) => d.isDirectory())
      .map((d) => path.join(root, parent, d.name)),
  )
  .filter((dir) => readdirSync(dir).includes('package.json'))
  .map((dir) => ({ dir, ...JSON.parse(readFileSync(path.join(dir, 'package.json'), 'utf8')) }))
  .filter((p) => !p.private)

let failed = 0
for (const { dir, name, version } of packages) {
  const problems = []
  const step = (what, cmd, args) => {
    const { status, stdout, stderr } = spawnSync(cmd, args, { cwd: dir, env, encoding: 'utf8' })
    if (status !== 0) problems.push(`${what}:\n${stdout}${stderr}`)
  }
  for (const file of ['README.md', 'LICENSE']) if (!readdirSync(dir).includes(file)) problems.push(`${file} is missing`)
  step('pnpm pack', 'pnpm', ['pack', '--pack-destination', folder])
  const tarball = path.join(folder, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`)
  if (problems.length === 0) {
    step('publint', 'publint', ['run', tarball, '--strict'])
    step('attw', 'attw', [tarball, '--profile', 'esm-only'])
  }
  if (problems.length > 0) failed++
  console.log(`${problems.length === 0 ? 'ok  ' : 'FAIL'} ${name}@${version}`)
  for (const problem of problems) console.log(problem)
}
rmSync(folder, { recursive: true })
console.log(`Packages: ${packages.length - failed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
