import type { FilterNode, VectorCapabilities, VectorMatch, VectorRecord } from '@veritas-db/core/contract'
import { MAX_DIMENSIONS, MAX_TOP_K } from './check.js'
import type { Known } from './collections.js'
import type { Session } from './connection.js'
import { filterCapabilities } from './filter.js'
import type { Place } from './keys.js'
import type { Entry, Include, Patch } from './records.js'
import type { WriteScripts } from './scripts.js'

/** What a collection's records are found by: an index of RediSearch, or a vector set. */
export type Algorithm = 'flat' | 'hnsw' | 'vectorset'

/** What is declared whatever finds records: hashes and scripts are the same. */
export const commonCapabilities: Omit<VectorCapabilities, 'limits' | 'metrics' | 'exact' | 'fullText'> = {
  filter: filterCapabilities,
  upsertModes: ['replace', 'ifNewer', 'ifAbsent'],
  conditionalUpsert: 'atomic',
  readAfterWrite: 'immediate',
  scan: { order: 'key', resume: 'cursor', snapshot: false },
  maxDimensions: MAX_DIMENSIONS,
  maxTopK: MAX_TOP_K,
  patch: true,
  deleteByFilter: true,
}

export interface Question {
  readonly vector: Float32Array
  readonly topK: number
  readonly filter: FilterNode | undefined
  readonly include: Include
  readonly exact: boolean
}

export interface TextQuestion {
  readonly query: string
  readonly limit: number
  readonly filter: FilterNode | undefined
}

/** What finds records. The records themselves are hashes, written and read alike with both. Filters have been checked before. */
export interface Engine {
  readonly capabilities: VectorCapabilities
  /** What new collections get. */
  readonly algorithm: Algorithm
  readonly scripts: WriteScripts

  /** Numbers and dates that one record may hold. */
  readonly mostRanges: number

  /** What is sent of a record that was checked. Pure. */
  encode(record: VectorRecord): Entry
  encodePatch(patch: Patch): Entry
  /** Before records with these fields of numbers and dates are written. */
  prepare(session: Session, known: Known, ranges: Iterable<string>): Promise<void>
  /** Further arguments of the script that ends a write. */
  parameters(known: Known): readonly string[]

  /** Makes what a new collection needs, before it is entered into the registry. */
  create(session: Session, known: Known): Promise<void>
  /** Takes back what `create` made; what is not there is no error. */
  drop(session: Session, place: Place): Promise<void>

  query(session: Session, known: Known, question: Question): Promise<VectorMatch[]>
  searchText(session: Session, known: Known, question: TextQuestion): Promise<VectorMatch[]>
  count(session: Session, known: Known, filter: FilterNode): Promise<number>
  /** Those of the given records that match, in their order. */
  matching(session: Session, known: Known, ids: readonly string[], filter: FilterNode): Promise<string[]>
  /** Deletes what matches, by means of `remove`, which tells how many were there; answers how many they were. */
  deleteMatching(
    session: Session,
    known: Known,
    filter: FilterNode,
    remove: (ids: readonly string[]) => Promise<number>,
  ): Promise<number>
}
