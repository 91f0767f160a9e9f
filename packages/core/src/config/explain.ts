import type { StandardSchemaV1 } from '@standard-schema/spec'
import { VeritasError } from '../contract/errors.js'
import { isPlainObject } from '../contract/values.js'
import { didYouMean } from '../registry/nearest.js'

/** Runs a schema over options; every mistake is named with its path, an unknown option with the nearest valid name. @throws VeritasError CONFIGURATION */
export async function checkOptions<O>(schema: StandardSchemaV1<unknown, O>, input: unknown, root: string): Promise<O> {
  const unknown = unknownOptions(jsonSchemaOf(schema), input, root)
  const result = await schema['~standard'].validate(input)
  if (!result.issues && unknown.length === 0) return (result as StandardSchemaV1.SuccessResult<O>).value
  const others = (result.issues ?? [])
    .map((issue) => ({ path: joinPath(root, issue.path), message: issue.message }))
    // The schema's own words for an unknown option name neither its path nor the nearest option.
    .filter((issue) => unknown.length === 0 || !/unrecognized|unknown|unexpected/i.test(issue.message))
  const issues = [...unknown, ...others]
  throw new VeritasError({
    code: 'CONFIGURATION',
    path: issues[0]?.path ?? root,
    message: issues.map((i) => `${i.path || 'config'}: ${i.message}`).join('\n'),
  })
}

function joinPath(root: string, path: StandardSchemaV1.Issue['path']): string {
  const parts = (path ?? []).map((part) => String(typeof part === 'object' ? part.key : part))
  return [root, ...parts].filter((part) => part !== '').join('.')
}

/** The schema as JSON Schema, where its library offers that (Standard JSON Schema): it is how option names are known. */
function jsonSchemaOf(schema: StandardSchemaV1): unknown {
  const standard: object = schema['~standard']
  if (!('jsonSchema' in standard)) return undefined
  const converter = standard.jsonSchema as {
    input(options: { target: string; libraryOptions?: Record<string, unknown> }): unknown
  }
  try {
    return converter.input({ target: 'draft-2020-12', libraryOptions: { unrepresentable: 'any' } })
  } catch (_unrepresentable) {
    // Option names are then unknown, and the schema's own messages must do.
    return undefined
  }
}

function unknownOptions(schema: unknown, input: unknown, path: string): { path: string; message: string }[] {
  if (!isPlainObject(schema) || !isPlainObject(input) || !isPlainObject(schema.properties)) return []
  const properties = schema.properties
  const names = Object.keys(properties)
  return Object.entries(input).flatMap(([option, value]) => {
    const at = path === '' ? option : `${path}.${option}`
    if (Object.hasOwn(properties, option)) return unknownOptions(properties[option], value, at)
    if (schema.additionalProperties !== false) return []
    return [{ path: at, message: `unknown option.${didYouMean(option, names) || ` Known: ${names.join(', ')}.`}` }]
  })
}
