import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import { VeritasError } from '@veritas-db/core/contract'
import type { ClientBase, PoolConfig } from 'pg'
import type { PostgresConfig } from './config.js'
import type { Limits } from './connection.js'

export interface Address {
  /** `host:port`, for messages. */
  readonly address: string
  /** `host:port/database`, which tells databases apart. */
  readonly location: string
}

/** Where the database is, as far as can be told without connecting. @throws VeritasError CONFIGURATION */
export const addressOf = (config: PostgresConfig): Address => {
  const { env } = process
  if (config.client) {
    const { host, port, database, user, connectionString } = config.client.options
    if (connectionString !== undefined) return fromUrl(connectionString)
    return addressFrom(host, port, database ?? user)
  }
  if (config.url) return fromUrl(config.url.reveal())
  return addressFrom(config.host, config.port, config.database ?? env.PGDATABASE ?? config.user)
}

const addressFrom = (host?: string, port?: number | string, database?: string): Address => {
  const { env } = process
  const address = `${host || env.PGHOST || 'localhost'}:${port || env.PGPORT || 5432}`
  return { address, location: `${address}/${database || env.PGDATABASE || env.PGUSER || env.USER || ''}` }
}

const fromUrl = (text: string): Address => {
  if (!URL.canParse(text))
    throw new VeritasError({
      code: 'CONFIGURATION',
      path: 'url',
      message: 'url: cannot be read; it looks like postgresql://user:password@host:port/database',
    })
  const url = new URL(text)
  const host = url.searchParams.get('host') || decodeURIComponent(url.hostname)
  const port = url.searchParams.get('port') || url.port
  return addressFrom(host, port, decodeURIComponent(url.pathname.slice(1)) || decodeURIComponent(url.username))
}

export const poolSizeOf = ({ client, poolSize }: PostgresConfig, limits: Limits): number =>
  client?.options.max ?? poolSize ?? limits.poolSize

/** The options of `pg` for a pool of our own. */
export const poolOptions = (config: PostgresConfig, limits: Limits): PoolConfig => {
  const { url, host, port, database, user, password, ssl, sslNegotiation } = config
  const statementTimeoutMs = config.statementTimeoutMs ?? limits.queryTimeoutMs
  return {
    ...(url && { connectionString: withPassword(url.reveal(), password?.reveal()) }),
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
    ...(database !== undefined && { database }),
    ...(user !== undefined && { user }),
    ...(password && !url && { password: password.reveal() }),
    ...(ssl !== undefined && { ssl: typeof ssl === 'boolean' ? ssl : tlsOptions(ssl) }),
    ...(sslNegotiation && { sslnegotiation: sslNegotiation }),
    max: poolSizeOf(config, limits),
    connectionTimeoutMillis: config.connectTimeoutMs,
    idleTimeoutMillis: config.idleTimeoutMs,
    application_name: config.applicationName,
    keepAlive: true,
    ...(!config.transactionPooling && { onConnect: noticeDisconnects }),
    // A pooler refuses settings that it does not know at the start of a connection.
    ...(statementTimeoutMs > 0 && !config.transactionPooling && { statement_timeout: statementTimeoutMs }),
  }
}

/**
 * Has the server end what it runs for us soon after an aborted call has closed its connection; otherwise it would finish it
 * first. PostgreSQL 14 and newer can, on systems that tell of closed sockets.
 */
const noticeDisconnects = (client: ClientBase): Promise<unknown> =>
  client.query(
    `SELECT set_config(name, '1s', false) FROM pg_settings WHERE name = 'client_connection_check_interval' AND version() !~* 'mingw|windows|visual'`,
  )

const tlsOptions = (ssl: Exclude<PostgresConfig['ssl'], boolean | undefined>): NonNullable<PoolConfig['ssl']> => {
  const { ca, cert, key, passphrase, servername, rejectUnauthorized } = ssl
  return {
    rejectUnauthorized,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key && { key: key.reveal() }),
    ...(passphrase && { passphrase: passphrase.reveal() }),
    // `pg` puts a host's name in the place of `servername`: so the certificate is compared here.
    ...(servername !== undefined && {
      servername,
      checkServerIdentity: (_host: string, certificate: PeerCertificate) =>
        checkServerIdentity(servername, certificate),
    }),
  }
}

/** `pg` lets a URL win over options beside it, even where the URL has no password. */
const withPassword = (url: string, password: string | undefined): string => {
  if (password === undefined) return url
  const parsed = new URL(url)
  parsed.password = encodeURIComponent(password)
  return parsed.href
}
