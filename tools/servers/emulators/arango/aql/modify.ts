// INSERT, UPDATE, REPLACE, REMOVE, UPSERT: docs.arangodb.com/3.12/aql/high-level-operations.
import type { View } from '../store.ts'
import { defaultWrite, insert, isKey, modify, remove, type WriteOptions, type Written } from '../write.ts'
import type { Clause } from './ast.ts'
import { ArangoFailure, parseError } from './errors.ts'
import type { Row } from './evaluate.ts'
import type { Query } from './execute.ts'
import { compare, isObjectValue, type ObjectValue, toBool, toText, type Value } from './values.ts'

const knownOptions = new Set(
  (
    'ignoreErrors waitForSync keepNull mergeObjects overwrite overwriteMode ignoreRevs exclusive refillIndexCaches ' +
    'versionAttribute indexHint forceIndexHint disableIndex maxProjections readOwnWrites'
  ).split(' '),
)

const writeOptions = (options: ObjectValue): WriteOptions => {
  for (const name of Object.keys(options))
    if (!knownOptions.has(name)) throw parseError(`the emulator does not know the option ${name} here`)
  const flag = (name: string, otherwise: boolean): boolean =>
    options[name] === undefined ? otherwise : toBool(options[name])
  const mode = options.overwriteMode ?? (flag('overwrite', false) ? 'replace' : 'conflict')
  if (mode !== 'ignore' && mode !== 'replace' && mode !== 'update' && mode !== 'conflict')
    throw new ArangoFailure(10, `overwriteMode ${toText(mode)}`)
  return {
    ...defaultWrite,
    overwriteMode: mode,
    keepNull: flag('keepNull', true),
    mergeObjects: flag('mergeObjects', true),
    ignoreRevs: flag('ignoreRevs', true),
    versionAttribute: options.versionAttribute === undefined ? undefined : toText(options.versionAttribute),
  }
}

const keyOf = (value: Value): string => {
  const key = isObjectValue(value) ? (value._key ?? null) : value
  if (key === null) throw new ArangoFailure(1226)
  // A document identifier is no key.
  if (!isKey(key)) throw new ArangoFailure(1221)
  return key
}

const attempt = (query: Query, options: ObjectValue, row: Row, work: () => Written): Row[] => {
  try {
    const written = work()
    if (written.ignored) query.writesIgnored++
    else query.writesExecuted++
    return [{ ...row, OLD: written.old, NEW: written.new }]
  } catch (error) {
    // RocksDB conflicts and unknown collections are no errors to be ignored; unique constraints and missing documents are.
    if (!(error instanceof ArangoFailure) || !toBool(options.ignoreErrors ?? null)) throw error
    query.writesIgnored++
    return []
  }
}

// In AQL a revision that does not match is a conflict, not a failed precondition.
const conflicts = <T>(work: () => T): T => {
  try {
    return work()
  } catch (error) {
    if (error instanceof ArangoFailure && error.errorNum === 1200)
      throw new ArangoFailure(1200, '_rev values do not match')
    throw error
  }
}

export const modifyRow = (query: Query, clause: Extract<Clause, { type: 'modify' }>, row: Row): Row[] => {
  const view = query.session.view(query.collection(clause.collection))
  const given = query.options(clause.options, row)
  const options = writeOptions(given)
  return attempt(query, given, row, () => {
    const subject = query.evaluate(clause.key, row)
    if (clause.kind === 'INSERT') return insert(view, subject, options)
    const key = keyOf(subject)
    const revision = isObjectValue(subject) ? subject : undefined
    if (clause.kind === 'REMOVE') return conflicts(() => remove(view, key, revision, options))
    const content = clause.with ? query.evaluate(clause.with, row) : subject
    return conflicts(() => modify(view, key, content, options, clause.kind === 'UPDATE' ? 'update' : 'replace'))
  })
}

const matches = (example: ObjectValue, doc: Value): boolean =>
  isObjectValue(doc) && Object.entries(example).every(([name, value]) => compare(doc[name] ?? null, value) === 0)

const lookUp = (
  query: Query,
  clause: Extract<Clause, { type: 'upsert' }>,
  view: View,
  row: Row,
): ObjectValue | undefined => {
  const { filter, search } = clause
  if (filter) return view.all().find((doc) => toBool(query.evaluate(filter, { ...row, CURRENT: doc })))
  const example = search ? query.evaluate(search, row) : null
  if (!isObjectValue(example)) throw new ArangoFailure(10, 'UPSERT searches by an object')
  if (typeof example._key === 'string') {
    const doc = view.get(example._key)
    return doc && matches(example, doc) ? doc : undefined
  }
  return view.all().find((doc) => matches(example, doc))
}

export const upsertRow = (query: Query, clause: Extract<Clause, { type: 'upsert' }>, row: Row): Row[] => {
  const view = query.session.view(query.collection(clause.collection))
  const given = query.options(clause.options, row)
  const options = { ...writeOptions(given), overwriteMode: 'conflict' as const }
  return attempt(query, given, row, () => {
    const found = lookUp(query, clause, view, row)
    if (!found) return insert(view, query.evaluate(clause.insert, row), options)
    const content = query.evaluate(clause.update, { ...row, OLD: found })
    return conflicts(() =>
      modify(view, toText(found._key ?? null), content, options, clause.kind === 'UPDATE' ? 'update' : 'replace'),
    )
  })
}
