import { documentKey } from '@veritas-db/core/contract'
import { expect, it } from 'vitest'
import { inOrder } from '../src/upsert.js'

it('identities are ordered as their texts are, whatever they start with', () => {
  const keys = Array.from({ length: 3000 }, (_, i) => documentKey({ collection: 'order' }, `d${i}`))
  const [key = ''] = keys
  const alike = ['b', 'a', 'c', 'SEE-ALSO', 'SEE_ALSO'].map((type) => `${key} ${type} ${keys[7]} 0`)
  const near = ['ffffff0', 'ffffff1', '0000000', '0000001', '000000f'].map((start) => start + key.slice(7))
  const all = [...keys, ...alike, ...near, `${keys[1]} 10`, `${keys[1]} 9`]
  expect(inOrder(all).map((place) => all[place])).toEqual(all.toSorted())
  expect(inOrder([])).toEqual([])
  expect(inOrder([key])).toEqual([0])
})
