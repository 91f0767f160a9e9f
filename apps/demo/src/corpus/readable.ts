/**
 * Markdown without what nobody reads: badges, images, link targets, HTML tags, comments. No pattern may start within
 * what another start of it has to scan, so that no input makes it slow.
 */
export function readable(markdown: string): string {
  return (
    withoutComments(markdown)
      // Images, then the links around them that are now empty.
      .replace(/!\[[^[\]\n]{0,500}\](?:\([^()\n]{0,1000}\)|\[[^[\]\n]{0,200}\])/g, '')
      .replace(/\[\s{0,20}\](?:\([^()\n]{0,1000}\)|\[[^[\]\n]{0,200}\])/g, '')
      .replace(/\[([^[\]\n]{1,500})\](?:\([^()\n]{0,1000}\)|\[[^[\]\n]{0,200}\])/g, '$1')
      // Definitions of reference links.
      .replace(/^ {0,3}\[[^[\]\n]{1,200}\]:[^\n]{0,2000}$/gm, '')
      .replace(/<\/?[a-zA-Z][^<>\n]{0,1000}>/g, ' ')
      .replace(/[ \t]{1,1000}$/gm, '')
      .replace(/\n{3,}/g, '\n\n')
      .trim()
  )
}

function withoutComments(text: string): string {
  let result = ''
  let at = 0
  for (;;) {
    const start = text.indexOf('<!--', at)
    const end = start < 0 ? -1 : text.indexOf('-->', start + 4)
    if (end < 0) return result + text.slice(at)
    result += text.slice(at, start)
    at = end + 3
  }
}
