// A process of its own that works on a file. Usage: worker.ts JOB PATH NAME COUNT
import { documentKey, validateConfig, version } from '@veritas-db/core/contract'
import { sqlite } from '../../src/index.js'

const [job = '', path = '', name = '', count = '0'] = process.argv.slice(2)
const scope = { collection: 'docs' }
const dimensions = 16

const backend = sqlite.create(await validateConfig(sqlite.config, { path, busyTimeoutMs: 20_000 }, 'sqlite'), {
  roles: sqlite.roles,
  poolSize: 1,
  queryTimeoutMs: 30_000,
})
await backend.connect()
const { vector, graph, relational } = backend.roles

/** Writes one document: three legs in one unit of work. */
const store = async (id: string, n: number): Promise<void> => {
  const key = documentKey(scope, id)
  const head = { key, documentId: id, version: version(n) }
  const values = Float32Array.from({ length: dimensions }, (_, i) => Math.sin(n * (i + 1)))
  await backend.unitOfWork?.({}, async (roles) => {
    await roles.relational.upsert({ scope, table: 'documents', records: [{ ...head, values: { n } }] })
    await roles.graph.upsertNodes({
      scope,
      nodes: [{ ...head, label: 'Document', placeholder: false, properties: { n } }],
    })
    await roles.vector.upsert({ scope, records: [{ ...head, ordinal: 0, vector: values, metadata: { n } }] })
  })
}

if (job === 'write') {
  for (let i = 1; i <= Number(count); i++) await store(`${name}-${i}`, i)
} else if (job === 'write-until-killed') {
  for (let i = 1; ; i++) {
    await store(`${name}-${i}`, i)
    process.stdout.write(`${i}\n`)
  }
} else if (job === 'increment') {
  // Reads and writes in one unit: lost updates would show in the sum.
  const key = documentKey(scope, 'counter')
  for (let i = 0; i < Number(count); i++) {
    await backend.unitOfWork?.({}, async (roles) => {
      const [row] = await roles.relational.get({ scope, table: 'documents', keys: [key] })
      const n = Number(row?.values.n ?? 0) + 1
      const record = { key, documentId: 'counter', version: version(n), values: { n } }
      await roles.relational.upsert({ scope, table: 'documents', records: [record] })
    })
  }
} else if (job === 'read-and-end') {
  // Ends by itself: nothing may keep the process alive.
  await vector.query({ scope, vector: new Float32Array(dimensions).fill(1), topK: 1 })
  await graph.count({ scope, of: 'nodes' })
  await relational.count({ scope, table: 'documents' })
}
if (name !== 'unclosed') await backend.close()
