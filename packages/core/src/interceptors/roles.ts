import type { RoleName } from '../contract/errors.js'
import type { RoleTypes } from '../contract/plugin.js'
import type { Call, Interceptor } from './chain.js'

const READS: ReadonlySet<string> = new Set([
  'listCollections',
  'get',
  'query',
  'count',
  'scan',
  'searchText',
  'getNodes',
  'getEdges',
  'findNodes',
  'neighbors',
  'shortestPath',
  'scanNodes',
  'scanEdges',
  'find',
  'digest',
])
/** Whether a method of a role leaves what is stored as it is. */
export function isRead(operation: string): boolean {
  return READS.has(operation)
}

const NOT_IDEMPOTENT: ReadonlySet<string> = new Set(['raw', 'transaction'])

/** What one method call of a role is, before it is made. */
export type RoleCall = Call & { readonly role: RoleName; readonly options: unknown }

/**
 * A role whose every asynchronous method goes through the interceptors. Properties and `check`, which is pure, stay as they are.
 * `before` sees each call first and may replace its options, or throw.
 */
export function interceptRole<R extends RoleName>(
  name: R,
  role: RoleTypes[R],
  backend: string,
  intercept: Interceptor,
  before: (call: RoleCall) => Promise<unknown> | unknown = (call) => call.options,
): RoleTypes[R] {
  const wrapped = new Map<PropertyKey, unknown>()
  return new Proxy(role, {
    get(target, property) {
      const cached = wrapped.get(property)
      if (cached !== undefined) return cached
      const value: unknown = Reflect.get(target, property, target)
      if (typeof value !== 'function' || typeof property !== 'string') return value
      // Bound, since a role's private fields are not the proxy's.
      if (property === 'check') return value.bind(target)
      const method = async (options: object = {}, ...rest: readonly unknown[]): Promise<unknown> => {
        const signal = 'signal' in options && options.signal instanceof AbortSignal ? options.signal : undefined
        const call: Call & { role: RoleName } = {
          backend,
          role: name,
          operation: property,
          write: !isRead(property),
          idempotent: !NOT_IDEMPOTENT.has(property),
          ...(signal && { signal }),
        }
        const seen = await before({ ...call, options })
        return intercept(call, (inner) =>
          Reflect.apply(value, target, [inner ? { ...(seen as object), signal: inner } : seen, ...rest]),
        )
      }
      wrapped.set(property, method)
      return method
    },
  })
}
