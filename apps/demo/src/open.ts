import path from 'node:path'
import { type DatabaseManager, openDatabase } from '@veritas-db/core'
import { assign, configOf, databaseNames, embeddedConfig, serversOf } from './backends.js'
import type { Options } from './options.js'
import { APP, CACHE, displayPath } from './places.js'
import { serverEnvironment, startServers } from './servers.js'

export interface Opened {
  readonly db: DatabaseManager
  /** Where the data are, as a person would say it. */
  readonly where: string
}

/**
 * Opens the databases that the options name; without any, one embedded file. Servers are started where needed.
 * @param say tells the user what takes long
 */
export async function open(options: Options, say: (line: string) => void, signal: AbortSignal): Promise<Opened> {
  const { config, backends } = options
  if (config !== undefined) {
    const file = path.resolve(config)
    return { db: await openDatabase({ file }, { from: APP }), where: `composed by ${displayPath(file)}` }
  }
  if (backends === undefined)
    return {
      db: await openDatabase(embeddedConfig(), { from: APP }),
      where: path.join(displayPath(CACHE), 'demo.db'),
    }
  const assignment = assign(databaseNames(backends))
  const servers = serversOf(assignment)
  if (servers.length > 0) say(`Starting ${servers.join(', ')} where not running …`)
  await startServers(servers, signal)
  const env = servers.length > 0 ? await serverEnvironment(signal) : process.env
  const { vector, graph, relational } = assignment
  return {
    db: await openDatabase(configOf(assignment, env), { from: APP }),
    where: `vector ${vector}, graph ${graph}, relational ${relational}`,
  }
}
