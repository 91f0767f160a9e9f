import { randomUUID } from 'node:crypto'
import { invalid } from '../contract/errors.js'
import { markSealed } from '../contract/sealed.js'
import {
  checkId,
  checkName,
  checkString,
  checkVector,
  documentKey,
  isPlainObject,
  type Metadata,
  type Scope,
  sealMetadata,
  typeName,
} from '../contract/values.js'
import { ATTRIBUTE_TYPES, type NormalisedDocument, type NormalisedReference, type VeritasDocument } from './types.js'

const FIELDS = new Set([
  'id',
  'text',
  'embedding',
  'title',
  'documentType',
  'references',
  'metadata',
  'createdDate',
  'filePath',
])
export const DEFAULT_EDGE_TYPE = 'REFERENCES'
const NO_METADATA: Metadata = sealMetadata({})

/** Checks a document as users give it and fills in its defaults. Pure but for a generated id. @throws VeritasError VALIDATION with the exact path */
export function normaliseDocument<M extends object>(input: VeritasDocument<M>, scope: Scope): NormalisedDocument {
  if (!isPlainObject(input)) throw invalid('document', `needs an object such as { id, text }, got ${typeName(input)}`)
  for (const field in input)
    if (!FIELDS.has(field))
      throw invalid(
        `document.${field.slice(0, 80)}`,
        'is no field of a document; fields of your own go into document.metadata',
      )
  const document: VeritasDocument<M> = input
  const id = document.id ?? randomUUID()
  checkId(id, 'document.id')
  if (typeof document.text !== 'string')
    throw invalid('document.text', `needs a string, got ${typeName(document.text)}`)
  checkString(document.text, 'document.text')
  const metadata = document.metadata === undefined ? NO_METADATA : sealMetadata(document.metadata, 'document.metadata')
  for (const attribute of Object.keys(ATTRIBUTE_TYPES))
    if (Object.hasOwn(metadata, attribute))
      throw invalid(
        `document.metadata.${attribute}`,
        `is an attribute of the document: give it as document.${attribute}`,
      )
  const related = references(document.references, scope)
  return {
    scope,
    key: documentKey(scope, id),
    id,
    text: document.text,
    embedding: embedding(document.embedding),
    title: text(document.title, 'title'),
    documentType: text(document.documentType, 'documentType'),
    references: related,
    referenceValue: encodeReferences(related),
    metadata,
    createdDate: date(document.createdDate),
    filePath: text(document.filePath, 'filePath'),
  }
}

function text(value: unknown, field: string): string | null {
  if (value === undefined || value === null) return null
  if (typeof value !== 'string') throw invalid(`document.${field}`, `needs a string, got ${typeName(value)}`)
  checkString(value, `document.${field}`)
  return value
}

function date(value: unknown): Date | null {
  if (value === undefined || value === null) return null
  const result = value instanceof Date ? value : typeof value === 'string' ? new Date(value) : undefined
  if (result === undefined)
    throw invalid('document.createdDate', `needs a Date or an ISO 8601 text, got ${typeName(value)}`)
  if (Number.isNaN(result.getTime()))
    throw invalid('document.createdDate', `${JSON.stringify(value)} is no date; write it as 2024-05-31T12:00:00Z`)
  return result
}

/** The one place where a `number[]` becomes a `Float32Array`. */
export function embedding(value: unknown, path = 'document.embedding'): Float32Array | null {
  if (value === undefined || value === null) return null
  if (!(value instanceof Float32Array) && !Array.isArray(value))
    throw invalid(path, `needs a Float32Array or an array of numbers, got ${typeName(value)}`)
  if (Array.isArray(value))
    value.forEach((x, i) => {
      if (typeof x !== 'number') throw invalid(`${path}[${i}]`, `needs a finite number, got ${typeName(x)}`)
    })
  const vector = value instanceof Float32Array ? value : Float32Array.from(value)
  checkVector(vector, undefined, path)
  return vector
}

function references(value: unknown, scope: Scope): NormalisedReference[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value))
    throw invalid('document.references', `needs an array of ids or of { id, type }, got ${typeName(value)}`)
  const seen = new Set<string>()
  const result: NormalisedReference[] = []
  value.forEach((item: unknown, i) => {
    const path = `document.references[${i}]`
    const reference: unknown = typeof item === 'string' ? { id: item } : item
    if (!isPlainObject(reference)) throw invalid(path, `needs an id or { id, type }, got ${typeName(item)}`)
    checkId(reference.id, typeof item === 'string' ? path : `${path}.id`)
    const type: unknown = reference.type ?? DEFAULT_EDGE_TYPE
    checkName(type, `${path}.type`)
    const properties =
      reference.properties === undefined ? NO_METADATA : sealMetadata(reference.properties, `${path}.properties`)
    // The same relation named twice is one relation; the first one's properties stay.
    const identity = `${type} ${reference.id}`
    if (seen.has(identity)) return
    seen.add(identity)
    result.push({ id: reference.id, type, properties, key: documentKey(scope, reference.id) })
  })
  return result
}

/** References as a value of a JSON column: an object by place, since metadata has no arrays of objects. */
function encodeReferences(references: readonly NormalisedReference[]): Metadata {
  if (references.length === 0) return NO_METADATA
  const value: Record<string, Metadata> = {}
  for (const [i, { id, type, properties }] of references.entries()) value[i] = { id, type, properties }
  return markSealed(value)
}
