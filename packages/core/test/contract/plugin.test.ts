import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { VeritasError } from '../../src/contract/errors.js'
import {
  type Backend,
  CONTRACT_VERSION,
  definePlugin,
  isPlugin,
  type Plugin,
  validateConfig,
} from '../../src/contract/plugin.js'
import { Secret, secret } from '../../src/contract/secret.js'
import { refusal } from './refusal.js'

const schema = z.strictObject({
  url: z.url(),
  password: z.string().transform(secret).optional(),
  pool: z.strictObject({ size: z.number().int().min(1) }).optional(),
})
type Input = z.input<typeof schema>
type Config = z.output<typeof schema>

const notMade = (): Backend<'graph'> => {
  throw new Error('not made here')
}
const right: Plugin<Input, Config, 'graph'> = {
  name: 'some-db2',
  package: 'veritas-some-db',
  contract: CONTRACT_VERSION,
  config: schema,
  roles: ['graph'],
  create: notMade,
}

describe('definePlugin', () => {
  it('hands back a plugin that cannot be changed', () => {
    expect(Object.isFrozen(definePlugin({ ...right }))).toBe(true)
    expect(isPlugin(definePlugin({ ...right }))).toBe(true)
  })

  it.each(['', 'Neo4j', '4j', 'a_b', 'a b', 'ü'])('refuses the name %j', (name) => {
    expect(refusal(() => definePlugin({ ...right, name }))).toBe(
      'plugin.name: needs lower-case letters, digits and "-"',
    )
  })

  it('refuses a plugin without roles', () => {
    expect(refusal(() => definePlugin({ ...right, roles: [] }))).toBe(
      'plugin.roles: needs at least one of vector, graph, relational',
    )
  })
})

describe('isPlugin', () => {
  it('takes plugins of any contract', () => {
    expect(isPlugin({ ...right, contract: 99 })).toBe(true)
  })

  it.each([null, undefined, 'neo4j', {}, [], () => 1, { name: 'x' }])('%j is none', (value) => {
    expect(isPlugin(value)).toBe(false)
  })

  it.each(['name', 'contract', 'config', 'roles', 'create'] as const)('needs %s', (name) => {
    const { [name]: _, ...rest } = right
    expect(isPlugin(rest)).toBe(false)
  })
})

describe('validateConfig', () => {
  it('gives what the schema makes of the input', async () => {
    const config = await validateConfig(schema, { url: 'http://x', password: 'p' }, 'vector.config')
    expect(config.password).toBeInstanceOf(Secret)
    expect(config.password?.reveal()).toBe('p')
  })

  it('lists every issue with its path', async () => {
    const error: unknown = await validateConfig(schema, { url: 5, pool: { size: 0 } }, 'vector.config').catch(
      (e: unknown) => e,
    )
    expect(VeritasError.is(error, 'CONFIGURATION')).toBe(true)
    const { message, path } = error as VeritasError
    expect(path).toBe('vector.config.url')
    expect(message.split('\n').map((line) => line.split(':')[0])).toEqual([
      'vector.config.url',
      'vector.config.pool.size',
    ])
  })

  it('takes any Standard Schema, also one that answers later and names parts of a path as objects', async () => {
    const custom = (
      issues?: readonly { message: string; path?: readonly (PropertyKey | { key: PropertyKey })[] }[],
    ): Parameters<typeof validateConfig>[0] => ({
      '~standard': { version: 1, vendor: 'test', validate: async (value) => (issues ? { issues } : { value }) },
    })
    expect(await validateConfig(custom(), 5, 'x')).toBe(5)
    await expect(validateConfig(custom([{ message: 'bad', path: [{ key: 'a' }, 0] }]), 5, 'x')).rejects.toThrow(
      'x.a.0: bad',
    )
    await expect(validateConfig(custom([{ message: 'bad' }]), 5, '')).rejects.toThrow(': bad')
  })
})
