/**
 * Markdown without what nobody reads: badges, images, link targets, HTML tags, comments. Each step is one pass of a
 * pattern without nested repetition, so that no input makes it slow.
 */
export function readable(markdown: string): string {
  return (
    markdown
      .replace(/<!--[\s\S]{0,20000}?-->/g, ' ')
      // Images, then the links around them that are now empty.
      .replace(/!\[[^\]\n]{0,500}\](?:\([^)\n]{0,2000}\)|\[[^\]\n]{0,200}\])/g, '')
      .replace(/\[\s{0,20}\](?:\([^)\n]{0,2000}\)|\[[^\]\n]{0,200}\])/g, '')
      .replace(/\[([^\]\n]{1,500})\](?:\([^)\n]{0,2000}\)|\[[^\]\n]{0,200}\])/g, '$1')
      // Definitions of reference links.
      .replace(/^ {0,3}\[[^\]\n]{1,200}\]:[^\n]{0,2000}$/gm, '')
      .replace(/<\/?[a-zA-Z][^<>\n]{0,1000}>/g, ' ')
      .replace(/[ \t]{1,1000}$/gm, '')
      .replace(/\n{3,}/g, '\n\n')
      .trim()
  )
}
