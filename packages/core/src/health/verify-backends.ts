import { randomBytes } from 'node:crypto'
import { type RoleName, VeritasError } from '../contract/errors.js'
import type { RoleTypes } from '../contract/plugin.js'
import { documentKey, type Key, type Scope, type Version, version } from '../contract/values.js'

/** One step of a role's round trip. */
export interface VerifyStep {
  readonly step: 'prepare' | 'write' | 'read' | 'find' | 'clean up'
  readonly ok: boolean
  /** Milliseconds. */
  readonly durationMs: number
  readonly error?: VeritasError
}

export interface BackendVerification {
  readonly backend: string
  readonly role: RoleName
  readonly ok: boolean
  readonly steps: readonly VerifyStep[]
}

type Round = Readonly<Record<VerifyStep['step'], () => Promise<void>>>

/** Writes, reads, finds and removes one record in a collection of its own, in the way documents are. What fails is in the answer. */
export async function verifyRole<R extends RoleName>(
  name: R,
  role: RoleTypes[R],
  backend: string,
): Promise<BackendVerification> {
  const scope: Scope = { collection: `veritas_verify_${randomBytes(6).toString('hex')}` }
  const key = documentKey(scope, 'probe')
  const round = rounds[name](role, { scope, key, version: version(1) })
  const steps: VerifyStep[] = []
  for (const step of ['prepare', 'write', 'read', 'find', 'clean up'] as const) {
    // After a failure only the cleaning up is left to do.
    if (step !== 'clean up' && steps.some((s) => !s.ok)) continue
    const started = performance.now()
    try {
      await round[step]()
      steps.push({ step, ok: true, durationMs: performance.now() - started })
    } catch (cause) {
      steps.push({
        step,
        ok: false,
        durationMs: performance.now() - started,
        error: VeritasError.from(cause, { backend, role: name }),
      })
    }
  }
  return { backend, role: name, ok: steps.every((s) => s.ok), steps }
}

interface Probe {
  readonly scope: Scope
  readonly key: Key
  readonly version: Version
}

const rounds: { readonly [R in RoleName]: (role: RoleTypes[R], probe: Probe) => Round } = {
  vector: (role, { scope, key, version }) => ({
    prepare: () => role.ensureCollection({ scope, dimensions: 4, metric: 'cosine' }),
    write: async () => {
      const record = {
        key,
        documentId: 'probe',
        version,
        ordinal: 0,
        vector: Float32Array.of(1, 0, 0, 0),
        text: 'probe',
        metadata: { probe: true },
      }
      expectApplied(await role.upsert({ scope, records: [record] }))
    },
    read: () => eventually(role.capabilities, async () => expectOne(await role.get({ scope, keys: [key] }))),
    find: () =>
      eventually(role.capabilities, async () =>
        expectOne(await role.query({ scope, vector: Float32Array.of(1, 0, 0, 0), topK: 1 })),
      ),
    'clean up': () => role.dropCollection({ scope }),
  }),
  graph: (role, { scope, key, version }) => ({
    prepare: () => role.ensureSchema({ scope, labels: ['Document'], edgeTypes: ['REFERENCES'] }),
    write: async () => {
      const target = documentKey(scope, 'target')
      const node = { version, label: 'Document', placeholder: false, properties: { probe: true } }
      const nodes = [
        { ...node, key, documentId: 'probe' },
        { ...node, key: target, documentId: 'target' },
      ]
      expectApplied(await role.upsertNodes({ scope, nodes }))
      const edges = [{ source: key, target, type: 'REFERENCES', ordinal: 0, version, properties: {} }]
      expectApplied(await role.replaceEdges({ scope, sets: [{ source: key, version, edges }] }))
    },
    read: () => eventually(role.capabilities, async () => expectOne(await role.getNodes({ scope, keys: [key] }))),
    find: () =>
      eventually(role.capabilities, async () =>
        expectOne(await role.neighbors({ scope, starts: [key], direction: 'out', limit: 10 })),
      ),
    'clean up': () => role.dropSchema({ scope }),
  }),
  relational: (role, { scope, key, version }) => ({
    prepare: () => role.ensureTable({ scope, table: 'probe', columns: { name: { type: 'string', index: true } } }),
    write: async () =>
      expectApplied(
        await role.upsert({
          scope,
          table: 'probe',
          records: [{ key, documentId: 'probe', version, values: { name: 'probe' } }],
        }),
      ),
    read: () =>
      eventually(role.capabilities, async () => expectOne(await role.get({ scope, table: 'probe', keys: [key] }))),
    find: () =>
      eventually(role.capabilities, async () => {
        const page = await role.find({
          scope,
          table: 'probe',
          filter: { op: 'eq', path: 'name', value: 'probe' },
          limit: 10,
        })
        expectOne(page.records)
      }),
    'clean up': () => role.dropTable({ scope, table: 'probe' }),
  }),
}

/** Where a store declares that reads lag behind writes, asks again for ten times the declared delay. */
async function eventually(capabilities: RoleTypes[RoleName]['capabilities'], read: () => Promise<void>): Promise<void> {
  const delay = capabilities.readAfterWrite === 'eventual' ? (capabilities.visibilityDelayMs ?? 100) : 0
  for (let attempt = 1; ; attempt++) {
    try {
      return await read()
    } catch (error) {
      if (delay === 0 || attempt > 10) throw error
      await new Promise((resolve) => setTimeout(resolve, delay))
    }
  }
}

function expectApplied(result: {
  readonly outcomes: readonly { readonly status: string; readonly error?: VeritasError }[]
}): void {
  const bad = result.outcomes.find((o) => o.status !== 'applied')
  if (bad)
    throw (
      bad.error ?? new VeritasError({ code: 'INTERNAL', message: `The probe's record was answered "${bad.status}".` })
    )
}

function expectOne(found: readonly unknown[]): void {
  if (found.length !== 1)
    throw new VeritasError({ code: 'INTERNAL', message: `One record was written, ${found.length} came back.` })
}
