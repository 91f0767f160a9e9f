import type { RoleName } from '../contract/errors.js'
import type { RoleTypes } from '../contract/plugin.js'
import { DOCUMENT_LABEL, DOCUMENT_TABLE, documentTable } from '../documents/project.js'
import type { Collection } from './collections.js'

/** Makes a collection's table, vectors and graph schema in each store, once a process, and again where new edge types appear. */
export class SchemaKeeper {
  readonly #roles: Partial<RoleTypes>
  readonly #ready: Map<string, Promise<void>> = new Map()
  readonly #edgeTypes: Map<string, Set<string>> = new Map()

  constructor(roles: Partial<RoleTypes>) {
    this.#roles = roles
  }

  /** Makes what one leg of the collection needs. */
  ensure(role: RoleName, collection: Collection, edgeTypes: ReadonlySet<string>, signal?: AbortSignal): Promise<void> {
    const id = `${role} ${idOf(collection)}`
    const known = this.#edgeTypes.get(id)
    const news = role === 'graph' && [...edgeTypes].some((type) => !known?.has(type))
    const ready = this.#ready.get(id)
    if (ready && !news) return ready
    const types = new Set([...(known ?? []), ...edgeTypes])
    this.#edgeTypes.set(id, types)
    const work = this.#make(role, collection, types, signal).catch((error: unknown) => {
      // The next write tries again.
      this.#ready.delete(id)
      this.#edgeTypes.delete(id)
      throw error
    })
    this.#ready.set(id, work)
    return work
  }

  forget(collection: Collection): void {
    for (const role of ['vector', 'graph', 'relational']) {
      this.#ready.delete(`${role} ${idOf(collection)}`)
      this.#edgeTypes.delete(`${role} ${idOf(collection)}`)
    }
  }

  async #make(
    role: RoleName,
    collection: Collection,
    edgeTypes: ReadonlySet<string>,
    signal?: AbortSignal,
  ): Promise<void> {
    const { scope, dimensions, metric, fields } = collection
    const common = signal ? { scope, signal } : { scope }
    if (role === 'relational')
      await this.#roles.relational?.ensureTable({
        ...common,
        table: DOCUMENT_TABLE,
        ...documentTable(fields),
      })
    if (role === 'vector') await this.#roles.vector?.ensureCollection({ ...common, dimensions, metric, fields })
    // Where the authority has full text, a second index over the nodes would only cost.
    const textFields = this.#roles.relational?.capabilities.fullText ? [] : ['title']
    if (role === 'graph')
      await this.#roles.graph?.ensureSchema({
        ...common,
        labels: [DOCUMENT_LABEL],
        edgeTypes: [...edgeTypes],
        fields,
        textFields,
      })
  }
}

function idOf(collection: Collection): string {
  return `${collection.scope.tenant ?? ''}/${collection.scope.collection}/${collection.scope.incarnation}`
}
