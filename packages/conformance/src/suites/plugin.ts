import { inspect } from 'node:util'
import { CONTRACT_VERSION, isPlugin, validateConfig } from '@veritas-db/core/contract'
import { assert } from '../assert.js'
import { configOf } from '../source.js'
import { check, type Suite } from '../suite.js'

export const plugin: Suite = {
  name: 'plugin',
  about: 'the plugin is one of this contract, and its configuration shows no secret',
  checks: [
    check('it is a plugin of this contract', async (t) => {
      const { plugin: tested } = t.options
      if (!tested) return t.notApplicable('the backend was given by `open`, without a plugin')
      assert.ok(isPlugin(tested), 'isPlugin')
      assert.equal(tested.contract, CONTRACT_VERSION, 'contract')
      assert.match(tested.name, /^[a-z][a-z0-9-]*$/, 'name')
      assert.ok(tested.package.length > 0, 'package')
      assert.ok(tested.roles.length > 0 && new Set(tested.roles).size === tested.roles.length, 'roles')
    }),
    check('it makes every role that it declares', async (t) => {
      const { plugin: tested } = t.options
      if (!tested) return t.notApplicable('the backend was given by `open`, without a plugin')
      for (const role of t.run.roles) {
        assert.ok(tested.roles.includes(role), `${role} is among the plugin's roles`)
        assert.ok(t.backend.roles[role], `${role} is among the backend's roles`)
      }
    }),
    check('the checked configuration shows no secret', async (t) => {
      const { plugin: tested, secrets = [] } = t.options
      if (!tested) return t.notApplicable('the backend was given by `open`, without a plugin')
      const config = await validateConfig(tested.config, await configOf(t.options), tested.name)
      const shown = `${JSON.stringify(config)} ${inspect(config, { depth: 10 })} ${inspect(t.backend, { depth: 2 })}`
      for (const secret of secrets) assert.ok(!shown.includes(secret), 'a secret is shown')
    }),
  ],
}
