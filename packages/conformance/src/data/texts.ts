/** Texts for full-text search. The words are rare and keep their form, so that stemming and stop words play no part. */
export const TEXTS: Readonly<Record<string, string>> = {
  zebra: 'A zebra stands in the savanna',
  quokka: 'The quokka smiles at the camera of the tourist',
  both: 'zebra and quokka share this sentence, zebra zebra',
  cyrillic: 'Кенгуру прыгает по равнине',
  umlaut: 'Der Käfer krabbelt über das Blatt',
  none: 'Nothing of interest is written here',
}

/** Queries that are syntax for one engine or another. Each holds the word `zebra`. */
export const SYNTAX_QUERIES: readonly string[] = [
  '"zebra',
  'zebra"',
  "zebra'",
  "'zebra''",
  'zebra AND',
  'OR zebra',
  'NOT zebra',
  '-zebra',
  '+zebra',
  'zebra*',
  '(zebra',
  'zebra)',
  'zebra: x',
  'title:zebra',
  '@text:zebra',
  'zebra~2',
  'zebra^3',
  '{zebra}',
  '[zebra TO z]',
  'zebra | & ! <-> x',
  'zebra \\',
  'zebra %',
  'NEAR(zebra x)',
  'zebra; DROP TABLE documents',
  '/zebra/',
  'zebra && x || y',
  '$zebra',
  'zebra\n\t\u0001',
  'zebra \u{1f993}',
]

/** Queries without a word: nothing can hold one of their words. */
export const WORDLESS_QUERIES: readonly string[] = ['', ' ', '"', '*', '()', '-', ':', "'", '\\', '|', '!!!', '\n']
