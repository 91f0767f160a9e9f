import type { StandardSchemaV1 } from '@standard-schema/spec'
import { invalid, type RoleName, VeritasError } from './errors.js'
import type { CallOptions } from './roles/common.js'
import type { GraphRole } from './roles/graph.js'
import type { RelationalRole } from './roles/relational.js'
import type { VectorRole } from './roles/vector.js'
import type { Services } from './services.js'

/** The contract that this copy of core speaks. */
export const CONTRACT_VERSION = 1

export interface RoleTypes {
  readonly vector: VectorRole
  readonly graph: GraphRole
  readonly relational: RelationalRole
}

/** The role interfaces of a backend: those in R for certain, others perhaps. */
export type RolesOf<R extends RoleName> = { readonly [K in R]: RoleTypes[K] } & Partial<RoleTypes>

/** What a server says of itself. */
export interface ProbeResult {
  /** The product, such as `PostgreSQL`. */
  readonly product: string
  /** Its version; `unknown` where it does not tell. */
  readonly version: string
}

/**
 * One connected database. It does not retry, time out, log or cache: the manager's interceptors do.
 * Role objects may be used after `connect` and before `close`; their capabilities, and whether there is a `unitOfWork`, may depend on
 * the server, and are final after `connect`.
 */
export interface Backend<R extends RoleName = never> {
  /** Tells engines apart: two backends with the same one write to the same database. Holds no secret. */
  readonly engineId: string
  readonly roles: RolesOf<R>
  /** Opens the connection or pool. Calling it again does nothing. @throws VeritasError CONNECTION, AUTHENTICATION */
  connect(options?: CallOptions): Promise<void>
  /** A real, cheap round trip. */
  probe(options?: CallOptions): Promise<ProbeResult>
  /** Waits for what is under way, then releases all it opened; an injected client stays open. Calling it again does nothing. */
  close(): Promise<void>
  /**
   * Runs `work` so that its writes of records through the given roles commit together, or not at all when it rejects.
   * Calls that change the schema (ensure…, drop…) are not part of it: they run beside it, or are refused with UNSUPPORTED.
   */
  unitOfWork?<T>(options: CallOptions, work: (roles: RolesOf<R>) => Promise<T>): Promise<T>
  /** What else this engine can do for the manager. */
  readonly services?: Services
}

/** What the manager tells a plugin when it makes a backend. */
export interface PluginContext {
  /** The roles that this backend will be asked for. */
  readonly roles: readonly RoleName[]
  /** How many connections a pool should hold, unless the plugin's own options say otherwise. */
  readonly poolSize: number
  /** How long the manager lets one call take, in milliseconds: for server-side limits, unless the plugin's own options say otherwise. */
  readonly queryTimeoutMs: number
}

/** A plugin of which nothing more is known than the contract. */
export interface AnyPlugin {
  /** Short and lower-case, such as `neo4j`. */
  readonly name: string
  /** The npm package that provides it. */
  readonly package: string
  /** The contract it was written for. */
  readonly contract: number
  /** Checks its options: zod, valibot, arktype or any other Standard Schema. Secrets come out of it as `Secret`. */
  readonly config: StandardSchemaV1
  readonly roles: readonly RoleName[]
  /** Makes a backend; connects nothing yet. */
  create(config: unknown, context: PluginContext): Backend
}

/** A database as a plugin: the default export of its package. */
export interface Plugin<Input, Config, R extends RoleName> extends AnyPlugin {
  readonly config: StandardSchemaV1<Input, Config>
  readonly roles: readonly R[]
  create(config: Config, context: PluginContext): Backend<R>
}

/** Declares a plugin; the types of config and roles follow from the values. */
export function definePlugin<Input, Config, const R extends RoleName>(
  plugin: Plugin<Input, Config, R>,
): Plugin<Input, Config, R> {
  if (!/^[a-z][a-z0-9-]*$/.test(plugin.name)) throw invalid('plugin.name', 'needs lower-case letters, digits and "-"')
  if (plugin.roles.length === 0) throw invalid('plugin.roles', 'needs at least one of vector, graph, relational')
  return Object.freeze(plugin)
}

/** Whether a value looks like a plugin, of whatever contract. */
export function isPlugin(value: unknown): value is AnyPlugin {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    typeof value.name === 'string' &&
    'contract' in value &&
    'roles' in value &&
    Array.isArray(value.roles) &&
    'create' in value &&
    typeof value.create === 'function' &&
    'config' in value &&
    typeof value.config === 'object' &&
    value.config !== null &&
    '~standard' in value.config
  )
}

/** Runs a Standard Schema. @throws VeritasError CONFIGURATION that lists every issue under `path` */
export async function validateConfig<C>(
  schema: StandardSchemaV1<unknown, C>,
  input: unknown,
  path: string,
): Promise<C> {
  const result = await schema['~standard'].validate(input)
  if (!result.issues) return result.value
  const lines = result.issues.map((issue) => {
    const at = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part))
    return { at: [path, ...at].filter(Boolean).join('.'), message: issue.message }
  })
  throw new VeritasError({
    code: 'CONFIGURATION',
    path: lines[0]?.at ?? path,
    message: lines.map((l) => `${l.at}: ${l.message}`).join('\n'),
  })
}
