import { placesOf } from './places.ts'
import { readState, type ServerState } from './state.ts'
import type { ServerDefinition } from './types.ts'

/** The variables that a server is reached by; the first one says where it is. */
export const variablesOf = (server: ServerDefinition): string[] => Object.keys(server.env(server.ports))

/** The variables of a server that somebody has set. */
export const setByUser = (
  server: ServerDefinition,
  environment: NodeJS.ProcessEnv = process.env,
): Record<string, string> => {
  const found: Record<string, string> = {}
  for (const name of variablesOf(server)) {
    const value = environment[name]
    if (value) found[name] = value
  }
  return found
}

/**
 * Whether a server belongs to the user: a variable of it is set, to something else than we would say ourselves.
 * (What `eval "$(npm run -s servers -- env)"` has set names our own servers, and must not keep us from stopping them.)
 */
export const isExternal = (
  server: ServerDefinition,
  state: ServerState | undefined,
  environment: NodeJS.ProcessEnv = process.env,
): boolean => {
  const ours = server.env(state?.ports ?? server.ports)
  return Object.entries(setByUser(server, environment)).some(([name, value]) => ours[name] !== value)
}

export const stateOf = async (server: ServerDefinition): Promise<ServerState | undefined> =>
  readState((await placesOf(server)).state)
