import { randomBytes } from 'node:crypto'
import { throwIfAborted } from '@veritas-db/core/contract'
import type { HugeGraphConfig } from './config.js'
import { isExisting, isUndefined, Refusal } from './errors.js'
import { type CommonNames, commonNames } from './names.js'
import type { Method, Transport } from './transport.js'

/** Where the graph is: the path of its resources, and the name under which scripts find it. */
export interface Place {
  readonly path: string
  readonly alias: string
}

/** One call: its requests, and how far it has come. */
export class Session {
  readonly signal: AbortSignal | undefined
  /** Whether a part of the call's work has been done, so that its failure leaves that part behind. */
  changed = false
  readonly #transport: Transport
  readonly #place: Place
  readonly #names: CommonNames
  readonly #maxScriptBytes: number

  constructor(transport: Transport, place: Place, config: HugeGraphConfig, signal: AbortSignal | undefined) {
    this.#transport = transport
    this.#place = place
    this.#names = commonNames(config.prefix)
    this.#maxScriptBytes = config.maxScriptBytes
    this.signal = signal
  }

  /** Sends one request for a resource of the graph, such as `/schema/vertexlabels`. */
  async send(method: Method, path: string, body?: unknown): Promise<unknown> {
    throwIfAborted(this.signal)
    return this.#transport.send(method, this.#place.path + path, body, this.signal)
  }

  /** Runs one of our scripts. Arguments that are too long for its request are stored as a vertex first, which the script takes. */
  async run(script: string, args: Readonly<Record<string, unknown>>): Promise<readonly unknown[]> {
    const z = JSON.stringify(args)
    const l = this.#names.data
    const body = this.#request(script, { z, s: '', l })
    if (Buffer.byteLength(body) <= this.#maxScriptBytes) return this.#post(body)
    const s = `${this.#names.stage}:${randomBytes(12).toString('hex')}`
    await this.#stage(s, z)
    try {
      return await this.#post(this.#request(script, { z: '', s, l }))
    } catch (error) {
      // A script that failed has taken nothing back; one that was cut off may still be running, and takes it.
      if (error instanceof Refusal) await this.#unstage(s)
      throw error
    }
  }

  /** Runs a script of the user's. */
  async raw(query: string, parameters: Readonly<Record<string, unknown>>): Promise<readonly unknown[]> {
    return this.#post(this.#request(query, parameters))
  }

  /** Makes a part of the schema where it is not there. Answers what the server says of it. */
  async makeLabel(kind: string, definition: Readonly<Record<string, unknown>>): Promise<unknown> {
    try {
      return await this.send('POST', `/schema/${kind}`, { ...definition, check_exist: false })
    } catch (error) {
      if (!isExisting(error)) throw error
      return this.send('GET', `/schema/${kind}/${encodeURIComponent(String(definition.name))}`)
    }
  }

  #request(gremlin: string, bindings: Readonly<Record<string, unknown>>): string {
    const { alias } = this.#place
    const aliases = { graph: alias, g: `__g_${alias}` }
    return JSON.stringify({ gremlin, bindings, language: 'gremlin-groovy', aliases })
  }

  async #post(body: string): Promise<readonly unknown[]> {
    throwIfAborted(this.signal)
    const answer = await this.#transport.send('POST', '/gremlin', body, this.signal)
    const data = (answer as { result?: { data?: unknown } } | null)?.result?.data
    return Array.isArray(data) ? data : data === undefined || data === null ? [] : [data]
  }

  async #stage(id: string, text: string): Promise<void> {
    const { stage, data } = this.#names
    const vertex = { label: stage, id, properties: { [data]: text } }
    try {
      await this.send('POST', '/graph/vertices', vertex)
    } catch (error) {
      if (!isUndefined(error)) throw error
      await this.makeLabel('propertykeys', { name: data, data_type: 'TEXT', cardinality: 'SINGLE' })
      await this.makeLabel('vertexlabels', {
        name: stage,
        id_strategy: 'CUSTOMIZE_STRING',
        properties: [data],
        enable_label_index: true,
      })
      await this.send('POST', '/graph/vertices', vertex)
    }
  }

  async #unstage(id: string): Promise<void> {
    try {
      await this.send('DELETE', `/graph/vertices/${encodeURIComponent(JSON.stringify(id))}`)
    } catch (error) {
      // What failed is what the caller has to know; the rest is dropped with the label.
      if (!(error instanceof Refusal)) throw error
    }
  }
}
