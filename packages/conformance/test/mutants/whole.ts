import {
  APPLIED,
  type Backend,
  type CallOptions,
  type RoleName,
  type RoleTypes,
  VeritasError,
} from '@veritas-db/core/contract'
import { Engine } from '../memory/engine.js'
import { memoryBackend } from '../memory/index.js'
import { laggingBackend } from '../memory/lagging.js'
import { brokenRole, type Change, type Mutant } from './mutant.js'

const whole = (suite: string, name: string, backend: (right: Backend) => Backend): Mutant => ({ name, suite, backend })

type Roles = Backend['roles']
type Unit = (
  options: CallOptions,
  work: (roles: Roles) => Promise<unknown>,
  original: (options: CallOptions, work: (roles: Roles) => Promise<unknown>) => Promise<unknown>,
) => Promise<unknown>

/** The backend with another unit of work. */
function withUnit(right: Backend, unit: Unit): Backend {
  const original = right.unitOfWork?.bind(right)
  if (!original) return right
  const changed = (options: CallOptions, work: (roles: Roles) => Promise<unknown>): Promise<unknown> =>
    unit(options, work, original)
  // What it resolves with is what the work resolved with, unless that is the defect.
  return { ...right, unitOfWork: changed as NonNullable<Backend['unitOfWork']> }
}

/** The roles with some methods of one changed. */
function withRole(roles: Roles, name: RoleName, methods: Readonly<Record<string, Change>>): Roles {
  const role: RoleTypes[RoleName] | undefined = roles[name]
  return role ? { ...roles, [name]: brokenRole(role, methods) } : roles
}

let connections = 0
const closed = new Set<string>()
const opened = new Set<string>()

const lifecycle: readonly Mutant[] = [
  whole('lifecycle', 'close fails the second time', (right) => {
    let done = false
    return {
      ...right,
      async close() {
        if (done) throw new VeritasError({ code: 'INTERNAL', message: 'closed already' })
        done = true
        await right.close()
      },
    }
  }),
  whole('lifecycle', 'usable after close', (right) => ({ ...right, close: async () => undefined })),
  whole('lifecycle', 'another kind of error after close', (right) => {
    let open = true
    const count: Change = (options, call) => {
      if (!open) throw new TypeError('Cannot read properties of null')
      return call(options)
    }
    return {
      ...right,
      roles: withRole(right.roles, 'vector', { count }),
      async close() {
        open = false
        await right.close()
      },
    }
  }),
  whole('lifecycle', 'connecting again fails', (right) => {
    let connected = false
    return {
      ...right,
      async connect(options) {
        if (connected) throw new VeritasError({ code: 'CONNECTION', message: 'connected already' })
        await right.connect(options)
        connected = true
      },
    }
  }),
  whole('lifecycle', 'engineId changes', (right) => ({
    ...right,
    get engineId() {
      return String(Math.random())
    },
  })),
  whole('lifecycle', 'engineId holds a password', (right) => ({ ...right, engineId: 'db://user:secret@host/db' })),
  whole('lifecycle', 'engineId tells connections apart', (right) => {
    connections++
    return { ...right, engineId: `memory:${connections}` }
  }),
  whole('lifecycle', 'probe does not ask the server', (right) => ({
    ...right,
    probe: async () => ({ product: 'memory', version: '1' }),
  })),
  whole('lifecycle', 'probe says nothing', (right) => ({
    ...right,
    async probe(options) {
      await right.probe(options)
      return { product: '', version: '' }
    },
  })),
  whole('lifecycle', 'connect ignores the signal', (right) => ({ ...right, connect: () => right.connect() })),
  whole('lifecycle', 'close does not wait for what is under way', (right) => {
    const upsert: Change = async (options, call) => {
      await new Promise((resolve) => setTimeout(resolve, 5))
      return call(options)
    }
    return { ...right, roles: withRole(right.roles, 'vector', { upsert }) }
  }),
  whole('lifecycle', 'closing one connection closes all', (right) => ({
    ...right,
    async connect(options) {
      await right.connect(options)
      closed.delete(right.engineId)
    },
    async probe(options) {
      if (closed.has(right.engineId)) throw new VeritasError({ code: 'CONNECTION', message: 'closed' })
      return right.probe(options)
    },
    async close() {
      closed.add(right.engineId)
      await right.close()
    },
  })),
  whole('lifecycle', 'a message holds the password', (right) => {
    const count: Change = (options, call) =>
      call(options).catch(() => {
        throw new VeritasError({ code: 'NOT_FOUND', message: 'nothing at db://user:hunter2@host/db' })
      })
    return { ...right, roles: withRole(right.roles, 'vector', { count }) }
  }),
  whole('lifecycle', 'a role that was declared is missing', (right) => {
    const { graph: _, ...roles } = right.roles
    return { ...right, roles }
  }),
  whole('lifecycle', 'limits without a number', (right) => {
    const { vector } = right.roles
    if (vector) Object.assign(vector, { capabilities: { ...vector.capabilities, limits: { batchRecords: 0 } } })
    return right
  }),
]

