import type { VeritasConfig } from '../config/types.js'
import { VeritasError } from '../contract/errors.js'
import { type ConnectedBackend, ROLES } from './backends.js'

/** Without a journal only roles that one engine commits together are safe; anything else must be asked for. */
export function refuseUnsafeMix(config: VeritasConfig, backends: readonly ConnectedBackend[]): void {
  if (config.journal === false) return
  const engines = new Set(backends.map((b) => b.backend.engineId))
  const [first] = backends
  const together =
    backends.length === 1 &&
    engines.size === 1 &&
    (first?.roles.length === 1 || first?.backend.unitOfWork !== undefined)
  if (together) return
  const mix = ROLES.flatMap((role) =>
    backends.filter((b) => b.roles.includes(role)).map((b) => `${role}: ${b.name}`),
  ).join(', ')
  const instead =
    engines.size === 1
      ? `use a ${first?.name} that has transactions`
      : 'let one engine that has transactions serve all roles'
  throw new VeritasError({
    code: 'CONFIGURATION',
    path: 'journal',
    message: `These roles are not committed together (${mix}), and there is no journal yet: a crash or an outage between two stores would leave them different until the document is stored again. Accept that with journal: false, or ${instead}.`,
  })
}
