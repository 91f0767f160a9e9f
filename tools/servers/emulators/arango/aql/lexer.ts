// Text of a query → tokens. From docs.arangodb.com/3.12/aql/fundamentals/syntax (keywords, names, literals).
import { parseError } from './errors.ts'

// Reserved words: to be quoted where they are meant as a name.
const keywords = new Set(
  (
    'AGGREGATE ALL ALL_SHORTEST_PATHS AND ANY ASC COLLECT DESC DISTINCT FALSE FILTER FOR GRAPH IN INBOUND INSERT INTO ' +
    'K_PATHS K_SHORTEST_PATHS LET LIKE LIMIT NONE NOT NULL OR OUTBOUND REMOVE REPLACE RETURN SHORTEST_PATH SORT TRUE ' +
    'UPDATE UPSERT WINDOW WITH'
  ).split(' '),
)

export type TokenKind = 'keyword' | 'name' | 'number' | 'string' | 'bind' | 'collectionBind' | 'symbol' | 'end'

export interface Token {
  kind: TokenKind
  text: string
  at: number
}

const pattern = new RegExp(
  [
    '(?<space>\\s+|//[^\\n]*|/\\*[\\s\\S]*?\\*/)',
    '(?<number>0[xX][0-9a-fA-F]+|0[bB][01]+|(?:[0-9]+(?:\\.[0-9]+)?|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?)',
    '(?<collectionBind>@@[A-Za-z0-9_]+)',
    '(?<bind>@[A-Za-z0-9_]+)',
    '(?<name>[A-Za-z_$][A-Za-z0-9_$]*)',
    '(?<quotedName>`(?:[^`\\\\]|\\\\.)+`|´[^´]+´)',
    '(?<string>"(?:[^"\\\\]|\\\\[\\s\\S])*"|\'(?:[^\'\\\\]|\\\\[\\s\\S])*\')',
    '(?<symbol>\\.\\.|==|!=|<=|>=|=~|!~|&&|\\|\\||::|[-+*/%<>=!?:,.;()[\\]{}])',
  ].join('|'),
  'gy',
)

const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' }

const unquote = (body: string): string =>
  body.replace(/\\u([0-9a-fA-F]{4})|\\([\s\S])/g, (_all, hex: string | undefined, char: string | undefined) =>
    hex === undefined ? (escapes[char ?? ''] ?? char ?? '') : String.fromCharCode(Number.parseInt(hex, 16)),
  )

export const tokenize = (query: string): Token[] => {
  const tokens: Token[] = []
  pattern.lastIndex = 0
  let at = 0
  while (at < query.length) {
    pattern.lastIndex = at
    const found = pattern.exec(query)
    if (!found?.groups) throw parseError(`unexpected character '${query[at]}' near '${query.slice(at, at + 20)}'`)
    const { space, number, name, quotedName, string, bind, collectionBind, symbol } = found.groups
    if (number !== undefined) tokens.push({ kind: 'number', text: number, at })
    else if (name !== undefined) {
      const upper = name.toUpperCase()
      tokens.push(keywords.has(upper) ? { kind: 'keyword', text: upper, at } : { kind: 'name', text: name, at })
    } else if (quotedName !== undefined) tokens.push({ kind: 'name', text: unquote(quotedName.slice(1, -1)), at })
    else if (string !== undefined) tokens.push({ kind: 'string', text: unquote(string.slice(1, -1)), at })
    else if (collectionBind !== undefined) tokens.push({ kind: 'collectionBind', text: collectionBind.slice(1), at })
    else if (bind !== undefined) tokens.push({ kind: 'bind', text: bind.slice(1), at })
    else if (symbol !== undefined) tokens.push({ kind: 'symbol', text: symbol, at })
    else if (space === undefined) throw parseError(`unexpected text near '${query.slice(at, at + 20)}'`)
    at = pattern.lastIndex
  }
  tokens.push({ kind: 'end', text: 'end of query string', at })
  return tokens
}
