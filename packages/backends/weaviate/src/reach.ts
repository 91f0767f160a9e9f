import { readFile } from 'node:fs/promises'
import { connect as connectPlainly, isIP } from 'node:net'
import { addAbortSignal } from 'node:stream'
import { connect as connectSecurely } from 'node:tls'
import { toGrpcError } from './errors.js'

/** Where gRPC is. */
export interface GrpcAddress {
  readonly host: string
  readonly port: number
  readonly secure: boolean
}

/**
 * Resolves where somebody listens at the address and, with TLS, has a certificate that gRPC will trust: the client would say so
 * only after 15 seconds of trying.
 * @throws VeritasError CONNECTION that names host, port and what to set
 */
export const reach = async ({ host, port, secure }: GrpcAddress, signal?: AbortSignal): Promise<void> => {
  const bare = host.replace(/^\[|\]$/g, '')
  // As gRPC chooses them: these, or what Node trusts.
  const roots = process.env.GRPC_DEFAULT_SSL_ROOTS_FILE_PATH
  const ca = secure && roots ? { ca: await readFile(roots) } : {}
  const tls = { ALPNProtocols: ['h2'], ...(isIP(bare) === 0 && { servername: bare }), ...ca }
  const socket = secure ? connectSecurely({ host: bare, port, ...tls }) : connectPlainly({ host: bare, port })
  if (signal) addAbortSignal(signal, socket)
  await new Promise<void>((resolve, reject) => {
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      socket.destroy()
      resolve()
    })
    socket.once('error', (error) => reject(toGrpcError(error, { target: `${host}:${port}` })))
  })
}
