import { readable } from '../corpus/readable.js'

/** Lines fit this many columns. */
export const WIDTH = 100

/**
 * Text from files and databases as it may be shown: one line, and nothing in it that a terminal obeys (escape sequences,
 * control characters, marks that turn the direction of writing).
 */
export function oneLine(text: string): string {
  return (
    text
      .toWellFormed()
      // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is removed
      .replace(/\u001b\[[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?/g, '')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced
      .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')
      .replace(/[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, '')
      .replace(/\s+/g, ' ')
      .trim()
  )
}

/** Cut at a word's end where there is one near. */
export function shorten(text: string, length: number): string {
  const characters = [...text]
  if (characters.length <= length) return text
  const head = characters.slice(0, length - 1).join('')
  const space = head.lastIndexOf(' ')
  return `${space > length * 0.6 ? head.slice(0, space) : head.trimEnd()}…`
}

/** The middle left out: the end of an id often tells it apart. */
export function shortenId(text: string, length: number): string {
  const characters = [...oneLine(text)]
  if (characters.length <= length) return characters.join('')
  const tail = Math.floor(length * 0.5)
  return `${characters.slice(0, length - tail - 1).join('')}…${characters.slice(-tail).join('')}`
}

/** A passage without Markdown's marks. */
export function passageText(passage: string): string {
  return oneLine(
    readable(passage)
      .replace(/^ {0,3}(?:#{1,6}|>|[-*+]|\d{1,4}[.)])[ \t]+/gm, '')
      .replace(/^[\s|:=~-]{3,}$|^(?:```|~~~)[^\n]*$/gm, '')
      .replace(/[*`]{1,3}/g, '')
      .replace(/\s*\|\s*/g, ' '),
  )
}

export function duration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}

export function number(value: number | null): string {
  return value === null ? 'unknown' : value.toLocaleString('en-US')
}

/** A word of the shell: quoted where it needs to be. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./~-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
