import { decodeMetadata, type EdgeRecord, type Key, type NodeRecord, type Version } from '@veritas-db/core/contract'
import type { Stored } from './quads.js'

interface NodeData {
  readonly v: Version
  readonly k: Key
  readonly i: string
  readonly l: string
  readonly p: boolean
  readonly m: object
}

interface EdgeData {
  readonly v: Version
  readonly s: Key
  readonly y: string
  readonly t: Key
  readonly o: number
  readonly m: object
}

/** A record's data, dates and all: metadata is what comes last in the text. */
const dataOf = <D extends { readonly m: object }>(text: string): D =>
  // Only what holds dates needs to be walked through.
  (text.includes('"$date"') ? decodeMetadata(text) : JSON.parse(text)) as D

export const storedNode = (value: unknown): Stored<NodeRecord> => {
  const text = String(value)
  const { v, k, i, l, p, m } = dataOf<NodeData>(text)
  const record = {
    key: k,
    documentId: i,
    version: v,
    label: l,
    placeholder: p,
    properties: m as NodeRecord['properties'],
  }
  return { text, record }
}

export const storedEdge = (value: unknown): Stored<EdgeRecord> => {
  const text = String(value)
  const { v, s, y, t, o, m } = dataOf<EdgeData>(text)
  const record = { source: s, target: t, type: y, ordinal: o, version: v, properties: m as EdgeRecord['properties'] }
  return { text, record }
}

/** Of several records of one identity, which writers of several processes may leave, the newest. */
export const newestOf = <R extends { readonly version: Version }>(
  stored: readonly Stored<R>[],
): Stored<R> | undefined =>
  stored.reduce<Stored<R> | undefined>((best, one) => {
    if (!best || one.record.version > best.record.version) return one
    return one.record.version === best.record.version && one.text > best.text ? one : best
  }, undefined)

/** A list that a script emitted. */
export const texts = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** All records of one identity, and whether the quads by which it is found are there too. */
export interface Found<R> {
  readonly records: readonly Stored<R>[]
  readonly intact: boolean
}

export const foundOf = <R>(value: unknown, toStored: (text: unknown) => Stored<R>): Found<R> => {
  const { texts: all, intact } = value as { readonly texts: unknown; readonly intact: unknown }
  return { records: texts(all).map(toStored), intact: intact === true }
}
