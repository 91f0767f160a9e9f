import { Console } from 'node:console'
import { format, inspect } from 'node:util'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { redactUrl, Secret, secret } from '../../src/contract/secret.js'

const hidden = 'hunter2'

describe('Secret', () => {
  const config = { user: 'me', password: secret(hidden), nested: { tokens: [secret(hidden)] } }
  afterEach(() => vi.restoreAllMocks())

  it('gives its value to who asks for it', () => {
    expect(config.password.reveal()).toBe(hidden)
    expect(config.password).toBeInstanceOf(Secret)
  })

  it.each<[string, () => string]>([
    ['a template', () => `${config.password}`],
    ['concatenation', () => `x${String(config.password)}`],
    ['JSON', () => JSON.stringify(config)],
    ['inspect', () => inspect(config, { depth: 10, showHidden: true })],
    ['inspect of it alone', () => inspect(config.password, { showHidden: true, getters: true })],
    ['format %s', () => format('%s %j %o %O', config.password, config, config, config)],
    ['its own keys', () => JSON.stringify(Reflect.ownKeys(config.password))],
    ['its entries', () => JSON.stringify(Object.entries(config.password))],
    ['a copy', () => inspect({ ...config.password })],
    ['a clone', () => inspect(structuredClone({ ...config.password }))],
    ['an error message', () => new Error(`bad ${config.password}`).message],
  ])('is not shown by %s', (_name, show) => {
    expect(show()).not.toContain(hidden)
  })

  it('is not shown by console', () => {
    const written: string[] = []
    for (const stream of [process.stdout, process.stderr])
      vi.spyOn(stream, 'write').mockImplementation((chunk) => {
        written.push(String(chunk))
        return true
      })
    const quiet = new Console(process.stdout, process.stderr)
    quiet.log(config)
    quiet.error(config.password)
    quiet.table([config])
    quiet.dir(config, { depth: 9, showHidden: true })
    vi.restoreAllMocks()
    expect(written.join('')).toContain('me')
    expect(written.join('')).not.toContain(hidden)
  })
})

describe('redactUrl', () => {
  it.each([
    ['postgres://user:hunter2@host:5432/db?password=hunter2', 'postgres://host:5432/db'],
    ['https://hunter2@example.org/path#hunter2', 'https://example.org/path'],
    ['bolt://localhost:7687', 'bolt://localhost:7687'],
    ['redis://:hunter2@[::1]:6379/0', 'redis://[::1]:6379/0'],
    ['no url hunter2', '[secret]'],
    ['', '[secret]'],
  ])('%s', (url, shown) => {
    expect(redactUrl(url)).toBe(shown)
  })
})
