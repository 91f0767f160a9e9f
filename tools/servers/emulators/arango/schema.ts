// Facts of ArangoDB's HTTP API reference, docs.arangodb.com/3.12/develop/http-api (github.com/arangodb/docs-hugo,
// site/content/arangodb/3.12), for what arangojs 10.4 asks of it. Request bodies and query parameters are closed.
import type { RouteContract, Schema } from '../shared/contract.ts'

const str: Schema = { type: 'string' }
const int: Schema = { type: 'integer' }
const num: Schema = { type: 'number' }
const bool: Schema = { type: 'boolean' }
const anyObject: Schema = { type: 'object' }
const array = (items: Schema = {}): Schema => ({ type: 'array', items })
const closed = (properties: Record<string, Schema>, required: string[] = []): Schema => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
})
const open = (properties: Record<string, Schema>, required: string[] = Object.keys(properties)): Schema => ({
  type: 'object',
  properties,
  required,
})
// Query parameters arrive as text.
const flag: Schema = { enum: ['true', 'false', '1', '0', 'yes', 'no', 'on', 'off', 'y', 'n'] }
const flags = (...names: string[]): Record<string, Schema> => Object.fromEntries(names.map((name) => [name, flag]))
const none = closed({})

const failure = closed(
  { error: { const: true }, code: int, errorNum: int, errorMessage: str, _id: str, _key: str, _rev: str },
  ['error', 'code', 'errorNum', 'errorMessage'],
)
const ok = (properties: Record<string, Schema>, code = 200, required = Object.keys(properties)): Schema =>
  closed({ error: { const: false }, code: { const: code }, ...properties }, ['error', 'code', ...required])

interface Parts {
  query?: Schema
  request?: Schema
  answers: Record<string, Schema>
}
const route = (operation: string, method: string, path: string, parts: Parts): RouteContract => ({
  operation,
  method,
  path,
  query: parts.query ?? none,
  ...(parts.request === undefined ? {} : { request: parts.request }),
  answers: { ...parts.answers, error: failure },
})

// --- server, databases ----------------------------------------------------------------------------------------------

const databaseName: Schema = { type: 'string', minLength: 1, maxLength: 128 }
const user = closed({ username: str, passwd: str, active: bool, extra: anyObject }, ['username'])
const serverRoutes: RouteContract[] = [
  route('getVersion', 'GET', '/_api/version', {
    query: closed(flags('details')),
    answers: {
      200: closed({ server: { const: 'arango' }, version: str, license: str, details: anyObject }, [
        'server',
        'version',
        'license',
      ]),
    },
  }),
  route('getEngine', 'GET', '/_api/engine', { answers: { 200: open({ name: { const: 'rocksdb' } }) } }),
  route('getTime', 'GET', '/_admin/time', { answers: { 200: ok({ time: num }) } }),
  route('getServerAvailability', 'GET', '/_admin/server/availability', {
    answers: { 200: ok({ mode: { enum: ['default', 'readonly'] } }) },
  }),
  route('createSessionToken', 'POST', '/_open/auth', {
    request: closed({ username: str, password: str }, ['username', 'password']),
    answers: { 200: closed({ jwt: str }, ['jwt']) },
  }),
  route('renewSessionToken', 'POST', '/_open/auth/renew', { answers: { 200: closed({ jwt: str }) } }),
  route('listDatabases', 'GET', '/_api/database', { answers: { 200: ok({ result: array(str) }) } }),
  route('listUserAccessibleDatabases', 'GET', '/_api/database/user', { answers: { 200: ok({ result: array(str) }) } }),
  route('getCurrentDatabase', 'GET', '/_api/database/current', {
    answers: { 200: ok({ result: open({ name: str, id: str, path: str, isSystem: bool }) }) },
  }),
  route('createDatabase', 'POST', '/_api/database', {
    request: closed({ name: databaseName, options: anyObject, users: array(user) }, ['name']),
    answers: { 201: ok({ result: { const: true } }, 201) },
  }),
  route('deleteDatabase', 'DELETE', '/_api/database/{name}', { answers: { 200: ok({ result: { const: true } }) } }),
]

