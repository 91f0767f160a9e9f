import { checkVectorRecord as checkAnyRecord, invalid, type Metric, type VectorRecord } from '@veritas-db/core/contract'

/** Checks one vector record. @throws VeritasError VALIDATION */
export const checkVectorRecord = (
  record: VectorRecord,
  definition?: { readonly dimensions: number; readonly metric: Metric },
): void => {
  checkAnyRecord(record, definition)
  if (definition?.metric === 'cosine') checkDirection(record.vector, 'vector')
}

/** Refuses a vector that points nowhere: the index would compute no distance from it. @throws VeritasError VALIDATION */
export const checkDirection = (vector: Float32Array, path: string): void => {
  if (vector.every((x) => x === 0)) throw invalid(path, 'is all zeros, which has no cosine similarity with anything')
}
