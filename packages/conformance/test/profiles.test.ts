import type { FilterCapabilities, RoleCapabilities } from '@veritas-db/core/contract'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { runConformance } from '../src/index.js'
import { Engine } from './memory/engine.js'
import { type Declared, memoryBackend } from './memory/index.js'
import { laggingBackend } from './memory/lagging.js'

const runner = { describe, it, beforeAll, afterAll }
const ROLES = ['vector', 'graph', 'relational'] as const

/** What a weak engine might push down: no disjunctions, no negation, no null, numbers alone in ranges. */
const LITTLE: FilterCapabilities = {
  and: true,
  eq: ['string', 'number', 'boolean'],
  in: ['string'],
  gte: ['number'],
  lt: ['number'],
  contains: ['element'],
}

const weak: Partial<RoleCapabilities> = {
  filter: LITTLE,
  upsertModes: ['replace'],
  conditionalUpsert: 'none',
  scan: { order: 'native', resume: 'offset', snapshot: false },
}

const nothingOptional: Declared = {
  unitOfWork: false,
  vector: {
    ...weak,
    upsertModes: [],
    metrics: ['euclidean'],
    maxDimensions: 64,
    maxTopK: 300,
    exact: 'never',
    fullText: false,
    patch: false,
    deleteByFilter: false,
  },
  graph: { ...weak, fullText: false, shortestPath: false, maxDepth: 1 },
  relational: { ...weak, fullText: false, transactions: false, order: false, digest: false },
}

function withoutRaw(declared: Declared): () => ReturnType<typeof memoryBackend> {
  return () => {
    const backend = memoryBackend(new Engine(), declared)
    for (const role of [backend.roles.graph, backend.roles.relational])
      if (role) Reflect.deleteProperty(role.capabilities, 'raw')
    return backend
  }
}

describe('what is not declared', () => {
  runConformance({ ...runner, name: 'a weak backend', roles: ROLES, open: withoutRaw(nothingOptional), filters: 200 })
})

describe('a snapshot that ends with the connection', () => {
  const scan = { order: 'native', resume: 'restart', snapshot: true } as const
  const guarded = { scan, conditionalUpsert: 'guarded', upsertModes: ['replace', 'ifNewer'] } as const
  const declared: Declared = {
    vector: { ...guarded, exact: 'optional', metrics: ['dot'] },
    graph: guarded,
    relational: guarded,
  }
  runConformance({
    ...runner,
    name: 'a guarded backend',
    roles: ROLES,
    open: () => memoryBackend(new Engine(), declared),
    filters: 100,
  })
})

describe('eventual consistency', () => {
  const slow = { ...nothingOptional, vector: { ...nothingOptional.vector, fullText: true } }
  runConformance({
    ...runner,
    name: 'a backend with tokens',
    roles: ROLES,
    open: () => laggingBackend(slow, { delayMs: 3_600_000, tokens: true }),
    filters: 60,
  })
  runConformance({
    ...runner,
    name: 'a backend with a delay',
    roles: ['vector'],
    open: () => laggingBackend({ ...slow, roles: ['vector'] }, { delayMs: 15, tokens: false }),
    filters: 60,
  })
})

describe('one role alone', () => {
  for (const role of ROLES)
    runConformance({
      ...runner,
      name: `only ${role}`,
      roles: [role],
      open: () => memoryBackend(new Engine(), { roles: [role], unitOfWork: false }),
      filters: 60,
    })
})
