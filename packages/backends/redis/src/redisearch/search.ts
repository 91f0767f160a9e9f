import { throwIfAborted, VeritasError } from '@veritas-db/core/contract'
import type { Known } from '../collections.js'
import type { Argument, Reply, Session } from '../connection.js'
import { indexOf, recordPrefix } from '../keys.js'
import type { Values } from '../records.js'

/** A record as a search gives it. */
export interface Hit {
  readonly id: string
  /** What the scorer gave it, where scores were asked for. */
  readonly score?: number
  readonly values: Values
}

export interface SearchRequest {
  readonly query: string
  readonly parameters?: readonly Argument[]
  /** Fields to return; none: ids alone. */
  readonly fields?: readonly string[]
  readonly limit: number
  readonly withScores?: boolean
  /** Further arguments, such as `SORTBY`. */
  readonly more?: readonly string[]
  /** Whether a field holds bytes. */
  readonly bytes?: boolean
  /** Only these records. */
  readonly ids?: readonly string[]
}

/** Asks an index. The server gives what it has when its time is up, without saying so: then this is an error. */
export const search = async (
  session: Session,
  known: Known,
  request: SearchRequest,
  timeoutMs: number,
): Promise<{ total: number; hits: Hit[] }> => {
  const { query, parameters = [], fields = [], limit, withScores = false, more = [], bytes = false, ids } = request
  throwIfAborted(session.signal)
  const prefix = recordPrefix(known)
  const start = performance.now()
  const reply = await session.send(
    [
      ...['FT.SEARCH', indexOf(known), query],
      ...(ids ? ['INKEYS', String(ids.length), ...ids.map((id) => prefix + id)] : []),
      ...(fields.length > 0 ? ['RETURN', String(fields.length), ...fields] : ['NOCONTENT']),
      ...(withScores ? ['WITHSCORES'] : []),
      ...more,
      ...['LIMIT', '0', String(limit)],
      ...(parameters.length > 0 ? ['PARAMS', String(parameters.length), ...parameters] : []),
      ...['TIMEOUT', String(timeoutMs), 'DIALECT', '2'],
    ],
    bytes,
  )
  if (performance.now() - start >= timeoutMs)
    throw new VeritasError({ code: 'TIMEOUT', message: `Redis took longer than ${timeoutMs} ms to search.` })
  const [total, ...rest] = reply as readonly Reply[]
  const hits: Hit[] = []
  const step = 1 + (withScores ? 1 : 0) + (fields.length > 0 ? 1 : 0)
  for (let i = 0; i < rest.length; i += step) {
    const values = fields.length > 0 ? rest[i + step - 1] : null
    hits.push({
      id: String(rest[i]).slice(prefix.length),
      ...(withScores && { score: Number(rest[i + 1]) }),
      values: pairs(Array.isArray(values) ? values : []),
    })
  }
  return { total: Number(total), hits }
}

/** Names and values in turn, by name. */
const pairs = (list: readonly Reply[]): Values => {
  const values: Record<string, Reply> = {}
  for (let i = 0; i + 1 < list.length; i += 2) values[String(list[i])] = list[i + 1] ?? null
  return values
}
