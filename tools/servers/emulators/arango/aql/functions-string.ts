// docs.arangodb.com/3.12/aql/functions/string. Positions count characters, not UTF-16 units.
import type { AqlFunction, FunctionTable } from './functions.ts'
import { isArray, like, regex, toBool, toNumber, toText, type Value } from './values.ts'

const text = (min: number, max: number, run: (...texts: string[]) => Value): AqlFunction => ({
  min,
  max,
  run: (args) => run(...args.map(toText)),
})

const contains: AqlFunction = {
  min: 2,
  max: 3,
  run: ([whole = null, part = null, asIndex = null]) => {
    const index = toText(whole).indexOf(toText(part))
    if (!toBool(asIndex)) return index >= 0
    return index < 0 ? -1 : [...toText(whole).slice(0, index)].length
  },
}

const slice: AqlFunction = {
  min: 2,
  max: 3,
  run: ([value = null, offset = null, length = null]) => {
    const chars = [...toText(value)]
    const start = toNumber(offset) < 0 ? Math.max(0, chars.length + toNumber(offset)) : toNumber(offset)
    return chars.slice(start, length === null ? undefined : start + Math.max(0, toNumber(length))).join('')
  },
}

const withRegex = (
  min: number,
  max: number,
  flag: number,
  run: (pattern: RegExp, args: Value[]) => Value,
): AqlFunction => ({
  min,
  max,
  run: (args, context) => {
    const pattern = regex(args[1] ?? null, toBool(args[flag] ?? null))
    if (pattern) return run(pattern, args)
    context.warn(1543, 'invalid regex value')
    return null
  },
})

const trim = (from: 'both' | 'left' | 'right'): AqlFunction => ({
  min: 1,
  max: 2,
  run: ([value = null, chars = null]) => {
    const cut = new Set(chars === null || typeof chars === 'number' ? ' \t\n\r' : toText(chars))
    const side = typeof chars === 'number' ? chars : 0
    const all = [...toText(value)]
    let start = 0
    let end = all.length
    if (from !== 'right' && side !== 2) while (start < end && cut.has(all[start] ?? '')) start++
    if (from !== 'left' && side !== 1) while (end > start && cut.has(all[end - 1] ?? '')) end--
    return all.slice(start, end).join('')
  },
})

const concatenate = (args: Value[], separator: string): string =>
  (args.length === 1 && args[0] !== undefined && args[0] !== null && isArray(args[0]) ? args[0] : args)
    .filter((v) => v !== null)
    .map(toText)
    .join(separator)

const startsWith: AqlFunction = {
  min: 2,
  max: 3,
  run: ([value = null, prefix = null, least = null], context) => {
    if (typeof value !== 'string') {
      context.warn(1542, 'STARTS_WITH expects a string')
      return null
    }
    if (prefix !== null && isArray(prefix)) {
      const hits = prefix.filter((p) => typeof p === 'string' && value.startsWith(p)).length
      return hits >= (least === null ? 1 : toNumber(least))
    }
    return value.startsWith(toText(prefix))
  },
}

export const stringFunctions: FunctionTable = {
  LOWER: text(1, 1, (v = '') => v.toLowerCase()),
  UPPER: text(1, 1, (v = '') => v.toUpperCase()),
  CHAR_LENGTH: text(1, 1, (v = '') => [...v].length),
  REVERSE_STRING: text(1, 1, (v = '') => [...v].reverse().join('')),
  TRIM: trim('both'),
  LTRIM: trim('left'),
  RTRIM: trim('right'),
  CONCAT: { min: 1, max: 99, run: (args) => concatenate(args, '') },
  CONCAT_SEPARATOR: {
    min: 2,
    max: 99,
    run: ([separator = null, ...rest]) => concatenate(rest, toText(separator)),
  },
  CONTAINS: contains,
  STARTS_WITH: startsWith,
  SUBSTRING: slice,
  LEFT: { min: 2, max: 2, run: ([v = null, n = null]) => [...toText(v)].slice(0, Math.max(0, toNumber(n))).join('') },
  FIND_FIRST: {
    min: 2,
    max: 4,
    run: ([v = null, part = null, start = null, end = null]) => {
      const chars = [...toText(v)]
      const from = start === null ? 0 : toNumber(start)
      const until = end === null ? chars.length : toNumber(end) + 1
      const inside = chars.slice(from, until).join('')
      const index = inside.indexOf(toText(part))
      return index < 0 ? -1 : from + [...inside.slice(0, index)].length
    },
  },
  LIKE: {
    min: 2,
    max: 3,
    run: ([v = null, pattern = null, ignoreCase = null]) => like(toText(v), toText(pattern), toBool(ignoreCase)),
  },
  REGEX_TEST: withRegex(2, 3, 2, (pattern, [v = null]) => pattern.test(toText(v))),
  REGEX_MATCHES: withRegex(2, 3, 2, (pattern, [v = null]) => {
    const found = pattern.exec(toText(v))
    return found ? [...found].map((part) => part ?? '') : null
  }),
  REGEX_REPLACE: withRegex(3, 4, 3, (pattern, [v = null, , by = null]) =>
    toText(v).replace(new RegExp(pattern.source, `${pattern.flags}g`), toText(by)),
  ),
  SPLIT: {
    min: 1,
    max: 3,
    run: ([v = null, separator = null, limit = null]) => {
      const parts = separator === null ? [toText(v)] : toText(v).split(toText(separator))
      return limit === null ? parts : parts.slice(0, toNumber(limit))
    },
  },
  SUBSTITUTE: {
    min: 2,
    max: 4,
    run: ([v = null, search = null, by = null]) => toText(v).replaceAll(toText(search), toText(by)),
  },
  JSON_STRINGIFY: { min: 1, max: 1, run: ([v = null]) => JSON.stringify(v) },
  JSON_PARSE: {
    min: 1,
    max: 1,
    run: ([v = null], context) => {
      try {
        const parsed: Value = JSON.parse(toText(v))
        return parsed
      } catch (error) {
        context.warn(1542, error instanceof Error ? error.message : 'not JSON')
        return null
      }
    },
  },
}
