import path from 'node:path'
import { asset, pipInstall, pythonOf, siteOf } from '../install.ts'
import { pip, python } from '../needs.ts'
import { http } from '../probe.ts'
import type { ServerDefinition } from '../types.ts'

export const cozo: ServerDefinition = {
  name: 'cozo',
  title: 'CozoDB (rocksdb), behind our HTTP front',
  version: '0.7.6',
  source: 'PyPI cozo-embedded',
  needs: [python, pip],
  memory: 60,
  prepareSeconds: 3,
  ports: { http: 18_070 },
  env: ({ http: port }) => ({ VERITAS_COZO_URL: `http://127.0.0.1:${port}` }),
  prepare: (context) => pipInstall(context, ['cozo-embedded==0.7.6']),
  command: async (context) => ({
    file: await pythonOf(context),
    args: [asset('cozo_http.py'), 'rocksdb', path.join(context.data, 'store'), String(context.ports.http)],
    env: { PYTHONPATH: siteOf(context) },
  }),
  ready: async ({ http: port = 0 }) => {
    await http(port, '/text-query', { script: '?[x] <- [[1]]', params: {} })
  },
}
