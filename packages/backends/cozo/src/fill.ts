import type { Catalog, Definition, Layout, Space } from './catalog.js'
import type { Connection } from './connection.js'
import { Bindings } from './script.js'
import { createIndex, type Slot, slotMap, slotValue } from './slots.js'
import { gatherAll, stepsOf } from './text.js'

/** Records that one transaction fills slots of. */
const recordsAtOnce = 5000

/** Where the records of a space are that slots and texts are taken from. */
export interface Records {
  readonly relation: string
  readonly keys: readonly string[]
  /** The relation of texts that is filled from them; none where it has no texts of its own. */
  readonly texts?: string
}

/**
 * Brings a space to what its definition says: fills the slots that are not ready, makes their indexes, and gathers texts that were
 * declared late. Writers fill both from the moment that they are declared, so that what is written meanwhile is in them too. Where
 * it breaks off, the next one who ensures the space does it.
 */
export const complete = async (
  connection: Connection,
  catalog: Catalog,
  layout: Layout,
  space: Space,
  { relation, keys, texts }: Records,
  signal: AbortSignal | undefined,
): Promise<void> => {
  const { slots, textDue, text = [] } = space.definition
  const due = [...slotMap(slots)].filter(([, slot]) => !slot.ready)
  if (due.length === 0 && !textDue) return
  if (slots && due.length > 0) {
    await fill(connection, space.base, relation, keys, due, signal)
    for (const [, { column }] of due) await catalog.make(createIndex(relation, column, keys, slots), signal)
  }
  if (textDue && texts !== undefined)
    await connection.write(space.base, gatherAll(relation, texts), { paths: stepsOf(text) }, signal)
  const done = new Set(due.map(([path]) => path))
  await catalog.ensure(layout, space.name, space.scope, (now) => finished(now ?? space.definition, done, text), signal)
}

/** The definition with slots that are ready now, and texts unless others were declared meanwhile. */
const finished = (now: Definition, ready: ReadonlySet<string>, gathered: readonly string[]): Definition => {
  const { textDue, slots, ...rest } = now
  const paths = [...slotMap(slots)].map(([path, slot]) => [path, ready.has(path) ? { ...slot, ready: true } : slot])
  const others = textDue && JSON.stringify(now.text ?? []) !== JSON.stringify(gathered)
  return {
    ...rest,
    ...(others && { textDue }),
    ...(slots && { slots: { ...slots, paths: Object.fromEntries(paths) } }),
  }
}

const fill = async (
  connection: Connection,
  base: string,
  relation: string,
  keys: readonly string[],
  slots: readonly (readonly [string, Slot])[],
  signal: AbortSignal | undefined,
): Promise<void> => {
  const bindings = new Bindings()
  const values = slots.map(([path, { column, type }]) => `, ${column} = ${slotValue(type, path, bindings)}`).join('')
  const columns = slots.map(([, { column }]) => column).join(', ')
  const all = keys.join(', ')
  for (let from = ''; ; ) {
    const rows = await connection.read(`?[k] := *${relation}{k}, k > $from :limit ${recordsAtOnce}`, { from }, signal)
    const to = rows.at(-1)?.[0]
    if (typeof to !== 'string') return
    await connection.write(
      base,
      `?[${all}, ${columns}] := *${relation}{${all}, m}, k > $from, k <= $to, f = parse_json(m)${values} :update ${relation} {${all} => ${columns}}`,
      { ...bindings.values, from, to },
      signal,
    )
    from = to
  }
}
