import { isDeepStrictEqual } from 'node:util'
import { ReplicatedBackend } from '../composite/replicas.js'
import { checkOptions } from '../config/explain.js'
import type { BackendConfig, ResolvedConfig } from '../config/types.js'
import { type RoleName, VeritasError } from '../contract/errors.js'
import type { AnyPlugin, Backend, RolesOf, RoleTypes } from '../contract/plugin.js'
import { Secret } from '../contract/secret.js'
import { isPlainObject } from '../contract/values.js'
import type { Events } from '../events.js'
import { type BreakerState, breaker } from '../interceptors/breaker.js'
import { bulkhead } from '../interceptors/bulkhead.js'
import { type Call, chain, type Interceptor } from '../interceptors/chain.js'
import { describeErrors, hideSecrets } from '../interceptors/errors.js'
import { retry } from '../interceptors/retry.js'
import { telemetry } from '../interceptors/telemetry.js'
import { timeout } from '../interceptors/timeout.js'
import { resolvePlugin } from '../registry/resolve.js'

export const ROLES: readonly RoleName[] = ['relational', 'graph', 'vector']
const EMBEDDED: BackendConfig = { type: 'sqlite' }

/** One configured database with its interceptors. */
export interface ConnectedBackend {
  /** The plugin's name. */
  readonly name: string
  readonly backend: Backend
  readonly roles: readonly RoleName[]
  readonly intercept: Interceptor
  breakerState(): BreakerState
  /** A message without the backend's secrets. */
  describe(message: string): string
}

/** Which backend serves which role. */
export type RoleTable = { readonly [R in RoleName]?: ConnectedBackend }

/** Makes the configured backends, one for all roles that name the same database. Connects nothing yet. @throws VeritasError CONFIGURATION */
export async function createBackends(
  config: ResolvedConfig,
  from: readonly string[],
  events: Events,
): Promise<readonly ConnectedBackend[]> {
  const named = ROLES.some((role) => config[role] !== undefined)
  const fallback = config.backend ?? (named ? undefined : EMBEDDED)
  const wanted: { plugin: AnyPlugin; instances: readonly Readonly<Record<string, unknown>>[]; roles: RoleName[] }[] = []
  for (const role of ROLES) {
    const entry = config[role] ?? fallback
    const list = entry === undefined ? [] : [entry].flat().filter((e) => e.enabled !== false)
    const [primary, ...others] = list
    if (primary === undefined) continue
    const plugin = await resolvePlugin(primary.type, { role, from })
    for (const [i, other] of others.entries())
      if ((await resolvePlugin(other.type, { role, from })) !== plugin)
        throw new VeritasError({
          code: 'CONFIGURATION',
          path: `${role}[${i + 1}].type`,
          message: `${role}[${i + 1}].type: instances of one role are of one database; the first is ${plugin.name}.`,
        })
    const instances = list.flatMap((e) => [e.config ?? {}, ...(e.replicas ?? [])])
    const same = wanted.find((w) => w.plugin === plugin && isDeepStrictEqual(w.instances, instances))
    if (same) same.roles.push(role)
    else wanted.push({ plugin, instances, roles: [role] })
  }
  if (wanted.length === 0)
    throw new VeritasError({
      code: 'CONFIGURATION',
      message: 'Every role is disabled: enable at least the relational one, which holds the documents.',
    })
  const { poolSize, queryTimeoutMs, breakerThreshold, breakerResetMs } = config.performance
  return Promise.all(
    wanted.map(async ({ plugin, instances, roles }) => {
      const checked = await Promise.all(
        instances.map((options, i) =>
          checkOptions(plugin.config, options, `${roles[0]}.${i === 0 ? 'config' : `replicas[${i - 1}]`}`),
        ),
      )
      const made = checked.map((options) => plugin.create(options, { roles, poolSize, queryTimeoutMs }))
      const [primary, ...replicas] = made
      if (primary === undefined)
        throw new VeritasError({ code: 'INTERNAL', message: `${plugin.package} made no backend.` })
      const limits = {
        threshold: breakerThreshold,
        resetMs: breakerResetMs,
        attemptMs: Math.ceil(queryTimeoutMs / made.length),
      }
      const backend = replicas.length > 0 ? new ReplicatedBackend(primary, replicas, limits) : primary
      return connectable(plugin, backend, roles, checked, config, events)
    }),
  )
}

function connectable(
  plugin: AnyPlugin,
  backend: Backend,
  roles: readonly RoleName[],
  options: unknown,
  config: ResolvedConfig,
  events: Events,
): ConnectedBackend {
  for (const role of roles)
    if (backend.roles[role] === undefined)
      throw new VeritasError({
        code: 'INTERNAL',
        backend: plugin.name,
        role,
        message: `${plugin.package} declares the role ${role} and does not provide it.`,
      })
  const performance = config.performance
  const circuit = breaker({
    backend: plugin.name,
    threshold: performance.breakerThreshold,
    resetMs: performance.breakerResetMs,
    onChange: (state) => events.emit('breaker', { backend: plugin.name, state }),
  })
  const hide = hideSecrets(secretsIn(options))
  const describe = describeErrors(hide)
  const intercept = chain([
    telemetry,
    describe,
    bulkhead(performance.poolSize),
    retry({ retries: performance.retries, delayMs: performance.retryDelayMs }),
    circuit.intercept,
    timeout(performance.queryTimeoutMs),
    // Innermost, so that retry and breaker see native errors already mapped.
    describe,
    connectFirst(backend),
  ])
  return { name: plugin.name, backend, roles, intercept, breakerState: circuit.state, describe: hide }
}

/** Connects before the first call, and again before the next where that failed: a database that was down at the start joins later. */
function connectFirst(backend: Backend): Interceptor {
  let connected: Promise<void> | undefined
  return async (call, next) => {
    connected ??= backend.connect().catch((error: unknown) => {
      connected = undefined
      throw error
    })
    await connected
    return next(call.signal)
  }
}

function secretsIn(value: unknown): Secret[] {
  if (value instanceof Secret) return [value]
  if (Array.isArray(value)) return value.flatMap(secretsIn)
  return isPlainObject(value) ? Object.values(value).flatMap(secretsIn) : []
}

/** Runs `work` with the backend's roles, in one unit of work where the backend offers it and more than one role takes part. */
export function withRoles<T>(
  connected: ConnectedBackend,
  operation: string,
  signal: AbortSignal | undefined,
  work: (roles: Partial<RoleTypes>, signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  const call: Call = { backend: connected.name, operation, write: true, idempotent: true, ...(signal && { signal }) }
  return connected.intercept(call, (inner) => {
    const { backend } = connected
    if (backend.unitOfWork === undefined) return work(backend.roles, inner)
    return backend.unitOfWork(inner ? { signal: inner } : {}, (roles: RolesOf<never>) => work(roles, inner))
  })
}
