// Pinecone's two error shapes: the data plane answers rpcStatus, the control plane ErrorResponse.
import type { Reply } from '../shared/http.ts'

export class ApiError extends Error {
  readonly status: number
  readonly headers: Record<string, string>

  constructor(status: number, message: string, headers: Record<string, string> = {}) {
    super(message)
    this.status = status
    this.headers = headers
  }
}

export const invalid = (message: string): ApiError => new ApiError(400, message)
export const notFound = (message: string): ApiError => new ApiError(404, message)

// gRPC status numbers and their names by HTTP status.
const codes: Record<number, [number, string]> = {
  400: [3, 'INVALID_ARGUMENT'],
  401: [16, 'UNAUTHENTICATED'],
  403: [7, 'FORBIDDEN'],
  404: [5, 'NOT_FOUND'],
  409: [6, 'ALREADY_EXISTS'],
  413: [8, 'PAYLOAD_TOO_LARGE'],
  422: [3, 'UNPROCESSABLE_ENTITY'],
  429: [8, 'RESOURCE_EXHAUSTED'],
  500: [13, 'INTERNAL'],
  501: [12, 'UNKNOWN'],
  503: [14, 'SERVICE_UNAVAILABLE'],
}

export const errorReply = (error: ApiError, plane: 'data' | 'control'): Reply => {
  const [number, name] = codes[error.status] ?? [2, 'UNKNOWN']
  const { status, message, headers } = error
  if (plane === 'control') return { status, headers, body: { status, error: { code: name, message } } }
  // The data plane's 401 is plain text.
  if (status === 401) return { status, headers, body: message }
  return { status, headers, body: { code: number, message, details: [] } }
}
