import type { VeritasDocument } from '@veritas-db/core'

/** Names counted at once; beyond it the rare ones are forgotten, so that memory stays flat. */
const MAX_COUNTED = 20_000
const MAX_FIELDS = 200
const WORD = /[\p{L}\p{N}][\p{L}\p{N}'’-]{3,30}/gu
/** Of each text its beginning: what it is about is said there. */
const SAMPLE = 20_000

/** Words that say nothing of a text, in a few languages. */
const COMMON = new Set(
  `about above after again also although always among another because been before being below between both cannot could
  does doing done down during each either else even every example file files first following from further given have
  having here https http html however include includes including into itself just know like made make makes many means might
  more most much must need needs never none note only other others otherwise over page same section should since some
  such than that their them then there these they thing things this those through time together under until upon used
  user uses using very want well were what when where whether which while will with within without would your yours
  aber alle auch beim dann dass dein denn diese dieser dieses doch durch eine einem einen einer eines haben hier kann
  mehr muss nach nicht noch oder ohne sein sich sind über unter wenn werden wird wurde zwischen
  avec cette dans elle leur mais même nous pour plus sans sont tout vous como cuando desde esta este para pero porque sobre`
    .split(/\s+/)
    .filter(Boolean),
)

/** What a corpus is about, learnt while it is read: it is where the demo's questions come from. */
export class Statistics {
  /** Documents read. */
  documents = 0
  readonly #referred = new Map<string, number>()
  readonly #titles = new Map<string, string>()
  readonly #words = new Map<string, number>()
  readonly #values = new Map<string, number>()
  readonly #fields = new Set<string>(['title', 'documentType', 'createdDate', 'filePath'])
  readonly #countWords: boolean

  constructor(options: { readonly words: boolean }) {
    this.#countWords = options.words
  }

  observe(document: VeritasDocument): void {
    this.documents++
    for (const reference of document.references ?? [])
      count(this.#referred, typeof reference === 'string' ? reference : reference.id)
    for (const field of Object.keys(document.metadata ?? {}))
      if (this.#fields.size < MAX_FIELDS) this.#fields.add(field)
    if (!this.#countWords) return
    if (document.id !== undefined && document.title !== undefined && this.#titles.size < MAX_COUNTED)
      this.#titles.set(document.id, document.title)
    const words = new Set(document.text.slice(0, SAMPLE).toLowerCase().match(WORD))
    for (const word of words) if (!COMMON.has(word) && !/^[\d-]+$/.test(word)) count(this.#words, word)
    for (const [field, value] of Object.entries(document.metadata ?? {}))
      if ((typeof value === 'string' && value.length < 60) || typeof value === 'boolean')
        count(this.#values, JSON.stringify([field, value]))
      else if (Array.isArray(value))
        for (const item of new Set<unknown>(value))
          if (typeof item === 'string' && item.length < 60) count(this.#values, JSON.stringify([field, item, 'array']))
  }

  /** The ids that most others refer to. */
  mostReferred(limit: number): readonly string[] {
    return top(this.#referred, () => true).slice(0, limit)
  }

  /** The fields that documents have, in order of name. */
  fields(): readonly string[] {
    return [...this.#fields].sort()
  }

  title(id: string): string | undefined {
    return this.#titles.get(id)
  }

  /** Words that many documents hold, and yet not most of them. */
  topicWords(limit: number): readonly string[] {
    const most = Math.max(2, this.documents * 0.4)
    const words = top(this.#words, (_, n) => n <= most)
    return (words.length >= limit ? words : top(this.#words, () => true)).slice(0, limit)
  }

  /** The metadata value that parts the documents best: the nearest to a third of them has it. */
  tellingValue(): { readonly field: string; readonly value: string | boolean; readonly inArray: boolean } | undefined {
    let best: { readonly entry: string; readonly distance: number } | undefined
    for (const [entry, n] of this.#values) {
      if (n >= this.documents) continue
      // Folders are what every corpus has; a field that somebody wrote says more.
      const distance = Math.abs(n / this.documents - 1 / 3) + (entry.startsWith('["folder"') ? 0.5 : 0)
      if (!best || distance < best.distance || (distance === best.distance && entry < best.entry))
        best = { entry, distance }
    }
    if (!best) return undefined
    const [field, value, array] = JSON.parse(best.entry) as [string, string | boolean, string?]
    return { field, value, inArray: array !== undefined }
  }
}

/** Passes documents on, and looks at each on its way. */
export async function* observed(
  source: AsyncIterable<VeritasDocument>,
  statistics: Statistics,
): AsyncGenerator<VeritasDocument> {
  for await (const document of source) {
    statistics.observe(document)
    yield document
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
  if (counts.size <= MAX_COUNTED) return
  // The rarest go, however many that takes, so that this is not done at every word.
  for (let floor = 1; counts.size > MAX_COUNTED / 2; floor++)
    for (const [other, n] of counts) if (n <= floor) counts.delete(other)
}

/** Names by count, the highest first; of equals by name, so that the same corpus gives the same questions. */
function top(counts: ReadonlyMap<string, number>, accept: (name: string, n: number) => boolean): string[] {
  return [...counts]
    .filter(([name, n]) => accept(name, n))
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .map(([name]) => name)
}
