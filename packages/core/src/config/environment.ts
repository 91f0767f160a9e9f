import { VeritasError } from '../contract/errors.js'
import { isPlainObject } from '../contract/values.js'

const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g

/**
 * Replaces `${NAME}` and `${NAME:-default}` in every text of a config by variables of the environment.
 * @throws VeritasError CONFIGURATION that names the path and the variable that is not set
 */
export function expandEnvironment(value: unknown, environment: NodeJS.ProcessEnv = process.env, path = ''): unknown {
  if (typeof value === 'string') {
    return value.replace(REFERENCE, (_, name: string, fallback: string | undefined) => {
      const found = environment[name] ?? fallback
      if (found === undefined)
        throw new VeritasError({
          code: 'CONFIGURATION',
          path,
          message: `${path}: the environment variable ${name} is not set. Set it, or give a default: \${${name}:-value}`,
        })
      return found
    })
  }
  if (Array.isArray(value)) return value.map((item, i) => expandEnvironment(item, environment, `${path}[${i}]`))
  // Plugins, embedders and clients are objects of their own and stay as they are.
  if (!isPlainObject(value) || typeof value.create === 'function' || typeof value.embed === 'function') return value
  return Object.fromEntries(
    Object.entries(value).map(([field, item]) => [
      field,
      expandEnvironment(item, environment, path === '' ? field : `${path}.${field}`),
    ]),
  )
}
