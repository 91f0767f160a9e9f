import { invalid } from '@veritas-db/core/contract'

/** Which write of which namespace a read must see. */
export interface Freshness {
  readonly namespace: string
  readonly lsn: number
}

/** A consistency token: the newest log sequence number that the writes of one call were given. Undefined where the server told none. */
export const toToken = (namespace: string, lsns: readonly (number | undefined)[]): string | undefined => {
  const known = lsns.filter((lsn) => lsn !== undefined)
  return known.length === 0 || known.length < lsns.length ? undefined : `lsn:${Math.max(...known)}:${namespace}`
}

/** The reverse of `toToken`. @throws VeritasError VALIDATION */
export const parseToken = (token: string): Freshness => {
  const match = /^lsn:(\d{1,16}):(.+)$/.exec(token)
  if (!match) throw invalid('after', 'is no token of a write to Pinecone')
  return { lsn: Number(match[1]), namespace: match[2] as string }
}