const units: readonly Mutant[] = [
  whole('unit-of-work', 'nothing is rolled back', (right) => withUnit(right, (_options, work) => work(right.roles))),
  whole('unit-of-work', 'one role does not take part', (right) => {
    const upsertNodes: Change = async (options) => ({ outcomes: (options.nodes ?? []).map(() => APPLIED) })
    return withUnit(right, (options, work, original) =>
      original(options, (roles) => work(withRole(roles, 'graph', { upsertNodes }))),
    )
  }),
  whole('unit-of-work', 'a failure is swallowed', (right) =>
    withUnit(right, (options, work, original) => original(options, work).catch(() => undefined)),
  ),
  whole('unit-of-work', 'the value is lost', (right) =>
    withUnit(right, async (options, work, original) => {
      await original(options, work)
    }),
  ),
  whole('unit-of-work', 'the signal is ignored', (right) =>
    withUnit(right, (_options, work, original) => original({}, work)),
  ),
  whole('unit-of-work', 'one unit at a time, the others fail', (right) => {
    let busy = false
    return withUnit(right, async (options, work, original) => {
      if (busy) throw new VeritasError({ code: 'CONFLICT', message: 'a transaction is under way' })
      busy = true
      try {
        return await original(options, work)
      } finally {
        busy = false
      }
    })
  }),
  whole('relational.transactions', 'relational: nothing is rolled back', (right) => {
    const transaction: Change = (_options, _call, _of, work) =>
      (work as (role: Roles['relational']) => Promise<unknown>)(right.roles.relational)
    return { ...right, roles: withRole(right.roles, 'relational', { transaction }) }
  }),
]

const consistency = (role: RoleName): readonly Mutant[] => [
  whole(`${role}.consistency`, `${role}: says immediate and is not`, () =>
    laggingBackend({}, { delayMs: 20, tokens: false }, 'immediate'),
  ),
  whole(`${role}.consistency`, `${role}: another connection sees another database`, (right) => {
    if (opened.has(`${role} ${right.engineId}`)) return memoryBackend(new Engine())
    opened.add(`${role} ${right.engineId}`)
    return right
  }),
  whole(`${role}.consistency`, `${role}: ignores the token`, () => {
    const lagging = laggingBackend({}, { delayMs: 50, tokens: true })
    const deaf: Change = ({ after: _, ...options }, call) => call(options)
    const reads = ['get', 'query', 'count', 'scan', 'getNodes', 'findNodes', 'scanNodes', 'find']
    const methods = Object.fromEntries(reads.map((name) => [name, deaf]))
    return { ...lagging, roles: withRole(lagging.roles, role, methods) }
  }),
  whole(`${role}.consistency`, `${role}: eventual, and says neither how long nor how to wait`, () => {
    const lagging = laggingBackend({}, { delayMs: 20, tokens: false })
    const of = lagging.roles[role]
    if (of) Reflect.deleteProperty(of.capabilities, 'visibilityDelayMs')
    return lagging
  }),
]

/** Defects of a backend as a whole. */
export const wholeMutants: readonly Mutant[] = [
  ...lifecycle,
  ...units,
  ...(['vector', 'graph', 'relational'] as const).flatMap(consistency),
]
