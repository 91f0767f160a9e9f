import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { asset, mavenInstall } from '../install.ts'
import { java, javaProgram, maven } from '../needs.ts'
import { converse } from '../probe.ts'
import type { ServerDefinition } from '../types.ts'

const chunk = (...parts: (number | string)[]): Buffer => {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? string(part) : Buffer.from([part]))))
  return Buffer.concat([Buffer.from([body.length >> 8, body.length & 0xff]), body, Buffer.from([0, 0])])
}

/** A string of up to 15 bytes in PackStream. */
const string = (text: string): Buffer => Buffer.concat([Buffer.from([0x80 + text.length]), Buffer.from(text)])

/** Messages are structures: 0xB0 + fields, then what they are. */
const SUCCESS = Buffer.from([0xb1, 0x70])
const FAILURE = Buffer.from([0xb1, 0x7f])
const RECORD_OF_ONE = Buffer.from([0xb1, 0x71, 0x91, 0x01])

const refuse = (answer: Buffer): void => {
  if (answer.includes(FAILURE)) throw new Error(answer.toString('latin1'))
}
const endsMessage = (answer: Buffer): boolean => answer.at(-1) === 0 && answer.at(-2) === 0

export const neo4j: ServerDefinition = {
  name: 'neo4j',
  title: 'Neo4j Community',
  version: '5.26.12',
  source: 'Maven org.neo4j:neo4j, org.neo4j.app:neo4j-server',
  needs: [java, maven],
  memory: 450,
  prepareSeconds: 30,
  ports: { bolt: 18_687 },
  env: ({ bolt }) => ({ VERITAS_NEO4J_URL: `bolt://127.0.0.1:${bolt}` }),
  prepare: (context) => mavenInstall(context, asset('neo4j', 'pom.xml')),
  beforeStart: async ({ data, ports }) => {
    await mkdir(path.join(data, 'conf'), { recursive: true })
    await mkdir(path.join(data, 'logs'), { recursive: true })
    const settings = {
      'server.default_listen_address': '127.0.0.1',
      'server.bolt.listen_address': `127.0.0.1:${ports.bolt}`,
      'server.bolt.advertised_address': `127.0.0.1:${ports.bolt}`,
      'server.http.enabled': false,
      'server.https.enabled': false,
      'dbms.security.auth_enabled': false,
      'dbms.usage_report.enabled': false,
      'internal.server.bolt.thread_pool_shutdown_wait_time': '1s',
      'server.memory.pagecache.size': '128m',
      'db.tx_log.rotation.size': '16m',
      'db.tx_log.preallocate': false,
    }
    const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`)
    await writeFile(path.join(data, 'conf', 'neo4j.conf'), lines.join(''))
  },
  command: ({ install, data }) => ({
    file: javaProgram('java'),
    args: [
      ...['-Xms128m', '-Xmx512m', '-XX:+UseG1GC', '-XX:-OmitStackTraceInFastThrow', '-XX:+ExitOnOutOfMemoryError'],
      ...['java.nio', 'java.io', 'sun.nio.ch', 'java.util.concurrent'].map(
        (name) => `--add-opens=java.base/${name}=ALL-UNNAMED`,
      ),
      ...['--enable-native-access=ALL-UNNAMED', '-Dlog4j2.disable.jmx=true', '-Dfile.encoding=UTF-8'],
      ...['-cp', `${install}/lib/*`, 'org.neo4j.server.CommunityEntryPoint'],
      ...[`--home-dir=${data}`, `--config-dir=${data}/conf`],
    ],
  }),
  ready: ({ bolt = 0 }) =>
    converse(bolt, [
      {
        // Bolt's magic number and four versions, of which only 4.4 is offered
        send: Buffer.from([0x60, 0x60, 0xb0, 0x17, 0, 0, 4, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        complete: (answer) => {
          if (answer.length < 4) return false
          if (answer[3] !== 4) throw new Error(`Bolt 4.4 was refused: ${answer.toString('hex')}`)
          return true
        },
      },
      {
        // HELLO { user_agent, scheme: 'none' }
        send: chunk(0xb1, 0x01, 0xa2, 'user_agent', 'veritas/1', 'scheme', 'none'),
        complete: (answer) => {
          refuse(answer)
          return answer.includes(SUCCESS) && endsMessage(answer)
        },
      },
      {
        // RUN 'RETURN 1' {} {}, then PULL { n: -1 }
        send: Buffer.concat([chunk(0xb3, 0x10, 'RETURN 1', 0xa0, 0xa0), chunk(0xb1, 0x3f, 0xa1, 'n', 0xff)]),
        complete: (answer) => {
          refuse(answer)
          return answer.includes(RECORD_OF_ONE) && endsMessage(answer)
        },
      },
    ]),
}
