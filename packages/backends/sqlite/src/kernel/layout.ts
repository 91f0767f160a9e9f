/** Rows in a block, and in a persisted chunk of codes. */
export const blockRows = 1024

// Bytes of a block, of the groups of four rows in it, and of what a group begins with; kernel/scan.ts has the same numbers.
export const maskBytes: number = blockRows / 8
const groupRows = 4
const biasOffset = 16
const codesOffset = 32

/** Bytes of one row's codes: its dimensions, padded with zeros to a multiple of 16. */
export const strideOf = (dimensions: number): number => (dimensions + 15) & ~15

const groupBytes = (stride: number): number => codesOffset + groupRows * stride

/** Bytes of one persisted chunk: a block without its mask. */
export const chunkBytes = (stride: number): number => (blockRows / groupRows) * groupBytes(stride)

/** Bytes of one block in memory. */
export const blockBytes = (stride: number): number => maskBytes + chunkBytes(stride)

// Where a row has what, from the start of its block, in bytes.
const groupOf = (row: number, stride: number): number => maskBytes + (row >> 2) * groupBytes(stride)
export const scaleAt = (row: number, stride: number): number => groupOf(row, stride) + (row & 3) * 4
export const biasAt = (row: number, stride: number): number => scaleAt(row, stride) + biasOffset
/** The first 16 codes of a row; the next 16 follow 64 bytes later. */
export const codesAt = (row: number, stride: number): number => groupOf(row, stride) + codesOffset + (row & 3) * 16

/** Most candidates one scan returns. */
export const maxCandidates = 8192

// A memory starts with the counter of blocks taken, and a heap of candidates for each thread.
export const counterAt = 0
export const heapAt = (thread: number): number => 64 + thread * maxCandidates * 8
