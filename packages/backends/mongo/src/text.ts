import type { CreateIndexesOptions } from 'mongodb'
import type { Access } from './access.js'
import { codeOf } from './errors.js'

const indexName = 'veritas_text'
const conflicts: ReadonlySet<number | undefined> = new Set([85, 86])

/**
 * Plain words as `$search` takes them; undefined where there are none. Quotes and minus signs, which mean something there, become
 * spaces; what else separates words is left to the server, which takes texts apart in the same way.
 */
export const textQuery = (words: string): string | undefined => {
  const found =
    words
      .replaceAll(/["-]/g, ' ')
      .match(/\S+/g)
      ?.filter((word) => /[^\p{P}\p{C}]/u.test(word)) ?? []
  return found.length > 0 ? [...new Set(found)].slice(0, 256).join(' ') : undefined
}

/** Makes the one text index that a collection may have; one over other fields is made anew. */
export const ensureTextIndex = async (
  access: Access,
  name: string,
  fields: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> => {
  if (fields.length === 0 || !access.abilities.text) return
  const collection = access.db.collection(name)
  const key = Object.fromEntries(fields.map((field) => [field, 'text' as const]))
  const options: CreateIndexesOptions = {
    name: indexName,
    // The first field counts most: each weighs twice the next.
    weights: Object.fromEntries(fields.map((field, i) => [field, Math.min(2 ** (fields.length - 1 - i), 99_999)])),
    // No stemming and no stop words, whatever the language; a field's name that no document has.
    default_language: 'none',
    language_override: '\u0001language',
  }
  try {
    await access.write(signal, () => collection.createIndex(key, options))
  } catch (error) {
    if (!conflicts.has(codeOf(error))) throw error
    await access.write(signal, () => collection.dropIndex(indexName))
    await access.write(signal, () => collection.createIndex(key, options))
  }
}
