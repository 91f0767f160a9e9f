import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { type RoleName, VeritasError } from '../contract/errors.js'
import { type AnyPlugin, CONTRACT_VERSION, isPlugin } from '../contract/plugin.js'
import { installCommand } from './install-hint.js'
import { ALIASES, BUILT_IN } from './names.js'
import { didYouMean } from './nearest.js'

export interface ResolvePluginOptions {
  /** The role that asks, for messages. */
  readonly role: RoleName
  /** The folders from which packages are looked up, in order; paths are relative to the first. Default the current one. */
  readonly from?: readonly string[]
}

/**
 * Finds the plugin behind a `type`: a plugin itself, a short name, an alias, a package, or a path. Imports that one module and nothing else.
 * @throws VeritasError CONFIGURATION where it is missing, is no plugin, speaks another contract, or lacks the role
 */
export async function resolvePlugin(type: string | AnyPlugin, options: ResolvePluginOptions): Promise<AnyPlugin> {
  const plugin = typeof type === 'string' ? await importPlugin(type, options) : type
  if (!isPlugin(plugin))
    throw configuration(
      options.role,
      `${options.role}.type: the object given is no plugin: make one with definePlugin() from @veritas-db/core/contract.`,
    )
  checkContract(plugin)
  if (!plugin.roles.includes(options.role))
    throw configuration(
      options.role,
      `${options.role}.type: ${plugin.name} serves ${plugin.roles.join(', ')}, not ${options.role}.`,
    )
  return plugin
}

async function importPlugin(type: string, options: ResolvePluginOptions): Promise<unknown> {
  const name = ALIASES[type] ?? type
  const specifier = BUILT_IN[name] ?? name
  const from = (options.from?.length ? options.from : [process.cwd()]).map((folder) => path.resolve(folder))
  const url = await locate(specifier, from)
  if (url === undefined) throw await missing(type, specifier, options.role, from[0] ?? '.')
  let module: unknown
  try {
    module = await import(url)
  } catch (cause) {
    throw new VeritasError({
      code: 'CONFIGURATION',
      role: options.role,
      path: `${options.role}.type`,
      message: `${options.role}.type: ${specifier} could not be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    })
  }
  const found =
    typeof module === 'object' && module !== null
      ? 'default' in module
        ? module.default
        : 'plugin' in module
          ? module.plugin
          : undefined
      : undefined
  if (found === undefined || !isPlugin(found))
    throw configuration(
      options.role,
      `${options.role}.type: ${specifier} is no VERITAS plugin: its default export must come from definePlugin().`,
    )
  return found
}

/** Looks from the given folders first, then from core's own place, as a module of either kind would be found. */
async function locate(specifier: string, from: readonly string[]): Promise<string | undefined> {
  if (specifier.startsWith('file:')) return specifier
  if (path.isAbsolute(specifier)) return pathToFileURL(specifier).href
  if (specifier.startsWith('.')) return pathToFileURL(path.resolve(from[0] ?? '.', specifier)).href
  const { resolveModuleURL } = await import('exsolve')
  return resolveModuleURL(specifier, {
    from: [...from.map((folder) => pathToFileURL(path.join(folder, 'veritas.js'))), import.meta.url],
    conditions: ['node', 'import', 'default'],
    try: true,
  })
}

async function missing(type: string, specifier: string, role: RoleName, from: string): Promise<VeritasError> {
  const known = [...Object.keys(BUILT_IN), ...Object.keys(ALIASES)]
  const looksLikePackage = specifier.includes('/') || specifier in BUILT_IN
  const hint = looksLikePackage ? '' : didYouMean(type, known)
  const advice = hint
    ? `${hint} Known types: ${Object.keys(BUILT_IN).join(', ')}; or the name of any package.`
    : ` Install it:\n  ${await installCommand(specifier, from)}`
  return configuration(role, `${role}.type: the package ${specifier} is not installed.${advice}`)
}

function checkContract(plugin: AnyPlugin): void {
  if (plugin.contract === CONTRACT_VERSION) return
  const older = plugin.contract < CONTRACT_VERSION ? plugin.package : '@veritas-db/core'
  throw new VeritasError({
    code: 'CONFIGURATION',
    backend: plugin.name,
    message: `${plugin.package} was made for contract ${plugin.contract}, @veritas-db/core speaks contract ${CONTRACT_VERSION}: upgrade ${older}.`,
  })
}

function configuration(role: RoleName, message: string): VeritasError {
  return new VeritasError({ code: 'CONFIGURATION', role, path: `${role}.type`, message })
}
