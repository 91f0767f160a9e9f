import { shortNumbers } from '@veritas-db/core/contract'
import type { AdminClientArgs, ChromaClient } from 'chromadb'

type Chroma = typeof import('chromadb')
type Preflight = Awaited<ReturnType<ChromaClient['getPreflightChecks']>>

/** Where the server is, and what every request carries. */
export interface ServerArgs extends AdminClientArgs {
  readonly tenant: string
  readonly database: string
}

/**
 * A vector that becomes base64 when the request is written. The client would make it from an array of numbers, byte by
 * byte, which takes longer than all the rest it does. It is an array of one element only so as not to look empty.
 */
class EncodedVector extends Array<number> {
  readonly #vector: Float32Array

  constructor(vector: Float32Array) {
    super(1)
    this.fill(0)
    this.#vector = vector
  }

  static override get [Symbol.species](): ArrayConstructor {
    return Array
  }

  toJSON(): string {
    const { buffer, byteOffset, byteLength } = this.#vector
    return Buffer.from(buffer, byteOffset, byteLength).toString('base64')
  }
}

/**
 * How a request is written. The client's own way calls a function for every number, which for a query takes longer than all the
 * rest it does. A version that does not look at this would only be slower.
 */
const serializer = { bodySerializer: (body: unknown): string => JSON.stringify(body) }

/** Makes clients: the package ties a signal to a client, not to a call, and clients cost some 25 µs each. */
export interface ClientFactory {
  /** A client whose requests end when the signal fires. */
  client(signal?: AbortSignal): ChromaClient
  /** The vector as `embeddings` of such a client take it. */
  vector(vector: Float32Array): number[]
  /** What the server says of itself; asked once. */
  preflight(signal?: AbortSignal): Promise<Preflight>
  /** Rejects where the server does not know the database, or the token is not good for it. */
  checkDatabase(signal?: AbortSignal): Promise<unknown>
}

/** A factory of clients to one server. */
export const clientFactory = (chroma: Chroma, args: ServerArgs): ClientFactory => {
  let known: Preflight | undefined

  class OwnClient extends chroma.ChromaClient {
    override async getPreflightChecks(): Promise<Preflight> {
      known ??= await super.getPreflightChecks()
      return known
    }

    // Vectors come encoded already, where the server takes them so.
    override async supportsBase64Encoding(): Promise<boolean> {
      return false
    }
  }

  const withSignal = (signal: AbortSignal | undefined): ServerArgs => ({
    ...args,
    fetchOptions: { ...serializer, ...args.fetchOptions, ...(signal && { signal }) },
  })
  const unsignalled = new OwnClient(withSignal(undefined))
  const client = (signal?: AbortSignal): ChromaClient => (signal ? new OwnClient(withSignal(signal)) : unsignalled)
  return {
    client,
    vector: (vector) => (known?.supports_base64_encoding ? new EncodedVector(vector) : shortNumbers(vector)),
    preflight: (signal) => client(signal).getPreflightChecks(),
    checkDatabase: async (signal) => {
      // A listing of the collections of a database that is not there is no error: it is empty.
      const admin = new chroma.AdminClient(withSignal(signal))
      return admin.getDatabase({ name: args.database, tenant: args.tenant })
    },
  }
}

/** The one client that was given to us: it knows no signals, and encodes vectors itself. */
export const injectedFactory = (client: ChromaClient): ClientFactory => ({
  client: () => client,
  vector: shortNumbers,
  preflight: () => client.getPreflightChecks(),
  checkDatabase: () => client.countCollections(),
})
