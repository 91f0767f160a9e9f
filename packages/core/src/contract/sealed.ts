/** What is known of sealed metadata. A property of its own is several times cheaper than a WeakMap, which burdens every collection of garbage. */
interface Seal {
  /** The object itself: a copy that took the property along is not sealed. */
  readonly of: object
  encoded?: string
}

const SEAL: unique symbol = Symbol('veritas.seal')

/** The seal of metadata that was checked and does not change any more; undefined where there is none. */
export function sealOf(metadata: unknown): Seal | undefined {
  if (typeof metadata !== 'object' || metadata === null || !(SEAL in metadata)) return undefined
  const seal = metadata[SEAL] as Seal
  return seal.of === metadata ? seal : undefined
}

/** Whether `sealMetadata` made this object: checking it again costs nothing. */
export function isSealed(metadata: unknown): boolean {
  return sealOf(metadata) !== undefined
}

/** For values put together from checked parts alone, which nobody else can reach. Not part of the contract. */
export function markSealed<M extends object>(metadata: M): M {
  const seal: Seal = { of: metadata }
  return Object.defineProperty(metadata, SEAL, { value: seal })
}
