/** Rows in a block, and in a persisted chunk of codes. */
export const blockRows = 1024

// Byte offsets inside a block; kernel/scan.ts has the same numbers.
const maskBytes: number = blockRows / 8
const columnBytes: number = blockRows * 4
export const scaleOffset: number = maskBytes
export const biasOffset: number = maskBytes + columnBytes
export const codesOffset: number = maskBytes + 2 * columnBytes

/** Bytes of one row's codes: its dimensions, padded with zeros to a multiple of 16. */
export const strideOf = (dimensions: number): number => (dimensions + 15) & ~15

/** Bytes of one block in memory. */
export const blockBytes = (stride: number): number => codesOffset + blockRows * stride

/** Bytes of one persisted chunk: a block without its mask. */
export const chunkBytes = (stride: number): number => blockBytes(stride) - maskBytes

/** Offset, inside a block, of the first 16 codes of a row; the next 16 follow 64 bytes later. */
export const rowOffset = (row: number, stride: number): number => codesOffset + (row >> 2) * stride * 4 + (row & 3) * 16
