import {
  type CollectionDefinition,
  checkNode as checkAnyNode,
  checkVectorRecord as checkAnyRecord,
  invalid,
  type NodeRecord,
  type VectorRecord,
} from '@veritas-db/core/contract'

/** Refuses a vector whose length is zero or beyond single precision: the index takes no such under cosine. @throws VeritasError VALIDATION */
export const checkDirection = (vector: Float32Array): void => {
  let squares = 0
  for (const x of vector) squares += x * x
  const single = Math.fround(squares)
  if (single === 0 || !Number.isFinite(single))
    throw invalid('vector', 'has no direction (it is zero, or beyond single precision): cosine compares directions')
}

/** Checks one node. @throws VeritasError VALIDATION */
export const checkNode = (node: NodeRecord, isReserved: (label: string) => boolean): void => {
  checkAnyNode(node)
  if (isReserved(node.label))
    throw invalid('label', `${node.label} is reserved: labels that start like this one tell collections apart`)
}

/** Checks one vector record. @throws VeritasError VALIDATION */
export const checkVectorRecord = (
  record: VectorRecord,
  definition: Pick<CollectionDefinition, 'dimensions' | 'metric'> | undefined,
): void => {
  checkAnyRecord(record, definition)
  if (definition?.metric === 'cosine') checkDirection(record.vector)
}
