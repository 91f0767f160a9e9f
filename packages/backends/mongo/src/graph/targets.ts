import { type Outcome, throwIfAborted, VeritasError } from '@veritas-db/core/contract'
import type { Collection, Document } from 'mongodb'
import type { Access } from '../access.js'
import { inOneAnswer, keysAtOnce, splitEvery } from '../lists.js'
import type { StoredNode } from './model.js'

type Nodes = Collection<StoredNode>

/** The outcome of an edge one end of which is missing. */
export const notFound = (what: 'source' | 'target', key: string): Outcome => ({
  status: 'failed',
  error: new VeritasError({ code: 'NOT_FOUND', message: `The ${what} ${key} of an edge is not there.` }),
})

/** Which of the nodes are not there. */
const absentOf = async (
  access: Access,
  signal: AbortSignal | undefined,
  nodes: Nodes,
  keys: Iterable<string>,
): Promise<Set<string>> => {
  const absent = new Set(keys)
  for (const some of splitEvery([...absent], keysAtOnce)) {
    throwIfAborted(signal)
    const found = await access.read(signal, (settings) =>
      nodes
        .find({ _id: { $in: some } }, { ...settings, ...inOneAnswer(some.length), projection: { _id: 1 } })
        .toArray(),
    )
    for (const { _id } of found) absent.delete(_id)
  }
  return absent
}

/**
 * Writes edges to targets that must be there: `write` is told which are not.
 * No write of one document can depend on another, so somebody may delete a target after the look and before the write, and not
 * see the edge when removing those that lead there. Hence the second look: whichever of the two comes last removes the edge.
 */
export const writeTo = async <T>(
  access: Access,
  signal: AbortSignal | undefined,
  nodes: Nodes,
  targets: Iterable<string>,
  write: (absent: ReadonlySet<string>) => Promise<T>,
): Promise<T> => {
  const present = new Set(targets)
  const absent = await absentOf(access, signal, nodes, present)
  const answer = await write(absent)
  // A transaction sees one moment, however often it looks.
  if (access.transactional) return answer
  for (const key of absent) present.delete(key)
  await removeEdgesTo(access, signal, nodes, [...(await absentOf(access, signal, nodes, present))])
  return answer
}

/** Removes the edges that lead to nodes which are gone. */
export const removeEdgesTo = async (
  access: Access,
  signal: AbortSignal | undefined,
  nodes: Nodes,
  gone: readonly string[],
): Promise<void> => {
  for (const some of splitEvery(gone, keysAtOnce)) {
    const pull = { $pull: { e: { t: { $in: some } }, a: { $in: some } } } as Document
    await access.write(signal, (settings) => nodes.updateMany({ a: { $in: some } }, pull, settings))
  }
}
