import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { asset, mavenInstall } from '../install.ts'
import { jar, java, javaProgram, maven } from '../needs.ts'
import { http } from '../probe.ts'
import type { Context, ServerDefinition } from '../types.ts'

const VERSION = '1.5.0'

/** Replaces lines of a configuration file, and appends those that no line matched. */
export const withLines = (text: string, lines: readonly (readonly [RegExp, string])[]): string =>
  lines.reduce((done, [pattern, line]) => {
    const every = new RegExp(pattern.source, 'gm')
    return every.test(done) ? done.replace(every, line) : `${done.trimEnd()}\n${line}\n`
  }, text)

const edit = async (file: string, lines: readonly (readonly [RegExp, string])[]): Promise<void> =>
  writeFile(file, withLines(await readFile(file, 'utf8'), lines))

/** Writes the configuration anew, for the ports may have changed. */
const configure = async ({ install, data, ports }: Context): Promise<void> => {
  for (const folder of ['logs', 'plugins', 'rocksdb']) await mkdir(path.join(data, folder), { recursive: true })
  await cp(path.join(install, 'dist'), data, { recursive: true, force: true })
  const conf = (...names: string[]): string => path.join(data, 'conf', ...names)
  const { http: rest, gremlin } = ports
  // These two are for /cypher, which asks the Gremlin server.
  for (const name of ['remote.yaml', 'remote-objects.yaml'])
    await edit(conf(name), [
      [/^hosts: .*/, 'hosts: [127.0.0.1]'],
      [/^port: .*/, `port: ${gremlin}`],
    ])
  await edit(conf('rest-server.properties'), [
    [/^restserver\.url=.*/, `restserver.url=http://127.0.0.1:${rest}`],
    [/^#*gremlinserver\.url=.*/, `gremlinserver.url=http://127.0.0.1:${gremlin}`],
    [/^restserver\.min_free_memory=.*/, 'restserver.min_free_memory=16'],
  ])
  await edit(conf('gremlin-server.yaml'), [
    [/^#?host: .*/, 'host: 127.0.0.1'],
    [/^#?port: .*/, `port: ${gremlin}`],
  ])
  await edit(conf('graphs', 'hugegraph.properties'), [
    [/^backend=.*/, 'backend=rocksdb'],
    [/^#*rocksdb\.data_path=.*/, `rocksdb.data_path=${data}/rocksdb`],
    [/^#*rocksdb\.wal_path=.*/, `rocksdb.wal_path=${data}/rocksdb`],
  ])
  // Shadows the list in the jar, whose other backends are not installed.
  await writeFile(conf('backend.properties'), 'backends=[rocksdb]\n')
  const log = await readFile(conf('log4j2.xml'), 'utf8')
  await writeFile(conf('log4j2.xml'), log.replaceAll('immediateFlush="false"', 'immediateFlush="true"'))
}

const javaArguments = async ({ install, data }: Context): Promise<string[]> => {
  const lib = path.join(install, 'lib')
  const jars = (await readdir(lib)).filter((name) => name.endsWith('.jar')).sort()
  // Its own classes and its logging shadow others, so their order counts.
  const rank = (name: string): number => (/^log4j-slf4j-impl/.test(name) ? 0 : name.startsWith('hugegraph') ? 1 : 2)
  const ordered = jars.toSorted((a, b) => rank(a) - rank(b)).map((name) => path.join(lib, name))
  return [
    `-Dlog4j.configurationFile=${data}/conf/log4j2.xml`,
    '--add-modules=jdk.unsupported',
    ...['jdk.internal.reflect', 'sun.nio.ch'].map((name) => `--add-exports=java.base/${name}=ALL-UNNAMED`),
    ...['java.lang', 'java.nio'].map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`),
    ...['-cp', [path.join(data, 'conf'), ...ordered].join(path.delimiter)],
  ]
}

export const hugegraph: ServerDefinition = {
  name: 'hugegraph',
  title: 'Apache HugeGraph (rocksdb)',
  version: VERSION,
  source: 'Maven org.apache.hugegraph:hugegraph-dist',
  needs: [java, jar, maven],
  memory: 800,
  prepareSeconds: 95,
  ports: { http: 18_081, gremlin: 18_182 },
  env: ({ http: port }) => ({ VERITAS_HUGEGRAPH_URL: `http://127.0.0.1:${port}` }),
  prepare: async (context) => {
    await mavenInstall(context, asset('hugegraph', 'pom.xml'))
    const dist = path.join(context.install, 'dist')
    await mkdir(dist, { recursive: true })
    // The jar carries the default configuration.
    const archive = path.join(context.install, 'lib', `hugegraph-dist-${VERSION}.jar`)
    await context.run(javaProgram('jar'), ['xf', archive, 'conf', 'scripts'], { cwd: dist })
  },
  init: async (context) => {
    await configure(context)
    const args = [
      ...(await javaArguments(context)),
      'org.apache.hugegraph.cmd.InitStore',
      'conf/rest-server.properties',
    ]
    await context.run(javaProgram('java'), ['-Xmx256m', ...args], { cwd: context.data })
  },
  beforeStart: configure,
  command: async (context) => ({
    file: javaProgram('java'),
    args: [
      ...['-Dname=HugeGraphServer', '-XX:+UseSerialGC', '-Xms128m', '-Xmx512m'],
      ...(await javaArguments(context)),
      ...['org.apache.hugegraph.dist.HugeGraphServer', 'conf/gremlin-server.yaml', 'conf/rest-server.properties'],
    ],
    cwd: context.data,
  }),
  ready: async ({ http: port = 0 }) => {
    // Its port is open long before it serves.
    await http(port, '/versions')
    await http(port, '/gremlin', { gremlin: '1+1' })
  },
  startSeconds: 120,
}
