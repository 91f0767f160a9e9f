const HIDDEN = '[secret]'

/**
 * A value that no log line, error, template or `JSON.stringify` shows. Config schemas mark an option as secret by giving one out:
 * `password: z.string().transform(secret)`.
 */
export class Secret {
  // Private fields are shown neither by console.log nor by util.inspect.
  readonly #value: string
  constructor(value: string) {
    this.#value = value
  }
  /** The value itself: call it where it is handed to the driver, nowhere else. */
  reveal(): string {
    return this.#value
  }
  toString(): string {
    return HIDDEN
  }
  toJSON(): string {
    return HIDDEN
  }
}

/** Wraps a value as a `Secret`. */
export function secret(value: string): Secret {
  return new Secret(value)
}

/** A connection URL without user, password and query values, for messages and engine ids. */
export function redactUrl(url: string): string {
  if (!URL.canParse(url)) return HIDDEN
  const parsed = new URL(url)
  return `${parsed.protocol}//${parsed.host}${parsed.pathname}`
}
