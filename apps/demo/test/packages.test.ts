import { rmSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { packagesCorpus } from '../src/corpus/packages.js'
import { DemoError } from '../src/errors.js'
import { link, readAll, targets, temporaryFolder, write } from './fixtures.js'

/** pnpm's layout: packages really lie in `.pnpm`, everything else is a link. */
function pnpmProject(): string {
  const project = temporaryFolder()
  write(project, {
    'node_modules/.pnpm/apple@2.1.0/node_modules/apple/package.json': {
      name: 'apple',
      version: '2.1.0',
      description: 'Grows apples',
      license: 'MIT',
      keywords: ['fruit', 'tree'],
      engines: { node: '>=18' },
      dependencies: { seed: '^1.0.0', absent: '^9.0.0' },
      optionalDependencies: { 'seed-win32': '*' },
      peerDependencies: { '@garden/tools': '^3' },
    },
    'node_modules/.pnpm/apple@2.1.0/node_modules/apple/README.md': '# Apple\n\nHow to grow one.',
    'node_modules/.pnpm/apple@2.1.0/node_modules/apple/index.js': 'x'.repeat(100),
    'node_modules/.pnpm/seed@1.4.0/node_modules/seed/package.json': {
      name: 'seed',
      version: '1.4.0',
      description: 'A seed',
    },
    'node_modules/.pnpm/seed@0.9.0/node_modules/seed/package.json': { name: 'seed', version: '0.9.0' },
    'node_modules/.pnpm/@garden+tools@3.0.0/node_modules/@garden/tools/package.json': {
      name: '@garden/tools',
      version: '3.0.0',
      license: { type: 'ISC' },
      dependencies: { seed: '0.9.0' },
    },
    // The same version twice, for two sets of peers.
    'node_modules/.pnpm/apple@2.1.0_peer/node_modules/apple/package.json': { name: 'apple', version: '2.1.0' },
  })
  const pnpm = 'node_modules/.pnpm'
  link(project, `${pnpm}/apple@2.1.0/node_modules/seed`, `${pnpm}/seed@1.4.0/node_modules/seed`)
  link(
    project,
    `${pnpm}/apple@2.1.0/node_modules/@garden/tools`,
    `${pnpm}/@garden+tools@3.0.0/node_modules/@garden/tools`,
  )
  link(project, `${pnpm}/@garden+tools@3.0.0/node_modules/seed`, `${pnpm}/seed@0.9.0/node_modules/seed`)
  link(project, 'node_modules/apple', `${pnpm}/apple@2.1.0/node_modules/apple`)
  return project
}

describe('packages', () => {
  it('are read once each, from where pnpm really keeps them', async () => {
    const corpus = packagesCorpus(pnpmProject())
    const { documents, byId, problems } = await readAll(corpus)
    expect(documents.map((d) => d.id)).toEqual(['@garden/tools', 'apple', 'seed', 'seed@0.9.0'])
    expect(corpus.total).toBe(4)
    expect(problems).toEqual([])
    expect(byId.get('apple')).toMatchObject({
      title: 'apple',
      documentType: 'package',
      text: 'Grows apples\n\n# Apple\n\nHow to grow one.',
      filePath: 'node_modules/.pnpm/apple@2.1.0/node_modules/apple',
      metadata: { version: '2.1.0', license: 'MIT', keywords: ['fruit', 'tree'], node: '>=18', files: 3 },
    })
    expect(byId.get('apple')?.metadata?.sizeBytes).toBeGreaterThan(100)
    expect(byId.get('apple')).not.toHaveProperty('createdDate')
  })

  it('refer to the very versions that they would load; what is not installed keeps its name, if it is required', async () => {
    const { byId } = await readAll(packagesCorpus(pnpmProject()))
    expect(byId.get('apple')?.references).toEqual([
      { id: 'seed', type: 'DEPENDS_ON', properties: { kind: 'required', range: '^1.0.0' } },
      { id: 'absent', type: 'DEPENDS_ON', properties: { kind: 'required', range: '^9.0.0' } },
      { id: '@garden/tools', type: 'DEPENDS_ON', properties: { kind: 'peer', range: '^3' } },
    ])
    expect(targets(byId.get('@garden/tools'))).toEqual(['seed@0.9.0'])
    expect(byId.get('@garden/tools')?.metadata?.license).toBe('ISC')
  })

  it('without a README have their description as text, and without either their name', async () => {
    const { byId } = await readAll(packagesCorpus(pnpmProject()))
    expect(byId.get('seed')?.text).toBe('A seed')
    expect(byId.get('seed@0.9.0')?.text).toBe('seed')
  })

  it("are found in npm's nested layout", async () => {
    const project = temporaryFolder()
    write(project, {
      'node_modules/outer/package.json': { name: 'outer', version: '1.0.0', dependencies: { inner: '1', shared: '1' } },
      'node_modules/outer/node_modules/inner/package.json': {
        name: 'inner',
        version: '1.0.0',
        dependencies: { shared: '1' },
      },
      'node_modules/shared/package.json': { name: 'shared', version: '1.0.0' },
      'node_modules/.bin/tool': '#!/bin/sh',
    })
    const { byId } = await readAll(packagesCorpus(project))
    expect([...byId.keys()]).toEqual(['inner', 'outer', 'shared'])
    expect(targets(byId.get('outer'))).toEqual(['inner', 'shared'])
    expect(targets(byId.get('inner'))).toEqual(['shared'])
  })

  it('with a hostile package.json harm nobody', async () => {
    const project = temporaryFolder()
    const n = 'node_modules'
    write(project, {
      [`${n}/good/package.json`]: { name: 'good', version: '1.0.0' },
      [`${n}/broken/package.json`]: '{ "name": "broken", ',
      [`${n}/list/package.json`]: '[1, 2]',
      [`${n}/climber/package.json`]: {
        name: '../../../etc/passwd',
        version: { toString: 'x' },
        license: 7,
        keywords: { length: 3 },
        description: ['no', 'text'],
        engines: 'none',
        dependencies: { '../../good': '1', '..': '1', '': '1', good: { evil: true }, __proto__x: 'y' },
      },
      [`${n}/nul/package.json`]: {
        name: 'nul',
        version: '1.0.0\u0000',
        description: 'a\u0000b\ud800c',
        keywords: ['k\u0000', 'k\u0000', ' '],
      },
      [`${n}/proto/package.json`]:
        '{"name":"proto","version":"1.0.0","__proto__":{"polluted":true},"dependencies":{"__proto__":"1"}}',
      [`${n}/self/package.json`]: { name: 'self', version: '1.0.0', dependencies: { self: '1' } },
      [`${n}/readme-folder/package.json`]: { name: 'readme-folder', version: '1.0.0' },
      [`${n}/readme-folder/README.md/file`]: 'x',
    })
    const { byId, problems } = await readAll(packagesCorpus(project))
    expect(problems.map((p) => p.id).sort()).toEqual(['broken', 'list'])
    expect([...byId.keys()].sort()).toEqual(['climber', 'good', 'nul', 'proto', 'readme-folder', 'self'])
    expect(byId.get('climber')).toMatchObject({ text: 'climber', metadata: { version: '0.0.0', keywords: [] } })
    expect(targets(byId.get('climber'))).toEqual(['good', '__proto__x'])
    expect(byId.get('nul')).toMatchObject({ text: 'ab\ufffdc', metadata: { version: '1.0.0', keywords: ['k'] } })
    expect(targets(byId.get('self'))).toEqual([])
    expect({}).not.toHaveProperty('polluted')
  })

  it('keep a README readable: no badges, comments, tags or link targets', async () => {
    const project = temporaryFolder()
    write(project, {
      'node_modules/a/package.json': { name: 'a', version: '1.0.0' },
      'node_modules/a/readme.md':
        '<!-- hidden\nlines --><h1 align="center">A</h1>\n[![npm](https://img.example/a.svg)](https://npm.example/a)\n\nSee [the docs](https://docs.example) or [more][m].\n\n[m]: https://more.example\n\n```js\nif (a < b) go()\n```',
    })
    const { byId } = await readAll(packagesCorpus(project))
    expect(
      byId
        .get('a')
        ?.text.split('\n')
        .map((line) => line.trim())
        .filter(Boolean),
    ).toEqual(['A', 'See the docs or more.', '```js', 'if (a < b) go()', '```'])
  })

  it('that vanish while they are read are reported, and the others go on', async () => {
    const project = pnpmProject()
    const corpus = packagesCorpus(project)
    rmSync(path.join(project, 'node_modules/.pnpm/seed@1.4.0'), { recursive: true })
    const { documents, problems } = await readAll(corpus)
    expect(documents).toHaveLength(3)
    expect(problems).toEqual([{ id: 'seed', why: expect.stringContaining('package.json') }])
  })

  it('that are not there end in what to type next', () => {
    expect(() => packagesCorpus(temporaryFolder())).toThrow(DemoError)
  })
})
