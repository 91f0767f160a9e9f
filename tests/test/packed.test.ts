import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codeBlocks } from './code-blocks.js'

const run = promisify(execFile)
const root = path.resolve(import.meta.dirname, '../..')
const bin = (name: string): string => path.join(root, 'node_modules', '.bin', name)
const PACKAGES = ['packages/core', 'packages/conformance', 'packages/backends/sqlite', 'packages/backends/chroma']

/** npm as a user's shell would run it, without what this workspace's package managers told their scripts. */
const cleanEnv = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(npm_(?!config_(registry|userconfig|cafile))|VITEST|NODE_OPTIONS)/.test(name),
  ),
)

describe('the packages as they are published', () => {
  let workspace: string
  let app: string

  beforeAll(async () => {
    // The parts of the workspace that versions and tarballs come from, so that versioning does not touch the checkout.
    workspace = await mkdtemp(path.join(tmpdir(), 'veritas-release-'))
    const filter = (source: string): boolean => !/[/\\](node_modules|src|test|\.turbo)([/\\]|$)/.test(source)
    for (const part of ['packages', '.changeset', 'package.json', 'pnpm-workspace.yaml'])
      await cp(path.join(root, part), path.join(workspace, part), { recursive: true, filter })
    for (const name of PACKAGES.slice(1)) {
      const scope = path.join(workspace, name, 'node_modules', '@veritas-db')
      await mkdir(scope, { recursive: true })
      await symlink(path.join(workspace, 'packages/core'), path.join(scope, 'core'), 'junction')
      await symlink(path.join(workspace, 'packages/conformance'), path.join(scope, 'conformance'), 'junction')
    }
    await run('git', ['init', '-q'], { cwd: workspace })
    await run(
      process.execPath,
      [bin('changeset').replace(/\.bin[/\\]changeset$/, '@changesets/cli/bin.js'), 'version'],
      { cwd: workspace },
    )
    for (const name of PACKAGES)
      await run('pnpm', ['pack', '--pack-destination', workspace], { cwd: path.join(workspace, name) })
    app = await mkdtemp(path.join(tmpdir(), 'veritas-app-'))
    await writeFile(path.join(app, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module' }))
    await run(
      'npm',
      [
        'install',
        '--no-audit',
        '--no-fund',
        '--loglevel=error',
        path.join(workspace, 'veritas-db-core-1.0.0.tgz'),
        path.join(workspace, 'veritas-db-sqlite-1.0.0.tgz'),
      ],
      { cwd: app, env: cleanEnv },
    )
  }, 240_000)

  afterAll(() =>
    Promise.all([workspace, app].filter(Boolean).map((folder) => rm(folder, { recursive: true, force: true }))),
  )

  it('are versioned together: 1.0.0, with core as a peer of the backend', async () => {
    const manifest = JSON.parse(await readFile(path.join(app, 'node_modules/@veritas-db/sqlite/package.json'), 'utf8'))
    expect(manifest).toMatchObject({ version: '1.0.0', peerDependencies: { '@veritas-db/core': '^1.0.0' } })
  })

  it('bring only what was asked for: no other database client', async () => {
    const { stdout } = await run('npm', ['ls', '--all', '--parseable'], { cwd: app, env: cleanEnv })
    const clients = [
      'pg',
      'mongodb',
      'chromadb',
      '@pinecone-database',
      'weaviate-client',
      'redis',
      'neo4j-driver',
      'arangojs',
      'undici',
      'cozo',
    ]
    const installed = stdout.split('\n').map((line) => line.split(`node_modules${path.sep}`).at(-1) ?? '')
    expect(
      installed.filter((name) => clients.some((client) => name === client || name.startsWith(`${client}/`))),
    ).toEqual([])
    expect(installed).toContain(path.join('@veritas-db', 'sqlite'))
  })

  it("run the README's example", async () => {
    const [example] = codeBlocks(await readFile(path.join(root, 'README.md'), 'utf8'))
    await writeFile(path.join(app, 'example.ts'), example?.code ?? '')
    const { stdout } = await run(process.execPath, ['example.ts'], { cwd: app, env: cleanEnv })
    expect(stdout).toMatch(/^lancedb .*semantic/)
    expect(stdout).toContain('refers to sqlite: lancedb')
  })

  it('name the package that is missing, and how to install it with npm', async () => {
    await writeFile(
      path.join(app, 'missing.ts'),
      `import { openDatabase } from '@veritas-db/core'\nawait openDatabase({ vector: { type: 'chromadb' }, relational: { type: 'sqlite' }, journal: false }).catch((e) => console.log(e.message))`,
    )
    const { stdout } = await run(process.execPath, ['missing.ts'], { cwd: app, env: cleanEnv })
    expect(stdout).toContain('the package @veritas-db/chroma is not installed. Install it:\n  npm i @veritas-db/chroma')
  })
})
