import { setTimeout as sleep } from 'node:timers/promises'
import { type Scope, throwIfAborted, VeritasError } from '@veritas-db/core/contract'
import type { HugeGraphConfig } from './config.js'
import { isMissing } from './errors.js'
import { type Names, namesOf } from './names.js'
import type { Session } from './session.js'

/** Milliseconds between two looks at a task of the server. */
const LOOK_AGAIN = 20

/** The schema of the scopes: a label of vertices and a label of edges each. */
export class Schema {
  readonly #config: HugeGraphConfig
  /** Scopes whose schema is known to be there, by label. */
  readonly #ready = new Set<string>()

  constructor(config: HugeGraphConfig) {
    this.#config = config
  }

  names(scope: Scope): Names {
    return namesOf(this.#config.prefix, scope)
  }

  /** Makes the scope's schema where it is not known to be there. */
  async ready(session: Session, names: Names): Promise<void> {
    if (!this.#ready.has(names.node)) await this.ensure(session, names)
  }

  forget(names: Names): void {
    this.#ready.delete(names.node)
  }

  async ensure(session: Session, names: Names): Promise<void> {
    const { doc, ver, kind, ph, data, type, ord, node, edge, set } = names
    const properties = { [doc]: 'TEXT', [ver]: 'TEXT', [kind]: 'TEXT', [ph]: 'BOOLEAN' }
    const more = { [data]: 'TEXT', [type]: 'TEXT', [ord]: 'LONG' }
    for (const [name, data_type] of Object.entries({ ...properties, ...more }))
      await session.makeLabel('propertykeys', { name, data_type, cardinality: 'SINGLE' })
    await makeWhole(session, 'vertexlabels', {
      name: node,
      id_strategy: 'CUSTOMIZE_STRING',
      properties: [doc, ver, kind, ph, data],
      enable_label_index: true,
    })
    const ends = { source_label: node, target_label: node }
    await makeWhole(session, 'edgelabels', {
      name: edge,
      ...ends,
      frequency: 'MULTIPLE',
      properties: [type, ord, ver, data],
      sort_keys: [type, ord],
      // It would make each write half as long again. Without it, the scripts find edges by their sources, and the server looks at all to drop them.
      enable_label_index: false,
    })
    await makeWhole(session, 'edgelabels', {
      name: set,
      ...ends,
      frequency: 'SINGLE',
      properties: [ver],
      enable_label_index: true,
    })
    this.#ready.add(node)
  }

  /** Removes the scope's labels, which the server does in the background together with all that has them. */
  async drop(session: Session, names: Names): Promise<void> {
    this.forget(names)
    for (const label of [names.edge, names.set]) await remove(session, `/schema/edgelabels/${label}`)
    await remove(session, `/schema/vertexlabels/${names.node}`)
  }
}

/** Makes a label; one that is just being removed is waited for, and then made anew. */
const makeWhole = async (
  session: Session,
  kind: string,
  definition: Readonly<Record<string, unknown>>,
): Promise<void> => {
  for (;;) {
    throwIfAborted(session.signal)
    try {
      const made = await session.makeLabel(kind, definition)
      if ((made as { status?: unknown } | null)?.status === 'CREATED') return
    } catch (error) {
      // Gone between being found and being looked at.
      if (!isMissing(error)) throw error
    }
    await sleep(LOOK_AGAIN)
  }
}

const remove = async (session: Session, path: string): Promise<void> => {
  let answer: unknown
  try {
    answer = await session.send('DELETE', path)
  } catch (error) {
    if (isMissing(error)) return
    throw error
  }
  session.changed = true
  const task = (answer as { task_id?: unknown } | null)?.task_id
  if (typeof task === 'number' && task > 0) await finished(session, task)
}

/** Waits for a task of the server. @throws VeritasError INTERNAL where it fails */
const finished = async (session: Session, task: number): Promise<void> => {
  for (;;) {
    throwIfAborted(session.signal)
    const state = (await session.send('GET', `/tasks/${task}`)) as { task_status?: string; task_result?: string } | null
    const status = state?.task_status ?? 'unknown'
    if (status === 'success') return
    if (['failed', 'cancelled', 'deleting', 'unknown'].includes(status))
      throw new VeritasError({
        code: 'INTERNAL',
        message: `HugeGraph's task ${task} ended as ${status}: ${String(state?.task_result ?? '').slice(0, 300)}`,
      })
    await sleep(LOOK_AGAIN)
  }
}
