/** A fenced block of TypeScript in a Markdown page. */
export interface CodeBlock {
  readonly code: string
  /** What the fence says after `ts`, such as `server`. */
  readonly info: string
}

/** The TypeScript blocks of a Markdown page, in order. */
export function codeBlocks(markdown: string): CodeBlock[] {
  return [...markdown.matchAll(/^```ts *([^\n]*)\n([\s\S]*?)^```/gm)].map(([, info = '', code = '']) => ({
    code,
    info: info.trim(),
  }))
}
