import { homedir } from 'node:os'
import path from 'node:path'
import { ServerError } from './errors.ts'
import type { ServerDefinition } from './types.ts'

/** The cache folder: everything that is installed, and all data and state. */
export const cacheFolder = (environment: NodeJS.ProcessEnv = process.env): string =>
  path.resolve(
    environment.VERITAS_SERVERS_DIR ||
      path.join(environment.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'veritas', 'servers'),
  )

/**
 * The name of a second set of servers beside the usual one, with data, ports and logs of their own and the same programs: for
 * tests that kill theirs.
 */
export const instanceName = (environment: NodeJS.ProcessEnv = process.env): string | undefined => {
  const name = environment.VERITAS_SERVERS_INSTANCE
  if (!name) return undefined
  if (/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) return name
  throw new ServerError('VERITAS_SERVERS_INSTANCE needs lower-case letters, digits and single "-"')
}

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
  const base = path.join(cacheFolder(), server.name)
  const instance = instanceName()
  const own = (folder: string): string => (instance ? path.join(folder, 'instances', instance) : folder)
  const folder = own(base)
  const home = (await server.home?.(base)) ?? base
  return {
    folder,
    install: path.join(home, `install-${server.version}-${server.recipe ?? 1}`),
    // Another version may not read this one's files, so each has its own.
    data: path.join(own(home), `data-${server.version}`),
    log: path.join(folder, 'server.log'),
    prepareLog: path.join(folder, 'prepare.log'),
    state: path.join(folder, 'state.json'),
    lock: path.join(folder, 'lock'),
  }
}
