import { VeritasError } from '../contract/errors.js'
import type { RoleCall } from '../interceptors/roles.js'
import type { Collection, Collections } from './collections.js'
import { RESERVED_PREFIX } from './system.js'

/**
 * The options of a call through a role's handle, as the role is to get them: reads see the collection's present incarnation.
 * @throws VeritasError CONFLICT for a write to a collection that the manager made
 */
export async function handleOptions(
  { role, operation, write, options }: RoleCall,
  collections: Collections,
): Promise<unknown> {
  if (typeof options !== 'object' || options === null || !('scope' in options)) return options
  const scope = options.scope as Partial<Collection['scope']> | undefined
  const name = scope?.collection
  if (typeof name !== 'string') return options
  const reserved = name.startsWith(RESERVED_PREFIX)
  const managed = reserved ? undefined : await collections.find(name)
  if (!managed && !reserved) return options
  if (write && operation !== 'raw')
    throw new VeritasError({
      code: 'CONFLICT',
      role,
      operation,
      message: `The collection "${name}" is managed: a write to one store alone would leave the others behind. Use storeDocument() and deleteDocument(), or a collection of your own.`,
    })
  return managed ? { ...options, scope: { ...managed.scope, ...scope } } : options
}