// --- collections, indexes -------------------------------------------------------------------------------------------

const collectionFacts = {
  id: str,
  name: str,
  status: int,
  type: { enum: [2, 3] },
  isSystem: bool,
  globallyUniqueId: str,
}
const keyOptions = open({ type: { enum: ['traditional', 'autoincrement', 'uuid', 'padded'] }, allowUserKeys: bool }, [])
const settings: Record<string, Schema> = {
  waitForSync: bool,
  keyOptions,
  cacheEnabled: bool,
  schema: { type: ['object', 'null'] },
  computedValues: { type: ['array', 'null'] },
}
const properties = open({ ...collectionFacts, waitForSync: bool, keyOptions, cacheEnabled: bool })
const collectionRoutes: RouteContract[] = [
  route('listCollections', 'GET', '/_api/collection', {
    query: closed(flags('excludeSystem')),
    answers: { 200: ok({ result: array(open(collectionFacts)) }) },
  }),
  route('createCollection', 'POST', '/_api/collection', {
    query: closed(flags('waitForSyncReplication', 'enforceReplicationFactor')),
    request: closed(
      {
        ...settings,
        name: str,
        type: { enum: [2, 3] },
        isSystem: bool,
        numberOfShards: int,
        shardKeys: array(str),
        replicationFactor: { type: ['integer', 'string'] },
        writeConcern: int,
        distributeShardsLike: str,
        shardingStrategy: str,
        smartJoinAttribute: str,
        smartGraphAttribute: str,
      },
      ['name'],
    ),
    answers: { 200: properties },
  }),
  route('getCollection', 'GET', '/_api/collection/{collection}', { answers: { 200: ok(collectionFacts) } }),
  route('getCollectionProperties', 'GET', '/_api/collection/{collection}/properties', { answers: { 200: properties } }),
  route('updateCollectionProperties', 'PUT', '/_api/collection/{collection}/properties', {
    request: closed({ ...settings, replicationFactor: int, writeConcern: int }),
    answers: { 200: properties },
  }),
  route('getCollectionCount', 'GET', '/_api/collection/{collection}/count', {
    query: closed(flags('details')),
    answers: { 200: open({ ...collectionFacts, count: int }) },
  }),
  route('truncateCollection', 'PUT', '/_api/collection/{collection}/truncate', {
    query: closed(flags('waitForSync', 'compact')),
    answers: { 200: ok(collectionFacts) },
  }),
  route('deleteCollection', 'DELETE', '/_api/collection/{collection}', {
    query: closed(flags('isSystem')),
    answers: { 200: ok({ id: str }) },
  }),
]

const indexFacts = { id: str, name: str, type: str, fields: array(str), unique: bool, sparse: bool }
const index = open(indexFacts)
const newIndex = open({ ...indexFacts, isNewlyCreated: bool })
const indexRoutes: RouteContract[] = [
  route('listIndexes', 'GET', '/_api/index', {
    query: closed({ collection: str, ...flags('withStats', 'withHidden') }, ['collection']),
    answers: { 200: ok({ indexes: array(index), identifiers: { type: 'object', additionalProperties: index } }) },
  }),
  route('createIndexPersistent', 'POST', '/_api/index', {
    query: closed({ collection: str }, ['collection']),
    request: closed(
      {
        type: { enum: ['persistent', 'ttl'] },
        name: str,
        fields: { type: 'array', items: str, minItems: 1, maxItems: 32 },
        storedValues: array(str),
        unique: bool,
        sparse: bool,
        deduplicate: bool,
        estimates: bool,
        cacheEnabled: bool,
        inBackground: bool,
        expireAfter: num,
      },
      ['type', 'fields'],
    ),
    answers: { 200: newIndex, 201: newIndex },
  }),
  route('getIndex', 'GET', '/_api/index/{collection}/{index}', { answers: { 200: index } }),
  route('deleteIndex', 'DELETE', '/_api/index/{collection}/{index}', { answers: { 200: ok({ id: str }) } }),
]

// --- documents ------------------------------------------------------------------------------------------------------

