import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository: three folders up from the built file as well as from this source. */
export const ROOT: string = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..')

/** This app, whose dependencies the databases are: they are looked up from here, wherever the user is. */
export const APP: string = path.join(ROOT, 'apps', 'demo')

/** Where the demo keeps its database: ignored by git, deleted without harm. */
export const CACHE: string = path.join(ROOT, '.cache', 'demo')

/** A path as people read it: relative to where they are, unless that climbs out of there. */
export function displayPath(file: string, cwd: string = process.cwd()): string {
  const relative = path.relative(cwd, file)
  if (relative === '') return '.'
  return relative.startsWith('..') || path.isAbsolute(relative) ? file : relative
}

/** A path with `/` on every system, so that ids are the same everywhere. */
export function slashed(file: string): string {
  return path.sep === '/' ? file : file.split(path.sep).join('/')
}
