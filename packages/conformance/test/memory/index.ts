import {
  type Backend,
  type CallOptions,
  CONTRACT_VERSION,
  definePlugin,
  type evaluateFilter,
  type GraphCapabilities,
  type Plugin,
  type RelationalCapabilities,
  type RoleName,
  type RolesOf,
  throwIfAborted,
  type VectorCapabilities,
} from '@veritas-db/core/contract'
import { z } from 'zod'
import { Engine, Session } from './engine.js'
import { GRAPH, MemoryGraph } from './graph.js'
import { MemoryRelational, RELATIONAL } from './relational.js'
import { MemoryVector, VECTOR } from './vector.js'

/** What a backend declares, where it differs from the full one. */
export interface Declared {
  readonly roles?: readonly RoleName[]
  readonly vector?: Partial<VectorCapabilities>
  readonly graph?: Partial<GraphCapabilities>
  readonly relational?: Partial<RelationalCapabilities>
  readonly unitOfWork?: boolean
  /** A broken evaluator of filters, to see whether the kit notices. */
  readonly evaluate?: typeof evaluateFilter
}

/** A connection to an engine in memory; `make` makes its roles, for use inside a unit of work or outside. */
function connection<R extends RoleName>(
  engine: Engine,
  session: Session,
  unitOfWork: boolean,
  make: (inside: boolean) => RolesOf<R>,
): Backend<R> {
  return {
    engineId: engine.id,
    roles: make(false),
    async connect(options = {}) {
      throwIfAborted(options.signal)
      session.open()
    },
    probe: (options = {}) => session.run(options, true, () => ({ product: 'memory', version: '1.0.0' })),
    close: () => session.close(),
    ...(unitOfWork && {
      async unitOfWork<T>(options: CallOptions, work: (roles: RolesOf<R>) => Promise<T>): Promise<T> {
        throwIfAborted(options.signal)
        return engine.exclusive(() => work(make(true)))
      },
    }),
  }
}

/** A connection with the roles and capabilities that are declared. */
export function memoryBackend(engine: Engine, declared: Declared = {}): Backend {
  const session = new Session(engine, declared.evaluate)
  const names = declared.roles ?? ['vector', 'graph', 'relational']
  return connection<never>(engine, session, declared.unitOfWork ?? true, (inside) => ({
    ...(names.includes('vector') && { vector: new MemoryVector(session, { ...VECTOR, ...declared.vector }, inside) }),
    ...(names.includes('graph') && { graph: new MemoryGraph(session, { ...GRAPH, ...declared.graph }, inside) }),
    ...(names.includes('relational') && {
      relational: new MemoryRelational(session, { ...RELATIONAL, ...declared.relational }, inside),
    }),
  }))
}

const engines = new Map<string, Engine>()

/** The reference backend as a plugin: written from the contract alone, for tests. Backends of one `name` share an engine. */
export const memory: Plugin<{ name: string }, { name: string }, 'vector' | 'graph' | 'relational'> = definePlugin({
  name: 'memory',
  package: '@veritas-db/memory',
  contract: CONTRACT_VERSION,
  config: z.strictObject({ name: z.string() }),
  roles: ['vector', 'graph', 'relational'],
  create(config) {
    const engine = engines.get(config.name) ?? new Engine()
    engines.set(config.name, engine)
    const session = new Session(engine)
    return connection(engine, session, true, (inside) => ({
      vector: new MemoryVector(session, VECTOR, inside),
      graph: new MemoryGraph(session, GRAPH, inside),
      relational: new MemoryRelational(session, RELATIONAL, inside),
    }))
  },
})
