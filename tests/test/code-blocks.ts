/** A fenced block of a Markdown page. */
export interface CodeBlock {
  readonly language: 'ts' | 'js'
  readonly code: string
}

/** The TypeScript and JavaScript blocks of a Markdown page, in order. */
export function codeBlocks(markdown: string): CodeBlock[] {
  return [...markdown.matchAll(/^```(ts|js)[^\n]*\n([\s\S]*?)^```/gm)].map(([, language, code = '']) => ({
    language: language === 'js' ? 'js' : 'ts',
    code,
  }))
}
