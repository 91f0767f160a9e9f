/** The part of usearch that is measured here; it is installed outside the workspace. */
export declare class Index {
  constructor(options: { metric: string; dimensions: number; connectivity: number })
  add(key: bigint, vector: Float32Array): void
  search(vector: Float32Array, k: number, threads: number): { keys: BigUint64Array; distances: Float32Array }
}
