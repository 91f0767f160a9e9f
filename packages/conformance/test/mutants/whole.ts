import { type Backend, VeritasError } from '@veritas-db/core/contract'
import { Engine } from '../memory/engine.js'
import { memoryBackend } from '../memory/index.js'
import { laggingBackend } from '../memory/lagging.js'
import type { Mutant } from './mutant.js'

const whole = (suite: string, name: string, backend: (right: Backend) => Backend): Mutant => ({ name, suite, backend })

/** Defects of a backend as a whole. */
export const wholeMutants: readonly Mutant[] = [
  whole('lifecycle', 'close fails the second time', (right) => {
    let closed = false
    return {
      ...right,
      async close() {
        if (closed) throw new VeritasError({ code: 'INTERNAL', message: 'closed already' })
        closed = true
        await right.close()
      },
    }
  }),
  whole('lifecycle', 'usable after close', (right) => ({ ...right, close: async () => undefined })),
  whole('lifecycle', 'another kind of error after close', (right) => {
    let closed = false
    const { vector } = right.roles
    return {
      ...right,
      roles: {
        ...right.roles,
        ...(vector && {
          vector: new Proxy(vector, {
            get(target, name) {
              if (closed && name === 'count') throw new TypeError('Cannot read properties of null')
              const value: unknown = Reflect.get(target, name)
              return typeof value === 'function' ? value.bind(target) : value
            },
          }),
        }),
      },
      async close() {
        closed = true
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
  whole('lifecycle', 'engineId tells connections apart', (right) => ({
    ...right,
    engineId: `memory:${++connections}`,
  })),
  whole('lifecycle', 'probe does not ask the server', (right) => ({
    ...right,
    probe: async () => ({ product: 'memory', version: '1' }),
  })),
  whole('lifecycle', 'probe says nothing', (right) => ({
    ...right,
    probe: async () => ({ product: '', version: '' }),
  })),
  whole('lifecycle', 'connect ignores the signal', (right) => ({ ...right, connect: () => right.connect() })),
  whole('lifecycle', 'close does not wait for what is under way', (right) => {
    const { vector } = right.roles
    let open = true
    return {
      ...right,
      roles: {
        ...right.roles,
        ...(vector && {
          vector: new Proxy(vector, {
            get(target, name) {
              const value: unknown = Reflect.get(target, name)
              if (typeof value !== 'function') return value
              if (name !== 'upsert') return value.bind(target)
              return async (options: unknown) => {
                if (open) await new Promise((resolve) => setTimeout(resolve, 5))
                return value.call(target, options)
              }
            },
          }),
        }),
      },
      async close() {
        open = false
        await right.close()
      },
    }
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
  {
    name: 'a message holds the password',
    suite: 'lifecycle',
    role: 'vector',
    methods: {
      count: (o, call) =>
        call(o).catch(() => {
          throw new VeritasError({ code: 'NOT_FOUND', message: 'nothing at db://user:hunter2@host/db' })
        }),
    },
  },
  whole('lifecycle', 'a role that was not declared', (right) => {
    const { graph: _, ...rest } = right.roles
    return { ...right, roles: rest }
  }),
  whole('lifecycle', 'limits without a number', (right) => {
    const { vector } = right.roles
    if (vector) Object.assign(vector, { capabilities: { ...vector.capabilities, limits: { batchRecords: 0 } } })
    return right
  }),

  whole('unit-of-work', 'nothing is rolled back', (right) => ({
    ...right,
    unitOfWork: (_options, work) => work(right.roles),
  })),
  whole('unit-of-work', 'one role does not take part', (right) => ({
    ...right,
    unitOfWork: (options, work) =>
      right.unitOfWork?.(options, (roles) =>
        work({ ...roles, ...(right.roles.graph && { graph: escaped(right) }) }),
      ) as never,
  })),
  whole('unit-of-work', 'a failure is swallowed', (right) => ({
    ...right,
    unitOfWork: (options, work) => right.unitOfWork?.(options, work).catch(() => undefined) as never,
  })),
  whole('unit-of-work', 'the value is lost', (right) => ({
    ...right,
    unitOfWork: (async (options: object, work: () => Promise<unknown>) => {
      await right.unitOfWork?.(options, work)
    }) as NonNullable<Backend['unitOfWork']>,
  })),
  whole('unit-of-work', 'the signal is ignored', (right) => ({
    ...right,
    unitOfWork: (_options, work) => right.unitOfWork?.({}, work) as never,
  })),
  whole('unit-of-work', 'one unit at a time, the others fail', (right) => {
    let busy = false
    return {
      ...right,
      unitOfWork: (async (options: object, work: () => Promise<unknown>) => {
        if (busy) throw new VeritasError({ code: 'CONFLICT', message: 'a transaction is under way' })
        busy = true
        try {
          return await right.unitOfWork?.(options, work)
        } finally {
          busy = false
        }
      }) as NonNullable<Backend['unitOfWork']>,
    }
  }),

  ...(['vector', 'graph', 'relational'] as const).flatMap((role) => [
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
      const of = lagging.roles[role]
      if (!of) return lagging
      const deaf = new Proxy(of, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name)
          if (typeof value !== 'function' || name === 'check')
            return typeof value === 'function' ? value.bind(target) : value
          return ({ after: _, ...options }: { after?: string }) => value.call(target, options)
        },
      })
      return { ...lagging, roles: { ...lagging.roles, [role]: deaf } }
    }),
    whole(`${role}.consistency`, `${role}: eventual, and says neither how long nor how to wait`, () => {
      const lagging = laggingBackend({}, { delayMs: 20, tokens: false })
      const of = lagging.roles[role]
      if (of) Reflect.deleteProperty(of.capabilities, 'visibilityDelayMs')
      return lagging
    }),
  ]),
]

let connections = 0
const closed = new Set<string>()
const opened = new Set<string>()

/** A graph role that writes at once, whatever becomes of the unit. */
function escaped(right: Backend): NonNullable<Backend['roles']['graph']> {
  const outside = memoryBackend(new Engine())
  const { graph } = right.roles
  if (!graph || !outside.roles.graph) throw new Error('the memory backend has a graph')
  return new Proxy(graph, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (name === 'upsertNodes')
        return async (o: { nodes: readonly unknown[] }) => ({ outcomes: o.nodes.map(() => ({ status: 'applied' })) })
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
