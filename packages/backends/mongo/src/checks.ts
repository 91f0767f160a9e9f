import {
  checkEdge as checkAnyEdge,
  checkNode as checkAnyNode,
  checkRow as checkAnyRow,
  type EdgeRecord,
  invalid,
  type NodeRecord,
  type RowRecord,
} from '@veritas-db/core/contract'
import { bsonSize, maxDocumentBytes } from './values.js'

/** Checks the bytes of what becomes one document. @throws VeritasError VALIDATION */
export const checkSize = (bytes: number, path: string): void => {
  if (bytes > maxDocumentBytes)
    throw invalid(path, `takes ${bytes} bytes, and a document of MongoDB holds at most ${maxDocumentBytes}`)
}

/** Checks one node. @throws VeritasError VALIDATION */
export const checkNode = (node: NodeRecord): void => {
  checkAnyNode(node)
  checkSize(bsonSize(node.properties), 'properties')
}

/** Checks one edge. @throws VeritasError VALIDATION */
export const checkEdge = (edge: EdgeRecord): void => {
  checkAnyEdge(edge)
  checkSize(bsonSize(edge.properties), 'properties')
}

/** Checks one row; without columns, only what holds for every table. @throws VeritasError VALIDATION */
export const checkRow = (row: RowRecord, columns?: Parameters<typeof checkAnyRow>[1]): void => {
  checkAnyRow(row, columns)
  checkSize(bsonSize(row.values), 'values')
}
