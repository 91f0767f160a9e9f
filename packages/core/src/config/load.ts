import path from 'node:path'
import { VeritasError } from '../contract/errors.js'
import type { VeritasConfig } from './types.js'

export interface LoadedConfig {
  readonly config: VeritasConfig
  /** The file it came from; absent where there was none. */
  readonly file?: string
}

/**
 * Reads `veritas.config.{ts,mjs,js,json}` in a folder, or the named file.
 * @throws VeritasError CONFIGURATION where the file that was named is not there, or does not load
 */
export async function loadConfig(
  options: { readonly folder?: string; readonly file?: string } = {},
): Promise<LoadedConfig> {
  const cwd = path.resolve(options.folder ?? process.cwd())
  const { loadConfig: load } = await import('c12')
  const found = await load<VeritasConfig>({
    cwd,
    name: 'veritas',
    ...(options.file !== undefined && { configFile: path.resolve(cwd, options.file) }),
    configFileRequired: options.file !== undefined,
    rcFile: false,
    globalRc: false,
    packageJson: false,
    envName: false,
    extend: false,
    giget: false,
    // One source only: plugins and embedders in it must not be copied by a deep merge.
    merger: (...sources) =>
      sources.find((source) => source !== null && source !== undefined && Object.keys(source).length > 0) ?? {},
  }).catch((cause: unknown) => {
    throw new VeritasError({
      code: 'CONFIGURATION',
      message: `The config ${options.file ?? `in ${cwd}`} could not be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    })
  })
  const file = found.layers?.length ? found.configFile : undefined
  return { config: found.config, ...(file !== undefined && { file }) }
}
