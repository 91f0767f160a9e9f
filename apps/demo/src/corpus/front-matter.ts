import matter from 'gray-matter'

export interface FrontMatter {
  readonly data: Readonly<Record<string, unknown>>
  readonly body: string
  /** Why the front matter was not understood; it is then part of the body. */
  readonly problem?: string
}

/** gray-matter runs front matter marked as JavaScript. Reading somebody's notes must not run code. */
function refuse(): object {
  throw new Error('front matter in JavaScript is not run')
}

/** Splits a file into its front matter (YAML or JSON) and its text. Never throws. */
export function frontMatter(text: string): FrontMatter {
  if (!text.startsWith('---')) return { data: {}, body: text }
  try {
    // With options given, gray-matter does not keep every file it ever saw.
    const file = matter(text, { engines: { javascript: refuse, js: refuse, coffee: refuse } })
    const data: unknown = file.data
    // A line of dashes at the top is a ruler, too: then what follows is no list of fields.
    if (typeof data !== 'object' || data === null || Array.isArray(data)) return { data: {}, body: text }
    return { data: data as Record<string, unknown>, body: file.content.replace(/^\r?\n/, '') }
  } catch (error) {
    const [first] = (error instanceof Error ? error.message : String(error)).split('\n')
    return { data: {}, body: text, problem: `its front matter was not understood: ${first ?? ''}` }
  }
}
