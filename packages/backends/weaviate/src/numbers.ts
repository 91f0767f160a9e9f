/** The powers of ten that a number holds exactly. */
const POWERS: readonly number[] = Array.from({ length: 23 }, (_, i) => Number(`1e${i}`))

/**
 * A vector as numbers of 9 digits, which are always enough for 32-bit floats; 16 or 17 are what JSON writes otherwise, which
 * makes a request half as large again, and the server's reading of it as slow.
 */
export const shortNumbers = (vector: Float32Array): number[] => Array.from(vector, shortNumber)

const shortNumber = (x: number): number => {
  // Digits after the point, so that there are 9.
  const power = POWERS[8 - Math.floor(Math.log10(Math.abs(x)))]
  if (power === undefined) return Number(x.toPrecision(9))
  // A whole number over a power of ten is the number nearest to that decimal: ten times as fast as writing and reading it.
  const short = Math.round(x * power) / power
  return Math.fround(short) === x ? short : Number(x.toPrecision(9))
}