const doc = open({ _id: str, _key: str, _rev: str })
const written = closed({ _id: str, _key: str, _rev: str, _oldRev: str, new: doc, old: doc }, ['_id', '_key', '_rev'])
// A failed part of a bulk operation has no code.
const partFailure = closed(
  { error: { const: true }, errorNum: int, errorMessage: str, _id: str, _key: str, _rev: str },
  ['error', 'errorNum', 'errorMessage'],
)
const change = { anyOf: [written, array({ anyOf: [written, partFailure] }), none] }
const changes = { 200: change, 201: change, 202: change }
const reads = { ...flags('waitForSync', 'returnNew', 'returnOld', 'silent', 'refillIndexCaches') }
const merging = flags('keepNull', 'mergeObjects')
const documentRoutes: RouteContract[] = [
  route('createDocument', 'POST', '/_api/document/{collection}', {
    query: closed({
      ...reads,
      ...merging,
      ...flags('overwrite'),
      overwriteMode: { enum: ['ignore', 'replace', 'update', 'conflict'] },
      versionAttribute: str,
    }),
    request: { type: ['object', 'array'] },
    answers: changes,
  }),
  route('getDocument', 'GET', '/_api/document/{collection}/{key}', { answers: { 200: doc, 304: true } }),
  route('getDocumentHeader', 'HEAD', '/_api/document/{collection}/{key}', { answers: { 200: true, 304: true } }),
  route('replaceDocument', 'PUT', '/_api/document/{collection}/{key}', {
    query: closed({ ...reads, ...flags('ignoreRevs'), versionAttribute: str }),
    request: anyObject,
    answers: changes,
  }),
  route('updateDocument', 'PATCH', '/_api/document/{collection}/{key}', {
    query: closed({ ...reads, ...merging, ...flags('ignoreRevs'), versionAttribute: str }),
    request: anyObject,
    answers: changes,
  }),
  route('deleteDocument', 'DELETE', '/_api/document/{collection}/{key}', {
    query: closed(flags('waitForSync', 'returnOld', 'silent', 'refillIndexCaches')),
    answers: changes,
  }),
  // PUT of an array is a read where `onlyget` is set.
  route('replaceDocuments', 'PUT', '/_api/document/{collection}', {
    query: closed({ ...reads, ...flags('ignoreRevs', 'onlyget'), versionAttribute: str }),
    request: array({ type: ['object', 'string'] }),
    answers: { 200: array({ anyOf: [doc, partFailure] }), 201: change, 202: change },
  }),
  route('updateDocuments', 'PATCH', '/_api/document/{collection}', {
    query: closed({ ...reads, ...merging, ...flags('ignoreRevs'), versionAttribute: str }),
    request: array(anyObject),
    answers: changes,
  }),
  route('deleteDocuments', 'DELETE', '/_api/document/{collection}', {
    query: closed(flags('waitForSync', 'returnOld', 'silent', 'ignoreRevs', 'refillIndexCaches')),
    request: array({ type: ['object', 'string'] }),
    answers: changes,
  }),
  route('getNodeEdges', 'GET', '/_api/edges/{collection}', {
    query: closed({ vertex: str, direction: { enum: ['in', 'out', 'any'] } }, ['vertex']),
    answers: { 200: ok({ edges: array(doc), stats: anyObject }) },
  }),
  route('importData', 'POST', '/_api/import', {
    query: closed(
      {
        collection: str,
        type: { enum: ['', 'documents', 'array', 'list', 'auto'] },
        fromPrefix: str,
        toPrefix: str,
        onDuplicate: { enum: ['error', 'update', 'replace', 'ignore'] },
        ...flags('overwriteCollectionPrefix', 'overwrite', 'waitForSync', 'complete', 'details', 'ignoreMissing'),
      },
      ['collection'],
    ),
    answers: {
      201: closed(
        {
          error: { const: false },
          created: int,
          errors: int,
          empty: int,
          updated: int,
          ignored: int,
          details: array(str),
        },
        ['created', 'errors', 'empty', 'updated', 'ignored'],
      ),
    },
  }),
]

// --- queries, transactions ------------------------------------------------------------------------------------------

