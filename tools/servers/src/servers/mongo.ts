import path from 'node:path'
import { pipInstall, pythonOf, siteOf } from '../install.ts'
import { pip, python } from '../needs.ts'
import { converse } from '../probe.ts'
import type { ServerDefinition } from '../types.ts'

const int32 = (value: number): Buffer => {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32LE(value)
  return buffer
}

/** `{ ping: 1, $db: 'admin' }` as an OP_MSG of MongoDB's wire protocol. */
const ping = (): Buffer => {
  const fields = Buffer.concat([
    Buffer.from('\x10ping\0'),
    int32(1),
    Buffer.from('\x02$db\0'),
    int32(6),
    Buffer.from('admin\0\0'),
  ])
  const bson = Buffer.concat([int32(fields.length + 4), fields])
  const body = Buffer.concat([int32(1), int32(0), int32(2013), int32(0), Buffer.from([0]), bson])
  return Buffer.concat([int32(body.length + 4), body])
}

export const mongo: ServerDefinition = {
  name: 'mongo',
  title: "SecantusDB (MongoDB's protocol; not MongoDB)",
  version: '0.7.0b3',
  source: 'PyPI secantusdb',
  needs: [python, pip],
  memory: 60,
  prepareSeconds: 5,
  ports: { mongo: 18_017 },
  env: ({ mongo: port }) => ({ VERITAS_MONGO_URL: `mongodb://127.0.0.1:${port}/?directConnection=true` }),
  prepare: (context) => pipInstall(context, ['secantusdb==0.7.0b3'], true),
  command: async (context) => ({
    file: await pythonOf(context),
    args: [
      ...['-c', 'import sys; from secantus.cli import main; sys.exit(main())'],
      ...['--host', '127.0.0.1', '--port', String(context.ports.mongo)],
      // Without it acknowledged writes are lost by kill -9.
      ...['--storage-path', path.join(context.data, 'store'), '--sync-on-commit'],
    ],
    env: { PYTHONPATH: siteOf(context) },
  }),
  ready: ({ mongo: port = 0 }) =>
    converse(port, [
      {
        send: ping(),
        complete: (answer) => {
          if (answer.length < 4 || answer.length < answer.readInt32LE(0)) return false
          if (!answer.includes('ok\0') || answer.includes('errmsg\0')) throw new Error(answer.toString('latin1'))
          return true
        },
      },
    ]),
}
