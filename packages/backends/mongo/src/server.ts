import { type ProbeResult, VeritasError } from '@veritas-db/core/contract'
import type { Db, MongoClient, MongoClientOptions } from 'mongodb'
import type { MongoConfig } from './config.js'
import { codeOf, meaningOf } from './errors.js'

/** The hosts of a connection string, without user and password. */
export const hostsOf = (url: string): string => {
  const authority = /^mongodb(?:\+srv)?:\/\/([^/?]*)/i.exec(url)?.[1] ?? ''
  const hosts = authority.slice(authority.lastIndexOf('@') + 1).split(',')
  const port = url.toLowerCase().startsWith('mongodb+srv:') ? '' : ':27017'
  return hosts
    .map((host) => (/:\d+$/.test(host) || host.includes('%2F') ? host : host + port))
    .sort()
    .join(',')
}

/** The driver's options. */
export const clientOptions = (config: MongoConfig, poolSize: number, queryTimeoutMs: number): MongoClientOptions => {
  const { username, password, tlsCertificateKeyFilePassword } = config
  return {
    appName: 'veritas',
    // Retrying is the manager's work.
    retryReads: false,
    retryWrites: false,
    maxPoolSize: poolSize,
    serverSelectionTimeoutMS: Math.min(config.connectTimeoutMs, queryTimeoutMs),
    connectTimeoutMS: config.connectTimeoutMs,
    socketTimeoutMS: config.socketTimeoutMs,
    waitQueueTimeoutMS: queryTimeoutMs,
    ...(username !== undefined && { auth: { username, ...(password && { password: password.reveal() }) } }),
    ...(config.authSource !== undefined && { authSource: config.authSource }),
    ...(config.authMechanism !== undefined && { authMechanism: config.authMechanism }),
    ...(config.replicaSet !== undefined && { replicaSet: config.replicaSet }),
    ...(config.directConnection !== undefined && { directConnection: config.directConnection }),
    ...(config.tls !== undefined && { tls: config.tls }),
    ...(config.tlsCAFile !== undefined && { tlsCAFile: config.tlsCAFile }),
    ...(config.tlsCertificateKeyFile !== undefined && { tlsCertificateKeyFile: config.tlsCertificateKeyFile }),
    ...(tlsCertificateKeyFilePassword && {
      tlsCertificateKeyFilePassword: tlsCertificateKeyFilePassword.reveal(),
    }),
    ...(config.tlsAllowInvalidCertificates !== undefined && {
      tlsAllowInvalidCertificates: config.tlsAllowInvalidCertificates,
    }),
    ...(config.tlsAllowInvalidHostnames !== undefined && { tlsAllowInvalidHostnames: config.tlsAllowInvalidHostnames }),
  }
}

/** What speaks MongoDB's protocol need not be MongoDB; some of it says so. */
export const describeProduct = (build: Readonly<Record<string, unknown>>): ProbeResult => {
  const version = typeof build.version === 'string' ? build.version : 'unknown'
  if (typeof build.secantusVersion === 'string') return { product: 'SecantusDB', version: build.secantusVersion }
  if (typeof build.ferretdb === 'object' || typeof build.ferretdbVersion === 'string')
    return { product: 'FerretDB', version }
  return { product: 'MongoDB', version }
}

/** @throws VeritasError CONFIGURATION for a MongoDB before 6.0: what edges are written and read with came with 5.2. */
export const refuseOldServer = ({ product, version }: ProbeResult, hosts: string): void => {
  if (product === 'MongoDB' && Number.parseInt(version, 10) < 6)
    throw new VeritasError({
      code: 'CONFIGURATION',
      message: `MongoDB at ${hosts} is ${version}: this backend needs 6.0 or newer.`,
    })
}

/** A transaction that reads nothing: a server that is no replica set refuses its first command. */
export const hasTransactions = async (client: MongoClient, db: Db): Promise<boolean> => {
  const session = client.startSession()
  try {
    session.startTransaction({ readConcern: { level: 'snapshot' } })
    await db.collection('veritas_probe').findOne({}, { session })
    await session.abortTransaction()
    return true
  } catch (error) {
    if (isUnavailable(error)) throw error
    return false
  } finally {
    await session.endSession()
  }
}

/** A text search without its index: a server that has text search misses the index, another one the operator. */
export const hasText = async (db: Db, maxTimeMS: number): Promise<boolean> => {
  try {
    await db.collection('veritas_probe').findOne({ $text: { $search: 'veritas' } }, { maxTimeMS })
    return true
  } catch (error) {
    if (isUnavailable(error)) throw error
    return codeOf(error) === indexNotFound
  }
}

/**
 * Asks for what vectors need; nothing need be there to ask it of. Servers before 7.1 without search list no index and say
 * nothing, so it takes both questions. @throws VeritasError CONFIGURATION where the server has no `$vectorSearch`
 */
export const requireVectorSearch = async (db: Db, hosts: string, maxTimeMS: number): Promise<void> => {
  const probe = db.collection('veritas_probe')
  const search = { index: 'veritas_probe', path: 'e', queryVector: [1], numCandidates: 1, limit: 1 }
  try {
    await probe.listSearchIndexes({ maxTimeMS }).toArray()
    await probe.aggregate([{ $vectorSearch: search }], { maxTimeMS }).toArray()
  } catch (error) {
    if (isUnavailable(error)) throw error
    if (codeOf(error) === namespaceNotFound) return
    const said = error instanceof Error ? error.message : String(error)
    throw new VeritasError({
      code: 'CONFIGURATION',
      message: `MongoDB at ${hosts} cannot search vectors (it says: ${said}). $vectorSearch is part of MongoDB Atlas, of local Atlas deployments and of MongoDB Community 8.2 and newer with mongot beside it: connect to one of these, or use another backend for vectors.`,
    })
  }
}

const namespaceNotFound = 26
const indexNotFound = 27

/** Whether the server could not be asked at all. */
const isUnavailable = (error: unknown): boolean =>
  error instanceof Error &&
  ['CONNECTION', 'TIMEOUT', 'UNAVAILABLE', 'AUTHENTICATION'].includes(meaningOf(error)?.code ?? '')
