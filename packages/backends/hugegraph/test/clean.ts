import { setTimeout as sleep } from 'node:timers/promises'

/** Removes what the prefixes' scopes had in common: the label of what is handed over, and the properties. */
export const removeCommon = async (url: string, prefixes: readonly string[]): Promise<void> => {
  const at = new URL('/graphs/hugegraph/', url)
  const listed = async (kind: string): Promise<string[]> => {
    const answer = (await (await fetch(new URL(`schema/${kind}`, at))).json()) as Record<string, { name: string }[]>
    return (answer[kind] ?? []).map(({ name }) => name).filter((name) => prefixes.some((p) => name.startsWith(`${p}_`)))
  }
  const remove = async (kind: string, name: string): Promise<void> => {
    const answer = await fetch(new URL(`schema/${kind}/${name}`, at), { method: 'DELETE' })
    const { task_id: task } = (await answer.json()) as { task_id?: number }
    for (let i = 0; task && i < 100; i++) {
      const state = (await (await fetch(new URL(`tasks/${task}`, at))).json()) as { task_status?: string }
      if (state.task_status === 'success') return
      await sleep(50)
    }
  }
  for (const kind of ['edgelabels', 'vertexlabels', 'propertykeys'])
    for (const name of await listed(kind)) await remove(kind, name)
}
