import path from 'node:path'
import { expandEnvironment } from './config/environment.js'
import { checkOptions } from './config/explain.js'
import type { VeritasConfig } from './config/types.js'
import type { DatabaseManager } from './manager.js'

export interface OpenOptions {
  /**
   * Folders from which backends are looked up, after the config file's (or the current) folder: an application whose own
   * dependencies the backends are gives its own folder.
   */
  readonly from?: string | readonly string[]
}

/**
 * Opens a database. Without a config it reads `veritas.config.{ts,mjs,js,json}` of the current folder, and where there is none,
 * one embedded SQLite file serves all three roles.
 * @param config the settings, or `{ file }` to read them from a file
 * @throws VeritasError CONFIGURATION that names each mistake's path; CONNECTION or AUTHENTICATION where the authority refuses
 */
export async function openDatabase(
  config?: VeritasConfig | { readonly file: string },
  options: OpenOptions = {},
): Promise<DatabaseManager> {
  const [{ configSchema }, { DatabaseManager }] = await Promise.all([
    import('./config/schema.js'),
    import('./manager.js'),
  ])
  let input: unknown = config
  let folder = process.cwd()
  if (config === undefined || isFile(config)) {
    const { loadConfig } = await import('./config/load.js')
    const loaded = await loadConfig(config)
    input = loaded.config
    if (loaded.file !== undefined) folder = path.dirname(loaded.file)
  }
  const resolved = await checkOptions(configSchema, expandEnvironment(input), '')
  return DatabaseManager.open(resolved, [folder, ...[options.from ?? []].flat()])
}

function isFile(config: object): config is { readonly file: string } {
  return 'file' in config && typeof config.file === 'string'
}
