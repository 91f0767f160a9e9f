import { expect, it } from 'vitest'
import { shortNumbers } from '../src/numbers.js'

it('vectors are sent with no more digits than 32-bit floats have, and come back the same', () => {
  const bits = Uint32Array.from({ length: 30_000 }, (_, i) => Math.imul(i + 1, 2654435761))
  const numbers = [...new Float32Array(bits.buffer)]
  for (let e = -45; e <= 38; e++) numbers.push(Number(`1e${e}`), Number(`-9.9999999e${e}`))
  const vector = Float32Array.from([0, 1, 16777217, 0.1, 3.4028235e38, ...numbers]).filter(Number.isFinite)
  const sent = shortNumbers(vector)
  expect(Float32Array.from(JSON.parse(JSON.stringify(sent)))).toEqual(vector)
  for (const number of sent) expect(number).toBe(Number(number.toPrecision(9)))
})
