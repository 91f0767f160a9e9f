import { describe, expect, it } from 'vitest'
import { assign, configOf, DATABASES, databaseNames, serversOf } from '../src/backends.js'

describe('databases to roles', () => {
  it('each gets what it does best', () => {
    expect(assign(['chroma', 'neo4j', 'postgres'])).toEqual({
      vector: 'chroma',
      graph: 'neo4j',
      relational: 'postgres',
    })
    expect(assign(['postgres', 'neo4j', 'chroma'])).toEqual({
      vector: 'chroma',
      graph: 'neo4j',
      relational: 'postgres',
    })
    expect(assign(['neo4j', 'arango'])).toEqual({ vector: 'neo4j', graph: 'neo4j', relational: 'arango' })
  })

  it('one that can do several fills what is left, and the embedded one what none can', () => {
    expect(assign(['postgres'])).toEqual({ vector: 'postgres', graph: 'postgres', relational: 'postgres' })
    expect(assign(['chroma', 'postgres'])).toEqual({ vector: 'chroma', graph: 'postgres', relational: 'postgres' })
    expect(assign(['redis'])).toEqual({ vector: 'redis', graph: 'sqlite', relational: 'sqlite' })
    expect(assign(['weaviate', 'cayley'])).toEqual({ vector: 'weaviate', graph: 'cayley', relational: 'sqlite' })
  })

  it('each alone, and any two that do not want the same, find a place', () => {
    for (const name of Object.keys(DATABASES)) expect(Object.values(assign([name]))).toContain(name)
  })

  it('two that can only do the same are refused', () => {
    expect(() => assign(['chroma', 'redis'])).toThrow(/do not fit/)
    expect(() => assign(['chroma', 'neo4j', 'postgres', 'cozo'])).toThrow(/do not fit/)
  })

  it('names may be aliases, in any case, and twice; unknown ones are refused', () => {
    expect(databaseNames(['PostgreSQL', 'chromadb', 'postgres'])).toEqual(['postgres', 'chroma'])
    expect(() => databaseNames(['oracle'])).toThrow(/no database "oracle"/)
  })

  it('need servers, but for the embedded one', () => {
    expect(serversOf(assign(['redis']))).toEqual(['redis'])
    expect(serversOf(assign(['chroma', 'mongo']))).toEqual(['chroma', 'mongo'])
    expect(serversOf(assign(['mongo']))).toEqual(['mongo', 'mongosearch'])
    expect(serversOf(assign(['sqlite']))).toEqual([])
  })

  it('become a config with addresses from the environment, without a journal where engines mix', () => {
    const env = { VERITAS_CHROMA_URL: 'http://chroma', VERITAS_NEO4J_URL: 'bolt://neo4j' }
    const config = configOf(assign(['chroma', 'neo4j']), env)
    expect(config).toMatchObject({
      journal: false,
      vector: { type: 'chroma', config: { url: 'http://chroma' } },
      graph: { type: 'neo4j', config: { url: 'bolt://neo4j' } },
      relational: { type: 'sqlite' },
    })
    expect(configOf(assign(['sqlite']), {})).not.toHaveProperty('journal')
  })

  it('keep the data of each mix apart', () => {
    const env = { VERITAS_CHROMA_URL: 'http://c', VERITAS_REDIS_URL: 'redis://r' }
    const paths = [['chroma'], ['redis'], ['sqlite']].map(
      (names) => configOf(assign(names), env).relational?.config?.path,
    )
    expect(new Set(paths).size).toBe(3)
  })

  it('whose address is not known end in how to start them', () => {
    expect(() => configOf(assign(['neo4j']), {})).toThrow(/nothing says its url/)
  })
})
