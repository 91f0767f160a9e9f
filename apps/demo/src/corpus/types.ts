import type { FieldType, VeritasDocument } from '@veritas-db/core'

/** Something that was not read, or not read whole. */
export interface Problem {
  /** The document's id, as far as it is known. */
  readonly id: string
  readonly why: string
  /** Set where the id is a folder's: what is known of the documents in it stays as it is. */
  readonly folder?: true
}

/** What the demo reads: a stream of documents, and what is known of them beforehand. */
export interface Corpus {
  readonly kind: 'packages' | 'folder'
  /** As in "325 packages installed in node_modules". */
  readonly description: string
  /** One and several of what a document is. */
  readonly noun: readonly [string, string]
  readonly collection: string
  /** The type of references. */
  readonly edgeType: string
  /** Types of metadata fields that every document may have. */
  readonly fields: Readonly<Record<string, FieldType>>
  /** How many documents to expect. */
  readonly total: number
  /** Reads one document at a time. What cannot be read is told to `onProblem`, and the others go on. */
  documents(onProblem: (problem: Problem) => void): AsyncGenerator<VeritasDocument>
}
