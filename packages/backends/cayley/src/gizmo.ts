/**
 * A text as a string literal of JavaScript, for Gizmo, which has no parameters. Only ASCII comes out: all else, and what could end
 * a literal, a line or a script, is a `\u` escape.
 */
export const stringLiteral = (text: string): string =>
  // JSON escapes quotes, backslashes and control characters; U+2028, U+2029 and everything beyond ASCII are left for here.
  JSON.stringify(text).replace(
    /[^\x20-\x7e]|[<>/]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

/** Values as an expression: parsed at the server, so that a field called `__proto__` is a field. */
export const valueLiteral = (value: unknown): string => `JSON.parse(${stringLiteral(JSON.stringify(value))})`

/** A script with its parameters as the variable `parameters`. */
export const withParameters = (script: string, parameters: unknown): string =>
  `var parameters = ${valueLiteral(parameters)};\n${script}`
