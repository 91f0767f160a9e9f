import { hash } from 'node:crypto'
import {
  asKey,
  asVersion,
  decodeMetadata,
  encodeMetadata,
  type Metadata,
  type RecordHead,
  type VectorMatch,
  type VectorRecord,
  VeritasError,
  type Version,
} from '@veritas-db/core/contract'
import { elementFacet, FACETS, presence, rangeProperty, scalarFacet } from './filter.js'
import { GUARD, HEAD } from './properties.js'

const NAMESPACE = Buffer.from('6f2c6e0e7d6b5c4ba1d57ae1c70f6b1d', 'hex')

/** The UUID (version 5) of a record: the same for the same key, version and ordinal. */
export const recordUuid = ({ key, version, ordinal }: Required<RecordHead>): string => {
  const bytes = hash('sha1', Buffer.concat([NAMESPACE, Buffer.from(`${key}.${version}.${ordinal}`)]), 'buffer')
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x50
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
  const hex = bytes.toString('hex', 0, 16)
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** A record as it is sent. */
export interface Entry {
  readonly id: string
  readonly version: Version
  readonly vector: Float32Array
  readonly properties: Readonly<Record<string, unknown>>
  /** Its properties for ranges, which the collection may lack. */
  readonly ranges: readonly string[]
  /** What it takes in a request, as JSON. */
  readonly bytes: number
}

export const toEntry = (record: VectorRecord): Entry => {
  const { key, version, ordinal, documentId, vector, text } = record
  const facets = new Set<string>()
  const ranges: Record<string, number> = {}
  collect(record.metadata, '', facets, ranges)
  const properties = {
    key,
    version,
    [HEAD]: `${key}.${version}.${ordinal}:${documentId}`,
    ...(text !== undefined && { text }),
    metadata: encodeMetadata(record.metadata),
    [GUARD]: {},
    ...(facets.size > 0 && { [FACETS]: [...facets] }),
    ...ranges,
  }
  // A number of a vector has some 20 digits there.
  const bytes = Buffer.byteLength(JSON.stringify(properties)) + vector.length * 22 + 160
  return { id: recordUuid(record), version, vector, properties, ranges: Object.keys(ranges), bytes }
}

const collect = (metadata: Metadata, prefix: string, facets: Set<string>, ranges: Record<string, number>): void => {
  for (const [field, value] of Object.entries(metadata)) {
    if (value === null || value === undefined) continue
    const path = prefix + field
    facets.add(presence(path))
    if (Array.isArray(value)) {
      for (const element of value) facets.add(elementFacet(path, element))
    } else if (typeof value === 'object' && !(value instanceof Date)) {
      collect(value as Metadata, `${path}.`, facets, ranges)
    } else {
      const scalar = value as string | number | boolean | Date
      facets.add(scalarFacet(path, scalar))
      if (scalar instanceof Date) ranges[rangeProperty(path, 'date')] = scalar.getTime()
      else if (typeof scalar === 'number') ranges[rangeProperty(path, 'number')] = scalar
    }
  }
}

/** An object as the server gives it. */
export interface StoredObject {
  readonly uuid: string
  readonly properties: Readonly<Record<string, unknown>>
  readonly vectors?: unknown
}

/** What of a record is wanted. */
export interface Include {
  readonly metadata?: boolean
  readonly text?: boolean
  readonly vector?: boolean
}

/** What identifies a record. */
interface Identity extends Required<RecordHead> {
  readonly documentId: string
}

const HEAD_PATTERN = /^([0-9a-f]{32})\.([0-9a-f]{24})\.(\d{1,10}):([\s\S]+)$/

export const identityOf = ({ properties, uuid }: StoredObject): Identity => {
  const { [HEAD]: head } = properties
  const [, key, version, ordinal, documentId] = (typeof head === 'string' && HEAD_PATTERN.exec(head)) || []
  if (documentId === undefined)
    throw new VeritasError({
      code: 'CONFLICT',
      message: `The collection holds an object that VERITAS did not write: ${uuid}.`,
    })
  return { key: asKey(key), version: asVersion(version), ordinal: Number(ordinal), documentId }
}

export const headOf = (object: StoredObject): Required<RecordHead> => {
  const { documentId: _, ...head } = identityOf(object)
  return head
}

export const recordOf = (object: StoredObject, include: Include): Omit<VectorMatch, 'score'> => {
  const { text, metadata } = object.properties
  const vector = include.vector ? vectorOf(object.vectors) : undefined
  return {
    ...identityOf(object),
    ...(include.metadata && { metadata: typeof metadata === 'string' ? decodeMetadata(metadata) : {} }),
    ...(include.text && typeof text === 'string' && { text }),
    ...(vector && { vector }),
  }
}

const vectorOf = (vectors: unknown): Float32Array | undefined => {
  if (typeof vectors !== 'object' || vectors === null || !('default' in vectors)) return undefined
  return Array.isArray(vectors.default) ? Float32Array.from(vectors.default) : undefined
}
