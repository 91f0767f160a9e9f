import type { Backend, CallOptions, ReadOptions, RoleName } from '@veritas-db/core/contract'
import { Engine } from './engine.js'
import { type Declared, memoryBackend } from './index.js'

const WRITES = /^(upsert|upsertNodes|upsertEdges|replaceEdges|patch|delete|deleteByDocument|deleteNodes|deleteEdges)$/
const READS =
  /^(get|query|count|scan|searchText|find|getNodes|getEdges|findNodes|neighbors|shortestPath|scanNodes|scanEdges|digest)$/

/** How a lagging backend shows its writes: after some time, and, with `tokens`, to reads that carry the write's token. */
export interface Lag {
  readonly delayMs: number
  readonly tokens: boolean
}

type Call = (options: CallOptions & Partial<ReadOptions>) => Promise<unknown>

/** A backend whose reads see writes later, as many cloud services do: writes go to one engine at once, to the one that is read later. */
export function laggingBackend(
  declared: Declared,
  lag: Lag,
  declaredAs: 'eventual' | 'immediate' = 'eventual',
): Backend {
  const capabilities =
    declaredAs === 'eventual'
      ? { readAfterWrite: 'eventual' as const, ...(!lag.tokens && { visibilityDelayMs: lag.delayMs }) }
      : {}
  const all: Declared = {
    ...declared,
    vector: { ...declared.vector, ...capabilities },
    graph: { ...declared.graph, ...capabilities },
    relational: { ...declared.relational, ...capabilities },
    unitOfWork: false,
  }
  const fresh = memoryBackend(new Engine(), all)
  const visible = memoryBackend(new Engine(), all)
  const queue: { readonly at: number; readonly number: number; run(): Promise<unknown> }[] = []
  let written = 0

  /** Lets those writes through that are due, or that the token covers. */
  async function drain(token: string | undefined): Promise<void> {
    const covered = token === undefined ? -1 : Number(token)
    while (queue[0] && (queue[0].at <= performance.now() || queue[0].number <= covered)) await queue.shift()?.run()
  }

  const role = <R extends object>(now: R, later: R): R =>
    new Proxy(now, {
      get(target, name) {
        const method: unknown = Reflect.get(target, name)
        if (typeof method !== 'function' || name === 'check')
          return typeof method === 'function' ? method.bind(target) : method
        const call = method.bind(target) as Call
        const callLater = (Reflect.get(later, name) as Call).bind(later)
        if (WRITES.test(String(name)))
          return async (options: CallOptions) => {
            const result = (await call(options)) as object
            written++
            const number = written
            const { signal: _, ...rest } = options
            queue.push({ at: performance.now() + lag.delayMs, number, run: () => callLater(rest) })
            return lag.tokens ? { ...result, token: String(number) } : result
          }
        if (READS.test(String(name)))
          return async (options: ReadOptions) => {
            await drain(options.after)
            return callLater(options)
          }
        return async (options: CallOptions) => {
          await drain(String(written))
          await call(options)
          return callLater(options)
        }
      },
    })

  const names: readonly RoleName[] = declared.roles ?? ['vector', 'graph', 'relational']
  const { vector, graph, relational } = fresh.roles
  return {
    ...fresh,
    roles: {
      ...(names.includes('vector') && vector && visible.roles.vector && { vector: role(vector, visible.roles.vector) }),
      ...(names.includes('graph') && graph && visible.roles.graph && { graph: role(graph, visible.roles.graph) }),
      ...(names.includes('relational') &&
        relational &&
        visible.roles.relational && { relational: role(relational, visible.roles.relational) }),
    },
    async connect(options) {
      await fresh.connect(options)
      await visible.connect(options)
    },
    async close() {
      await fresh.close()
      await visible.close()
    },
  }
}
