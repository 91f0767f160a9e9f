import { type Backend, type RoleName, validateConfig } from '@veritas-db/core/contract'
import type { ConformanceOptions } from './options.js'

/** The configuration as the caller gave it, or as the caller's function makes it. */
export async function configOf(options: ConformanceOptions): Promise<unknown> {
  return typeof options.config === 'function' ? options.config() : (options.config ?? {})
}

export function rolesOf(options: ConformanceOptions): readonly RoleName[] {
  return options.roles ?? options.plugin?.roles ?? []
}

export function nameOf(options: ConformanceOptions): string {
  return options.name ?? options.plugin?.name ?? 'backend'
}

/** Makes a backend, not connected. */
export async function makeBackend(options: ConformanceOptions): Promise<Backend> {
  const { plugin } = options
  if (!plugin) return options.open()
  const config = await validateConfig(plugin.config, await configOf(options), plugin.name)
  return plugin.create(config, { roles: rolesOf(options), poolSize: 10, queryTimeoutMs: options.timeoutMs ?? 30_000 })
}
