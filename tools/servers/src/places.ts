import { homedir } from 'node:os'
import path from 'node:path'
import type { ServerDefinition } from './types.ts'

/** The cache folder: everything that is installed, and all data and state. */
export const cacheFolder = (environment: NodeJS.ProcessEnv = process.env): string =>
  path.resolve(
    environment.VERITAS_SERVERS_DIR ||
      path.join(environment.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'veritas', 'servers'),
  )

export interface Places {
  readonly folder: string
  readonly install: string
  readonly data: string
  readonly log: string
  readonly prepareLog: string
  readonly state: string
  readonly lock: string
}

export const placesOf = async (server: ServerDefinition): Promise<Places> => {
  const folder = path.join(cacheFolder(), server.name)
  const home = (await server.home?.(folder)) ?? folder
  return {
    folder,
    install: path.join(home, `install-${server.version}-${server.recipe ?? 1}`),
    // Another version may not read this one's files, so each has its own.
    data: path.join(home, `data-${server.version}`),
    log: path.join(folder, 'server.log'),
    prepareLog: path.join(folder, 'prepare.log'),
    state: path.join(folder, 'state.json'),
    lock: path.join(folder, 'lock'),
  }
}