const stats = open({
  writesExecuted: int,
  writesIgnored: int,
  documentLookups: int,
  seeks: int,
  scannedFull: int,
  scannedIndex: int,
  cursorsCreated: int,
  cursorsRearmed: int,
  cacheHits: int,
  cacheMisses: int,
  filtered: int,
  httpRequests: int,
  executionTime: num,
  peakMemoryUsage: int,
  intermediateCommits: int,
})
const batch = {
  result: array(),
  hasMore: bool,
  count: int,
  id: str,
  nextBatchId: str,
  cached: bool,
  extra: open({ warnings: array(open({ code: int, message: str })), stats }),
}
const cursor = (code: number): Schema => ok(batch, code, ['result', 'hasMore', 'cached', 'extra'])
const queryOptions = closed({
  ...Object.fromEntries(
    (
      'fullCount fillBlockCache failOnWarning allowRetry stream cache usePlanCache skipInaccessibleCollections ' +
      'allowDirtyReads'
    )
      .split(' ')
      .map((name) => [name, bool]),
  ),
  ...Object.fromEntries(
    (
      'maxNumberOfPlans maxNodesPerCallstack maxWarningCount spillOverThresholdMemoryUsage spillOverThresholdNumRows ' +
      'profile satelliteSyncWait maxRuntime maxDNFConditionMembers maxTransactionSize intermediateCommitSize ' +
      'intermediateCommitCount'
    )
      .split(' ')
      .map((name) => [name, num]),
  ),
  optimizer: closed({ rules: array(str) }),
})
const names: Schema = { type: ['string', 'array'], items: str }
const transaction = (status: string[]): Schema =>
  ok({ result: closed({ id: str, status: { enum: status } }, ['id', 'status']) })
const queryRoutes: RouteContract[] = [
  route('createAqlQueryCursor', 'POST', '/_api/cursor', {
    request: closed(
      {
        query: str,
        bindVars: anyObject,
        count: bool,
        batchSize: { type: 'integer', minimum: 1 },
        ttl: num,
        memoryLimit: int,
        cache: bool,
        options: queryOptions,
      },
      ['query'],
    ),
    answers: { 201: cursor(201) },
  }),
  route('getNextAqlQueryCursorBatch', 'POST', '/_api/cursor/{id}', { answers: { 200: cursor(200) } }),
  route('getPreviousAqlQueryCursorBatch', 'POST', '/_api/cursor/{id}/{batch}', { answers: { 200: cursor(200) } }),
  route('deleteAqlQueryCursor', 'DELETE', '/_api/cursor/{id}', { answers: { 202: ok({ id: str }, 202) } }),
  route('parseAqlQuery', 'POST', '/_api/query', {
    request: closed({ query: str }, ['query']),
    answers: { 200: ok({ parsed: bool, collections: array(str), bindVars: array(str), ast: array() }) },
  }),
  route('beginStreamTransaction', 'POST', '/_api/transaction/begin', {
    request: closed(
      {
        collections: closed({ read: names, write: names, exclusive: names, allowImplicit: bool }),
        waitForSync: bool,
        lockTimeout: num,
        maxTransactionSize: int,
        allowImplicit: bool,
        skipFastLockRound: bool,
      },
      ['collections'],
    ),
    answers: { 201: ok({ result: closed({ id: str, status: { const: 'running' } }, ['id', 'status']) }, 201) },
  }),
  route('listStreamTransactions', 'GET', '/_api/transaction', {
    answers: {
      200: closed({ transactions: array(closed({ id: str, state: str }, ['id', 'state'])) }, ['transactions']),
    },
  }),
  route('getStreamTransaction', 'GET', '/_api/transaction/{id}', {
    answers: { 200: transaction(['running', 'committed', 'aborted']) },
  }),
  route('commitStreamTransaction', 'PUT', '/_api/transaction/{id}', { answers: { 200: transaction(['committed']) } }),
  route('abortStreamTransaction', 'DELETE', '/_api/transaction/{id}', { answers: { 200: transaction(['aborted']) } }),
]

export const routes: RouteContract[] = [
  ...serverRoutes,
  ...collectionRoutes,
  ...indexRoutes,
  ...documentRoutes,
  ...queryRoutes,
]
