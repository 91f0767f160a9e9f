import { type Filter, parseFilter, type SearchMode } from '@veritas-db/core'
import { Command, InvalidArgumentError, Option } from 'commander'
import { DATABASES } from './backends.js'
import { DemoError } from './errors.js'
import { MODES } from './questions.js'

/** What the command line asks for. */
export interface Options {
  readonly path?: string
  readonly config?: string
  readonly backends?: readonly string[]
  readonly query?: string
  readonly mode?: SearchMode
  readonly filter?: Filter
  readonly limit: number
  readonly fresh?: true
  readonly json?: true
}

const EXAMPLES = `
Examples:
  npm run demo                                          the packages installed here, in one embedded file
  npm run demo -- --path ~/notes                        a folder of Markdown or text
  npm run demo -- --query "watch files for changes"     a question of your own, in all stores
  npm run demo -- --mode metadata --filter '{"license":"ISC","dependencies":{"$gte":1}}'
  npm run demo -- --backends chroma,neo4j,postgres      three databases, whose servers it starts
  npm run demo -- --config veritas.config.json          databases of your own

The database lies in .cache/demo, one collection a corpus. Running it again stores only what has changed.
DEBUG=1 shows where an error comes from; NO_COLOR=1 leaves out colours.`

/** The command line; commander itself answers --help and mistakes, and then ends the process. */
export function commandLine(): Command {
  return new Command('npm run demo --')
    .description(
      'Reads real documents, stores each in a vector, a graph and a relational store at once, and asks them questions in four modes.',
    )
    .option('--path <folder>', 'read a folder of Markdown or text instead of the packages in node_modules')
    .addOption(new Option('--config <file>', 'compose databases by a veritas.config file').conflicts('backends'))
    .option('--backends <names>', `databases to use: ${Object.keys(DATABASES).join(', ')}`, names)
    .option('--query <text>', 'ask this instead of the built-in questions', query)
    .addOption(new Option('--mode <mode>', 'ask in one mode only').choices(MODES))
    .option('--filter <json>', 'only documents whose metadata match, such as \'{"license":"MIT"}\'', filter)
    .option('--limit <number>', 'hits a question', limit, 5)
    .option('--fresh', 'drop the collection and store everything anew')
    .option('--json', 'print one JSON object and nothing else')
    .helpOption('-h, --help', 'show this')
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('What there is: npm run demo -- --help')
    .allowExcessArguments(false)
}

/** @throws DemoError for options that do not go together */
export function checkOptions(options: Options): void {
  const { mode, query, filter } = options
  if ((mode === 'semantic' || mode === 'graph') && filter !== undefined && query === undefined)
    throw new DemoError(
      'VALIDATION',
      `A filter alone is no ${mode} question: ${mode} looks for what is near some words.`,
      `Add words, --query "…", or ask the relational store: --mode metadata`,
    )
}

function names(value: string): readonly string[] {
  const list = value
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean)
  if (list.length === 0) throw new InvalidArgumentError(`Name some of ${Object.keys(DATABASES).join(', ')}.`)
  return list
}

function query(value: string): string {
  if (value.trim() === '') throw new InvalidArgumentError('The question is empty.')
  return value
}

function filter(value: string): Filter {
  let parsed: unknown
  try {
    parsed = JSON.parse(value)
  } catch (error) {
    throw new InvalidArgumentError(`It is no JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new InvalidArgumentError('It must be an object such as {"license":"MIT"}.')
  try {
    // Before anything is read and stored; the types of fields are only known to the search.
    parseFilter(parsed)
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? `\n${error.message}` : String(error))
  }
  return parsed as Filter
}

function limit(value: string): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number) || number < 1 || number > 1000)
    throw new InvalidArgumentError('It must be a whole number from 1 to 1000.')
  return number
}
