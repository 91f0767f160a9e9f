import type { FieldType } from '@veritas-db/core/contract'
import { FACETS, propertyName, rangeProperty } from './filter.js'

/** `key.version.ordinal:documentId`, which is all that is always read: each property of an answer costs server and client time. */
export const HEAD = 'head'

/**
 * A property of type object that stays empty. A server whose auto-schema is on makes a collection for an object whose
 * collection is gone, and a late write would bring a dropped one back; this property is one that it cannot make up, and so it
 * refuses the object instead.
 */
export const GUARD = 'guard'

/** The properties that every collection has, as the server's schema describes them. */
export const baseProperties: readonly Readonly<Record<string, unknown>>[] = [
  { name: 'key', dataType: ['text'], tokenization: 'field', indexFilterable: true, indexSearchable: false },
  { name: 'version', dataType: ['text'], tokenization: 'field', indexFilterable: true, indexSearchable: false },
  { name: HEAD, dataType: ['text'], tokenization: 'field', indexFilterable: false, indexSearchable: false },
  { name: 'text', dataType: ['text'], tokenization: 'word', indexFilterable: false, indexSearchable: true },
  { name: 'metadata', dataType: ['text'], tokenization: 'field', indexFilterable: false, indexSearchable: false },
  { name: FACETS, dataType: ['text[]'], tokenization: 'field', indexFilterable: true, indexSearchable: false },
  {
    name: GUARD,
    dataType: ['object'],
    indexFilterable: false,
    nestedProperties: [{ name: 'nothing', dataType: ['text'], indexFilterable: false, indexSearchable: false }],
  },
]

/** A property that is added to what every collection has. */
export interface AddedProperty {
  readonly name: string
  readonly dataType: 'number' | 'text'
  readonly description?: string
  readonly indexFilterable: boolean
  readonly indexSearchable?: boolean
  readonly indexRangeFilters?: boolean
}

/** A property for ranges of one path. */
export const rangeColumn = (name: string): AddedProperty => ({
  name,
  dataType: 'number',
  indexFilterable: false,
  indexRangeFilters: true,
})

/** Declared fields as properties: one that only describes the field, and one for ranges where it has them. */
export const fieldProperties = (fields: Readonly<Record<string, FieldType>> = {}): AddedProperty[] =>
  Object.entries(fields).flatMap(([path, type]) => [
    {
      name: propertyName(path, 'f'),
      dataType: 'text',
      description: JSON.stringify({ path, type }),
      indexFilterable: false,
      indexSearchable: false,
    } as const,
    ...(type === 'number' || type === 'date' ? [rangeColumn(rangeProperty(path, type))] : []),
  ])

/** The fields that properties describe. */
export const fieldsOf = (properties: readonly { readonly description?: string }[]): Record<string, FieldType> =>
  Object.fromEntries(
    properties
      .filter(({ description }) => description?.startsWith('{"path":'))
      .map(({ description = '' }) => JSON.parse(description) as { readonly path: string; readonly type: FieldType })
      .map(({ path, type }) => [path, type]),
  )
