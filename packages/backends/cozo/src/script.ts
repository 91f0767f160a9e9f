/** The parameters of a script, each with a name of its own: values never become a part of the text. */
export class Bindings {
  readonly values: Record<string, unknown> = {}
  #count = 0

  /** The name that stands for the value in the script. */
  add(value: unknown): string {
    const name = `p${this.#count++}`
    this.values[name] = value
    return `$${name}`
  }
}

/** Statements that run in one transaction. */
export const block = (...statements: readonly (string | false | undefined)[]): string =>
  statements
    .filter(Boolean)
    .map((statement) => `{ ${statement} }`)
    .join('\n')
