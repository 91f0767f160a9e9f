import { createHash } from 'node:crypto'
import path from 'node:path'
import type { BackendConfig, RoleName, VeritasConfig } from '@veritas-db/core'
import { DemoError } from './errors.js'
import { CACHE } from './places.js'

/** Variables such as VERITAS_NEO4J_URL. */
export type Environment = Readonly<Record<string, string | undefined>>

interface Database {
  /** What it can be, its best first. */
  readonly roles: readonly RoleName[]
  readonly aliases?: readonly string[]
  /** Its options for these roles, from the variables that `npm run servers` prints. Absent for what needs no server. */
  readonly options?: (env: Environment, roles: readonly RoleName[]) => Readonly<Record<string, unknown>>
  /** The servers that it needs for these roles, by the names that `npm run servers` knows. Default one of its own name. */
  readonly servers?: (roles: readonly RoleName[]) => readonly string[]
}

/** The databases that `--backends` knows. Only those that are named are imported, by core. */
export const DATABASES: Readonly<Record<string, Database>> = {
  sqlite: { roles: ['relational', 'graph', 'vector'] },
  postgres: { roles: ['relational', 'vector', 'graph'], aliases: ['postgresql'], options: byUrl('POSTGRES') },
  mongo: {
    roles: ['relational', 'graph', 'vector'],
    aliases: ['mongodb'],
    // Few servers have vectors: those are named apart.
    options: (env, roles) => byUrl(roles.includes('vector') ? 'MONGO_SEARCH' : 'MONGO')(env),
    servers: (roles) => (roles.includes('vector') ? ['mongo', 'mongosearch'] : ['mongo']),
  },
  cozo: { roles: ['relational', 'graph', 'vector'], aliases: ['cozodb'], options: byUrl('COZO') },
  chroma: { roles: ['vector'], aliases: ['chromadb'], options: byUrl('CHROMA') },
  pinecone: {
    roles: ['vector'],
    options: (env) => ({ ...byUrl('PINECONE')(env), apiKey: env.VERITAS_PINECONE_API_KEY }),
  },
  weaviate: {
    roles: ['vector'],
    options: (env) => ({ ...byUrl('WEAVIATE')(env), grpc: env.VERITAS_WEAVIATE_GRPC }),
  },
  redis: { roles: ['vector'], options: byUrl('REDIS') },
  neo4j: { roles: ['graph', 'vector'], options: byUrl('NEO4J') },
  arango: { roles: ['graph', 'relational'], aliases: ['arangodb'], options: byUrl('ARANGO') },
  hugegraph: { roles: ['graph'], options: byUrl('HUGEGRAPH') },
  cayley: { roles: ['graph'], options: byUrl('CAYLEY') },
}

const ROLES: readonly RoleName[] = ['vector', 'graph', 'relational']

/** Which database serves which role. */
export type Assignment = Readonly<Record<RoleName, string>>

function byUrl(name: string): (env: Environment) => Readonly<Record<string, unknown>> {
  return (env) => ({ url: env[`VERITAS_${name}_URL`] })
}

/** The names as the table has them. @throws DemoError for one that is not there */
export function databaseNames(words: readonly string[]): string[] {
  const names = words.map((word) => {
    const lower = word.toLowerCase()
    const name = Object.keys(DATABASES).find((n) => n === lower || DATABASES[n]?.aliases?.includes(lower))
    if (name === undefined)
      throw new DemoError(
        'VALIDATION',
        `There is no database "${word}" here. There are: ${Object.keys(DATABASES).join(', ')}.`,
        'Try npm run demo -- --backends chroma,neo4j,postgres',
      )
    return name
  })
  return [...new Set(names)]
}

/**
 * Gives each role a database such that every one that was named has something to do, and each what it does best. Roles that
 * none of them can serve go to the embedded one.
 * @throws DemoError where two databases can only do the same
 */
export function assign(names: readonly string[]): Assignment {
  const cost = (name: string, role: RoleName): number => {
    const place = DATABASES[name]?.roles.indexOf(role) ?? -1
    return place < 0 ? Number.POSITIVE_INFINITY : place
  }
  const candidates = ROLES.map((role) => {
    const able = names.filter((name) => Number.isFinite(cost(name, role)))
    return able.length > 0 ? able : ['sqlite']
  })
  let best: { readonly assignment: Assignment; readonly cost: number } | undefined
  for (const vector of candidates[0] ?? [])
    for (const graph of candidates[1] ?? [])
      for (const relational of candidates[2] ?? []) {
        const assignment = { vector, graph, relational }
        if (!names.every((name) => ROLES.some((role) => assignment[role] === name))) continue
        const total = ROLES.reduce((sum, role) => sum + cost(assignment[role], role), 0)
        if (!best || total < best.cost) best = { assignment, cost: total }
      }
  if (best) return best.assignment
  const can = names.map((name) => `${name} (${DATABASES[name]?.roles.join(', ')})`).join(', ')
  throw new DemoError(
    'VALIDATION',
    `There are three roles, one database each, and these do not fit: ${can}.`,
    'Name at most one a role: npm run demo -- --backends chroma,neo4j,postgres',
  )
}

/** The roles that a database has in an assignment. */
const rolesOf = (assignment: Assignment, name: string): RoleName[] => ROLES.filter((role) => assignment[role] === name)

/** The names of servers that an assignment needs. */
export function serversOf(assignment: Assignment): string[] {
  return [...new Set(Object.values(assignment))].flatMap((name) => {
    const database = DATABASES[name]
    return database?.options ? (database.servers?.(rolesOf(assignment, name)) ?? [name]) : []
  })
}

/** A config with one database a role. */
export type Composition = Readonly<Record<RoleName, BackendConfig>> & { readonly journal?: false }

/**
 * The configuration of an assignment.
 * @param place the folder of embedded files, and the name under which the data lie in every database: lower-case letters and digits, 20 at most
 * @throws DemoError where a server's address is not known
 */
export function configOf(
  assignment: Assignment,
  env: Environment,
  place: { readonly folder: string; readonly name: string } = { folder: CACHE, name: mixName(assignment) },
): Composition {
  const backend = (name: string): BackendConfig => {
    const options = DATABASES[name]?.options?.(env, rolesOf(assignment, name))
    if (!options) return embedded(place.folder, place.name)
    for (const [option, value] of Object.entries(options))
      if (value === undefined)
        throw new DemoError(
          'CONFIGURATION',
          `${name}: nothing says its ${option}.`,
          `Start its servers: npm run servers -- up ${serversOf(assignment).join(' ')}; or set the variables of your own.`,
        )
    return { type: name, config: { ...options, prefix: place.name } }
  }
  // There is no journal yet: what a failure leaves different, --fresh mends.
  return {
    vector: backend(assignment.vector),
    graph: backend(assignment.graph),
    relational: backend(assignment.relational),
    ...(serversOf(assignment).length > 0 && { journal: false as const }),
  }
}

/**
 * A name for a mix, under which its data lie apart: what the authority of one mix calls unchanged, the vector store of
 * another has never seen.
 */
function mixName(assignment: Assignment): string {
  const hash = createHash('sha256')
    .update(ROLES.map((role) => assignment[role]).join())
    .digest('hex')
  return Object.values(assignment).every((name) => name === 'sqlite') ? 'demo' : `demo${hash.slice(0, 6)}`
}

/** The default: one file in the repository's cache serves all roles. */
export function embeddedConfig(): VeritasConfig {
  return { backend: embedded(CACHE, 'demo') }
}

function embedded(folder: string, name: string): BackendConfig {
  return { type: 'sqlite', config: { path: path.join(folder, `${name}.db`) } }
}
