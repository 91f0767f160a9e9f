import { z } from 'zod'
import { type AnyPlugin, type Backend, type RoleName, secret, unsupported } from '../src/contract/index.js'

/** A plugin that connects to nothing, for tests of what surrounds backends. */
export function emptyPlugin(
  overrides: { name?: string; contract?: number; roles?: readonly RoleName[]; create?: () => Backend } = {},
): AnyPlugin {
  return {
    name: overrides.name ?? 'empty',
    package: `veritas-${overrides.name ?? 'empty'}`,
    contract: overrides.contract ?? 1,
    roles: overrides.roles ?? ['relational'],
    config: z.strictObject({
      path: z.string().optional(),
      password: z.string().transform(secret).optional(),
      pool: z.strictObject({ size: z.number().optional() }).optional(),
    }),
    create:
      overrides.create ??
      (() => {
        throw unsupported('empty', 'relational', 'anything')
      }),
  }
}
