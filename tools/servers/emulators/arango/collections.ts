// Databases, collections and indexes: docs.arangodb.com/3.12/develop/http-api/databases, …/collections, …/indexes.
import { ArangoFailure } from './aql/errors.ts'
import { compare, isArray, isObjectValue, type ObjectValue, own, toBool, toText, type Value } from './aql/values.ts'
import { type ArangoRequest, bodyObject, type Handler, ok, on, param } from './request.ts'
import { Collection, Database, type IndexDefinition, tick } from './store.ts'

const find = (request: ArangoRequest): Collection => request.database.collection(param(request, 'collection'))

const facts = (collection: Collection): ObjectValue => ({
  id: collection.id,
  name: collection.name,
  status: 3,
  type: collection.type,
  isSystem: collection.name.startsWith('_'),
  globallyUniqueId: `h${collection.id}/${collection.id}`,
})

const full = (collection: Collection): ObjectValue => ({
  error: false,
  code: 200,
  ...facts(collection),
  ...collection.properties,
})

// The traditional naming rules: a letter or underscore, then letters, digits, _ and -.
const namePattern = /^[A-Za-z_][A-Za-z0-9_-]{0,255}$/

const create: Handler = (request) => {
  const { database } = request
  const { name, type, isSystem, ...given } = bodyObject(request)
  const text = toText(name ?? null)
  if (!namePattern.test(text) || (text.startsWith('_') && isSystem !== true))
    throw new ArangoFailure(1208, `collection name '${text}'`)
  if (database.collections.has(text)) throw new ArangoFailure(1207, text)
  const properties: ObjectValue = {
    waitForSync: false,
    keyOptions: { allowUserKeys: true, type: 'traditional', lastValue: 0 },
    cacheEnabled: false,
    writeConcern: 1,
    syncByRevision: true,
    schema: null,
    computedValues: null,
    ...given,
  }
  if (isObjectValue(properties.schema ?? null) || isArray(properties.computedValues ?? null))
    throw new ArangoFailure(9, 'the emulator does not know document schemas and computed values')
  const collection = new Collection(text, type === 3 ? 3 : 2, properties)
  database.collections.set(text, collection)
  return { status: 200, body: full(collection) }
}

const update: Handler = (request) => {
  const collection = find(request)
  Object.assign(collection.properties, bodyObject(request))
  return { status: 200, body: full(collection) }
}

const truncate: Handler = (request) => {
  const collection = find(request)
  const view = request.session.view(collection.name)
  for (const doc of view.all()) view.put(toText(doc._key ?? null), null)
  return ok(facts(collection))
}

const drop: Handler = (request) => {
  const collection = find(request)
  request.database.collections.delete(collection.name)
  return ok({ id: collection.id })
}

const collectionOf = (request: ArangoRequest): Collection => request.database.collection(request.query.collection ?? '')

const same = (index: IndexDefinition, wanted: ObjectValue): boolean =>
  ['type', 'fields', 'unique', 'sparse'].every((name) => compare(index[name] ?? null, wanted[name] ?? null) === 0)

const ensureIndex: Handler = (request) => {
  const collection = collectionOf(request)
  const { inBackground, ...body } = bodyObject(request)
  const fields = own(body, 'fields')
  const wanted: ObjectValue = {
    ...(body.type === 'ttl' ? {} : { deduplicate: true, cacheEnabled: false }),
    estimates: true,
    ...body,
    unique: toBool(body.unique ?? null),
    sparse: toBool(body.sparse ?? null) || body.type === 'ttl',
  }
  const known = collection.indexes.find((index) => same(index, wanted))
  if (known) return { status: 200, body: { error: false, code: 200, ...known, isNewlyCreated: false } }
  const number = tick()
  const name = toText(body.name ?? `idx_${number}`)
  if (collection.indexes.some((index) => index.name === name)) throw new ArangoFailure(1207, `index name ${name}`)
  const index: IndexDefinition = {
    ...wanted,
    id: `${collection.name}/${number}`,
    name,
    type: toText(body.type ?? null),
    fields: fields !== null && isArray(fields) ? fields.map(toText) : [],
    unique: toBool(wanted.unique ?? null),
    sparse: toBool(wanted.sparse ?? null),
  }
  collection.addIndex(index)
  return { status: 201, body: { error: false, code: 201, ...index, isNewlyCreated: true } }
}

const findIndex = (request: ArangoRequest): { collection: Collection; index: IndexDefinition } => {
  const collection = find(request)
  const wanted = param(request, 'index')
  const index = collection.indexes.find((i) => i.id === `${collection.name}/${wanted}` || i.name === wanted)
  if (!index) throw new ArangoFailure(1212)
  return { collection, index }
}

const listIndexes: Handler = (request) => {
  const { indexes } = collectionOf(request)
  return ok({ indexes: [...indexes], identifiers: Object.fromEntries(indexes.map((index) => [index.id, index])) })
}

const systemOnly = ({ database }: ArangoRequest): void => {
  if (database.name !== '_system') throw new ArangoFailure(1230)
}

const createDatabase: Handler = (request) => {
  systemOnly(request)
  const name = toText(own(bodyObject(request), 'name'))
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(name)) throw new ArangoFailure(1229)
  if (request.databases.has(name)) throw new ArangoFailure(1207, name)
  request.databases.set(name, new Database(name))
  return ok({ result: true }, 201)
}

const dropDatabase: Handler = (request) => {
  systemOnly(request)
  const name = param(request, 'name')
  if (name === '_system') throw new ArangoFailure(1230)
  if (!request.databases.delete(name)) throw new ArangoFailure(1228, name)
  return ok({ result: true })
}

const databaseNames = ({ databases }: ArangoRequest): Value[] => [...databases.keys()]

export const collectionHandlers: Record<string, Handler> = {
  listDatabases: (request) => {
    systemOnly(request)
    return ok({ result: databaseNames(request) })
  },
  listUserAccessibleDatabases: (request) => ok({ result: databaseNames(request) }),
  getCurrentDatabase: ({ database }) =>
    ok({ result: { name: database.name, id: database.id, path: '', isSystem: database.name === '_system' } }),
  createDatabase,
  deleteDatabase: dropDatabase,
  listCollections: ({ database, query }) =>
    ok({
      result: [...database.collections.values()]
        .filter((c) => !(on(query.excludeSystem) && c.name.startsWith('_')))
        .map(facts),
    }),
  createCollection: create,
  getCollection: (request) => ok(facts(find(request))),
  getCollectionProperties: (request) => ({ status: 200, body: full(find(request)) }),
  updateCollectionProperties: update,
  getCollectionCount: (request) => ({
    status: 200,
    body: { ...full(find(request)), count: request.session.view(param(request, 'collection')).all().length },
  }),
  truncateCollection: truncate,
  deleteCollection: drop,
  listIndexes,
  createIndexPersistent: ensureIndex,
  getIndex: (request) => ({ status: 200, body: { error: false, code: 200, ...findIndex(request).index } }),
  deleteIndex: (request) => {
    const { collection, index } = findIndex(request)
    if (index.type === 'primary' || index.type === 'edge') throw new ArangoFailure(10, 'this index cannot be dropped')
    collection.dropIndex(index.id)
    return ok({ id: index.id })
  },
}
