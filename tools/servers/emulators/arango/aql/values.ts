// Order, equality and casts of values: docs.arangodb.com/3.12/aql/fundamentals/type-and-value-order, …/aql/operators,
// …/aql/functions/type-check-and-cast.
export type Value = null | boolean | number | string | Value[] | { [name: string]: Value }
export type ObjectValue = { [name: string]: Value }

export const isArray = (value: Value): value is Value[] => Array.isArray(value)
export const isObjectValue = (value: Value): value is ObjectValue =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const rank = (value: Value): number => {
  if (value === null) return 0
  if (typeof value === 'boolean') return 1
  if (typeof value === 'number') return 2
  if (typeof value === 'string') return 3
  return isArray(value) ? 4 : 5
}

export const typeName = (value: Value): string =>
  ['null', 'bool', 'number', 'string', 'array', 'object'][rank(value)] ?? 'null'

// Strings are ordered by the rules of the server's language, en_US unless configured, and are equal only if identical.
const collator = new Intl.Collator('en-US')
const compareStrings = (a: string, b: string): number => {
  if (a === b) return 0
  return collator.compare(a, b) || (a < b ? -1 : 1)
}

const bytewise = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

export const compare = (a: Value, b: Value): number => {
  if (typeof a === 'string' && typeof b === 'string') return compareStrings(a, b)
  if (typeof a === 'number' && typeof b === 'number') return a - b
  const byType = rank(a) - rank(b)
  if (byType !== 0) return byType
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b)
  if (a === null || b === null) return 0
  if (isArray(a) && isArray(b)) {
    // The shorter array is filled up with null.
    for (let i = 0; i < Math.max(a.length, b.length); i++) {
      const order = compare(a[i] ?? null, b[i] ?? null)
      if (order !== 0) return order
    }
    return 0
  }
  if (isObjectValue(a) && isObjectValue(b)) {
    for (const name of [...new Set([...Object.keys(a), ...Object.keys(b)])].sort(bytewise)) {
      const order = compare(own(a, name), own(b, name))
      if (order !== 0) return order
    }
  }
  return 0
}

export const equal = (a: Value, b: Value): boolean => {
  if (typeof a !== 'object' || typeof b !== 'object') return a === b
  return compare(a, b) === 0
}

/** An attribute that is there; everything else is null, as a missing attribute is. */
export const own = (value: Value, name: string): Value =>
  isObjectValue(value) && Object.hasOwn(value, name) ? (value[name] ?? null) : null

export const toBool = (value: Value): boolean => {
  if (value === null) return false
  if (typeof value === 'boolean') return value
  if (typeof value === 'number') return value !== 0
  if (typeof value === 'string') return value !== ''
  return true
}

export const toNumber = (value: Value): number => {
  if (typeof value === 'number') return Number.isFinite(value) ? value : 0
  if (typeof value === 'boolean') return value ? 1 : 0
  if (typeof value === 'string') {
    const text = value.trim()
    const number = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : 0
    return Number.isFinite(number) ? number : 0
  }
  if (value !== null && isArray(value)) return value.length === 1 ? toNumber(value[0] ?? null) : 0
  return 0
}

export const toText = (value: Value): string => {
  if (value === null) return ''
  if (typeof value === 'string') return value
  return JSON.stringify(value)
}

export const toArray = (value: Value): Value[] => {
  if (value === null) return []
  if (isArray(value)) return value
  return isObjectValue(value) ? Object.values(value) : [value]
}

/** Text that is the same for values that AQL holds equal: for grouping and uniqueness. */
export const fingerprint = (value: Value): string => {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (isArray(value)) return `[${value.map(fingerprint).join()}]`
  const names = Object.keys(value).filter((name) => value[name] !== null)
  return `{${names
    .sort(bytewise)
    .map((name) => `${JSON.stringify(name)}:${fingerprint(value[name] ?? null)}`)
    .join()}}`
}

/** Result of arithmetic: what is not a number in JSON becomes null. */
export const finite = (value: number): Value => (Number.isFinite(value) ? value : null)

const likeCache = new Map<string, RegExp>()

export const like = (text: Value, pattern: Value, ignoreCase: boolean): boolean => {
  if (typeof text !== 'string' || typeof pattern !== 'string') return false
  const key = `${ignoreCase ? 'i' : ''}:${pattern}`
  const known = likeCache.get(key)
  if (known) return known.test(text)
  let source = ''
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i] ?? ''
    if (char === '%') source += '[\\s\\S]*'
    else if (char === '_') source += '[\\s\\S]'
    else {
      const literal = char === '\\' && i + 1 < pattern.length ? (pattern[++i] ?? '') : char
      source += literal.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
    }
  }
  const compiled = new RegExp(`^${source}$`, ignoreCase ? 'iu' : 'u')
  likeCache.set(key, compiled)
  return compiled.test(text)
}

/** A regular expression, or undefined where the text is none. */
export const regex = (pattern: Value, ignoreCase: boolean): RegExp | undefined => {
  try {
    return new RegExp(toText(pattern), ignoreCase ? 'iu' : 'u')
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
