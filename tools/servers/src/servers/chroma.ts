import path from 'node:path'
import { pipInstall, pythonOf, siteOf } from '../install.ts'
import { pip, python } from '../needs.ts'
import { http } from '../probe.ts'
import type { ServerDefinition } from '../types.ts'

export const chroma: ServerDefinition = {
  name: 'chroma',
  title: 'Chroma',
  version: '1.5.9',
  source: 'PyPI chromadb',
  needs: [python, pip],
  memory: 50,
  prepareSeconds: 3,
  ports: { http: 18_000 },
  env: ({ http: port }) => ({ VERITAS_CHROMA_URL: `http://127.0.0.1:${port}` }),
  // The wheel alone: the server is one Rust library in it, and needs none of the Python dependencies.
  prepare: (context) => pipInstall(context, ['chromadb==1.5.9']),
  command: async (context) => ({
    file: await pythonOf(context),
    args: [
      ...['-c', 'import sys, chromadb_rust_bindings as b; b.cli(["chroma"] + sys.argv[1:])'],
      ...['run', '--path', path.join(context.data, 'store'), '--host', '127.0.0.1'],
      ...['--port', String(context.ports.http)],
    ],
    // It writes a small file with the user's preferences into HOME.
    env: { PYTHONPATH: siteOf(context), HOME: context.data },
  }),
  ready: async ({ http: port = 0 }) => {
    await http(port, '/api/v2/heartbeat')
    await http(port, '/api/v2/tenants/default_tenant/databases/default_database/collections')
  },
}
