import cayleyBackend from '@veritas-db/cayley'
import { compareGraphs, type GraphContestant } from './compare.ts'
import { type Http, http, succeeded } from './http.ts'
import { ourGraph } from './ours.ts'
import { batches, EDGE_TYPE, type Item, items, open, type ServerBench } from './shape.ts'

const COUNT = 1000

/** Cayley: 1,000 nodes with 3,000 edges, since its server takes long for each quad. Neither LangChain nor Mastra has a store for it. */
export const cayleyBench: ServerBench = {
  variable: 'VERITAS_CAYLEY_URL',
  async measure(url, options) {
    const all = items(COUNT, 2)
    const client = http(url)
    try {
      return await compareGraphs(
        { title: `cayley graph ${COUNT.toLocaleString('en')}`, items: all, options },
        { veritas: ourGraph(await open(cayleyBackend, { url, prefix: 'bench' })), raw: raw(client) },
      )
    } finally {
      await client.close()
    }
  },
}

const name = (key: string): string => `<bench-raw:${key}>`
const PROPERTIES = ['documentId', 'version', 'title', 'kind', 'year', 'open']

type Values = Readonly<Record<string, string>>

const valuesOf = ({ documentId, version, metadata }: Item): Values => {
  const values: Record<string, unknown> = { documentId, version, ...metadata }
  return Object.fromEntries(PROPERTIES.map((property) => [property, String(values[property])]))
}

/** A node's quads: one for each property, which is how Cayley is meant to be used. */
const nodeQuads = (subject: string, values: Values): readonly string[] =>
  PROPERTIES.map((property) => `${subject} <${property}> ${JSON.stringify(values[property])} .`)

const edgeQuads = ({ key, targets }: Item): readonly string[] =>
  targets.map((target) => `${name(key)} <${EDGE_TYPE}> ${name(target)} .`)

/**
 * By hand: quads in batches, properties as quads. Quads are only ever added or deleted: of nodes that are there already, those that change are read and
 * go once the new ones are there. Edges are quads without a value of their own, of which one that is there already stays as it is.
 */
function raw(client: Http): GraphContestant {
  const send = async (path: string, quads: readonly string[]): Promise<void> => {
    succeeded(await client.send('POST', path, `${quads.join('\n')}\n`, 'application/n-quads'))
  }
  const query = async (script: string): Promise<readonly Record<string, string>[]> => {
    const answer = await client.send('POST', '/api/v1/query/gizmo?limit=-1', script, 'application/javascript')
    return (JSON.parse(succeeded(answer)) as { result: Record<string, string>[] | null }).result ?? []
  }
  const saved = PROPERTIES.map((property) => `.Save('<${property}>', '${property}')`).join('')
  const writeNodes = async (batch: readonly Item[]): Promise<void> => {
    const names = JSON.stringify(batch.map(({ key }) => name(key)))
    // A node that is not there is found so in one step; only of the others are all values read.
    const one = `if (g.V(n).Out('<documentId>').ToArray().length) g.V(n)${saved}.ForEach(function (d) { g.emit(d); });`
    const found = await query(`${names}.forEach(function (n) { ${one} });`)
    const before = new Set(found.flatMap((values) => nodeQuads(values.id ?? '', values)))
    const after = new Set(batch.flatMap((item) => nodeQuads(name(item.key), valuesOf(item))))
    const [fresh, gone] = [
      [...after].filter((quad) => !before.has(quad)),
      [...before].filter((quad) => !after.has(quad)),
    ]
    if (fresh.length > 0) await send('/api/v2/write', fresh)
    if (gone.length > 0) await send('/api/v2/delete', gone)
  }
  let written: readonly string[] = []
  const clear = async (): Promise<void> => {
    for (const batch of batches(written, 5000)) await send('/api/v2/delete', batch)
    written = []
  }
  return {
    reset: clear,
    async load(all) {
      for (const batch of batches(all)) await writeNodes(batch)
      for (const batch of batches(all)) await send('/api/v2/write', batch.flatMap(edgeQuads))
      written = [...all.flatMap((item) => nodeQuads(name(item.key), valuesOf(item))), ...all.flatMap(edgeQuads)]
    },
    get: async ({ key }) => (await query(`g.V(${JSON.stringify(name(key))})${saved}.All()`))[0]?.documentId,
    async neighbors({ key }) {
      const found = await query(`g.V(${JSON.stringify(name(key))}).Out('<${EDGE_TYPE}>').Unique()${saved}.All()`)
      return found.map((node) => node.documentId ?? '')
    },
    close: clear,
  }
}
