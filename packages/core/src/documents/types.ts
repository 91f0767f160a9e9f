import type { FieldType, Key, Metadata, Scope, Version } from '../contract/values.js'

/** A relation to another document of the collection. */
export interface Reference {
  /** The other document's id; it need not be stored yet. */
  readonly id: string
  /** What the relation is: a name. Default `REFERENCES`. */
  readonly type?: string | undefined
  readonly properties?: Metadata | undefined
}

/** What a user stores. */
export interface VeritasDocument<M extends object = Metadata> {
  /** Any string up to 512 bytes. Default a random UUID. */
  readonly id?: string | undefined
  readonly text: string
  /** Its embedding; default the embedder's, passage by passage. */
  readonly embedding?: Float32Array | readonly number[] | undefined
  readonly title?: string | undefined
  readonly documentType?: string | undefined
  readonly references?: readonly (string | Reference)[] | undefined
  readonly metadata?: M | undefined
  /** Default the time of the first store. */
  readonly createdDate?: Date | string | undefined
  readonly filePath?: string | undefined
}

/** A relation as the authority holds it. */
export interface StoredReference {
  readonly id: string
  readonly type: string
  readonly properties: Metadata
}

/** A document as the authority holds it. */
export interface StoredDocument<M extends object = Metadata> {
  readonly id: string
  readonly collection: string
  readonly text: string
  readonly title: string | null
  readonly documentType: string | null
  readonly references: readonly StoredReference[]
  readonly metadata: M
  readonly createdDate: Date
  readonly filePath: string | null
  readonly version: Version
}

/** A checked document, ready to be embedded and projected. */
export interface NormalisedDocument {
  readonly scope: Scope
  readonly key: Key
  readonly id: string
  readonly text: string
  readonly embedding: Float32Array | null
  readonly title: string | null
  readonly documentType: string | null
  readonly references: readonly NormalisedReference[]
  /** The references as a value of a JSON column. */
  readonly referenceValue: Metadata
  readonly metadata: Metadata
  readonly createdDate: Date | null
  readonly filePath: string | null
}

export interface NormalisedReference extends StoredReference {
  readonly key: Key
}

/** The document's own attributes: filters name them like metadata, so metadata cannot use these names. */
export const ATTRIBUTE_TYPES: Readonly<Record<'title' | 'documentType' | 'createdDate' | 'filePath', FieldType>> = {
  title: 'string',
  documentType: 'string',
  createdDate: 'date',
  filePath: 'string',
}
