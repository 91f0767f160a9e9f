// docs.arangodb.com/3.12/aql/functions/document-object and …/miscellaneous.
import type { AqlFunction, FunctionTable } from './functions.ts'
import { compare, isArray, isObjectValue, type ObjectValue, toBool, toText, type Value } from './values.ts'

const onObject = (min: number, max: number, run: (object: ObjectValue, rest: Value[]) => Value): AqlFunction => ({
  min,
  max,
  run: ([first = null, ...rest], context) => {
    if (isObjectValue(first)) return run(first, rest)
    context.warn(1542, 'an object is expected')
    return null
  },
})

/** Names given one by one or as an array. */
const names = (rest: Value[]): Set<string> => new Set(rest.flat().map(toText))

const pick = (object: ObjectValue, test: (name: string) => boolean): ObjectValue =>
  Object.fromEntries(Object.entries(object).filter(([name]) => test(name)))

const listNames = (object: ObjectValue, [withoutSystem = null, sorted = null]: Value[]): string[] => {
  const all = Object.keys(object).filter((name) => !(toBool(withoutSystem) && name.startsWith('_')))
  return toBool(sorted) ? all.sort() : all
}

export const mergeDeep = (into: ObjectValue, from: ObjectValue): ObjectValue => {
  const result: ObjectValue = { ...into }
  for (const [name, value] of Object.entries(from)) {
    const before = result[name] ?? null
    result[name] = isObjectValue(before) && isObjectValue(value) ? mergeDeep(before, value) : value
  }
  return result
}

const merging = (merge: (a: ObjectValue, b: ObjectValue) => ObjectValue): AqlFunction => ({
  min: 1,
  max: 99,
  run: (args, context) => {
    const all = args.length === 1 && args[0] !== undefined && args[0] !== null && isArray(args[0]) ? args[0] : args
    const objects = all.filter(isObjectValue)
    if (objects.length === all.length) return objects.reduce(merge, {})
    context.warn(1542, 'objects are expected')
    return null
  },
})

const parseId = (value: Value): { collection: string; key: string } | undefined => {
  const id = isObjectValue(value) ? value._id : value
  const found = typeof id === 'string' ? /^([^/]+)\/([^/]+)$/.exec(id) : null
  return found?.[1] && found[2] ? { collection: found[1], key: found[2] } : undefined
}

const document: AqlFunction = {
  min: 1,
  max: 2,
  run: (args, context) => {
    const [first = null, second] = args
    const find = (id: Value): Value => {
      const text = isObjectValue(id) ? toText(id._id ?? null) : toText(id)
      return context.document(second === undefined || text.includes('/') ? text : `${toText(first)}/${text}`)
    }
    const wanted = second ?? first
    if (wanted !== null && isArray(wanted)) return wanted.map(find).filter((v) => v !== null)
    return typeof wanted === 'string' || isObjectValue(wanted) ? find(wanted) : null
  },
}

export const documentFunctions: FunctionTable = {
  DOCUMENT: document,
  HAS: onObject(2, 2, (object, [name = null]) => Object.hasOwn(object, toText(name))),
  ATTRIBUTES: onObject(1, 3, listNames),
  KEYS: onObject(1, 3, listNames),
  VALUES: onObject(1, 2, (object, rest) => listNames(object, rest).map((name) => object[name] ?? null)),
  KEEP: onObject(2, 99, (object, rest) => {
    const kept = names(rest)
    return pick(object, (name) => kept.has(name))
  }),
  UNSET: onObject(2, 99, (object, rest) => {
    const gone = names(rest)
    return pick(object, (name) => !gone.has(name))
  }),
  MERGE: merging((a, b) => ({ ...a, ...b })),
  MERGE_RECURSIVE: merging(mergeDeep),
  ZIP: {
    min: 2,
    max: 2,
    run: ([keys = null, values = null], context) => {
      if (keys !== null && values !== null && isArray(keys) && isArray(values) && keys.length === values.length)
        return Object.fromEntries(keys.map((key, i) => [toText(key), values[i] ?? null]))
      context.warn(1542, 'ZIP expects two arrays of the same length')
      return null
    },
  },
  MATCHES: {
    min: 2,
    max: 3,
    run: ([object = null, examples = null, asIndex = null]) => {
      if (!isObjectValue(object)) return false
      const list = (examples !== null && isArray(examples) ? examples : [examples]).filter(isObjectValue)
      const index = list.findIndex((example) =>
        Object.entries(example).every(([name, value]) => compare(object[name] ?? null, value) === 0),
      )
      return toBool(asIndex) ? index : index >= 0
    },
  },
  PARSE_IDENTIFIER: {
    min: 1,
    max: 1,
    run: ([value = null], context) => {
      const parsed = parseId(value)
      if (parsed) return parsed
      context.warn(1542, 'PARSE_IDENTIFIER expects a document identifier')
      return null
    },
  },
  PARSE_KEY: { min: 1, max: 1, run: ([value = null]) => parseId(value)?.key ?? null },
  PARSE_COLLECTION: { min: 1, max: 1, run: ([value = null]) => parseId(value)?.collection ?? null },
  IS_SAME_COLLECTION: {
    min: 2,
    max: 2,
    run: ([collection = null, value = null]) => {
      const parsed = parseId(value)
      const name = parseId(collection)?.collection ?? toText(collection)
      return parsed === undefined ? null : parsed.collection === name
    },
  },
}
