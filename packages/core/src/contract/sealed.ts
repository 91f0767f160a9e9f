/** Metadata that was checked and does not change any more: what is known of it stays true. */
const sealed = new WeakSet<object>()

/** Whether `sealMetadata` made this object: checking it again costs nothing. */
export function isSealed(metadata: unknown): boolean {
  return typeof metadata === 'object' && metadata !== null && sealed.has(metadata)
}

/** For values put together from checked parts alone, which nobody else can reach. Not part of the contract. */
export function markSealed<M extends object>(metadata: M): M {
  sealed.add(metadata)
  return metadata
}
