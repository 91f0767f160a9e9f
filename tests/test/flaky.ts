import type { AnyPlugin, Backend, RoleName } from '@veritas-db/core'
import sqlite from '@veritas-db/sqlite'

/** What one flaky database does at a call: pass it on, or throw. */
export type Fault = (operation: string, options: unknown) => Promise<void> | void

/** SQLite in memory under another name, whose every role method first asks `fault`. Each instance is an engine of its own. */
export function flaky(
  name: string,
  fault: Fault,
  roles: readonly RoleName[] = ['vector', 'graph', 'relational'],
): AnyPlugin {
  return {
    name,
    package: `test-${name}`,
    contract: 1,
    config: sqlite.config,
    roles,
    create(config, context) {
      const inner: Backend = sqlite.create(config as Parameters<typeof sqlite.create>[0], context)
      const { vector, graph, relational } = inner.roles
      return {
        engineId: `${name} ${inner.engineId}`,
        roles: {
          ...(vector && { vector: watched(vector, fault) }),
          ...(graph && { graph: watched(graph, fault) }),
          ...(relational && { relational: watched(relational, fault) }),
        },
        connect: async (options) => {
          await fault('connect', options)
          await inner.connect(options)
        },
        probe: async (options) => {
          await fault('probe', options)
          return inner.probe(options)
        },
        close: () => inner.close(),
      }
    },
  }
}

function watched<R extends object>(role: R, fault: Fault): R {
  return new Proxy(role, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target)
      if (typeof value !== 'function' || property === 'check') return value
      return async (options: unknown, ...rest: readonly unknown[]) => {
        await fault(String(property), options)
        return Reflect.apply(value, target, [options, ...rest])
      }
    },
  })
}
