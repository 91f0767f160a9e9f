import { type Dirent, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import path from 'node:path'
import type { Problem } from './types.js'
import { safeText } from './values.js'

/** One installed package; those installed several times in the same version are one. */
export interface InstalledPackage {
  /** The name; an older version beside a newer one is `name@version`. */
  readonly id: string
  readonly name: string
  readonly version: string
  readonly folder: string
}

export interface Installed {
  readonly packages: readonly InstalledPackage[]
  /** The id of the package in a folder, whichever of its copies it is. */
  readonly idOf: (folder: string) => string | undefined
  readonly problems: readonly Problem[]
}

interface Found {
  readonly name: string
  readonly version: string
  readonly folder: string
}

/** A package's name as npm allows it, old ones with capitals too. What does not match never becomes a path. */
const NAME = /^(?:@[\w.~-]{1,100}\/)?[\w.~-]{1,214}$/
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024

export function isPackageName(name: unknown): name is string {
  return typeof name === 'string' && NAME.test(name) && !/(^|\/)\.{1,2}$/.test(name)
}

/**
 * Every package in a `node_modules` folder, in the layouts of npm (nested) and pnpm (`.pnpm/*\/node_modules`), in order of name.
 * Links are not followed: each package is met where it really is.
 */
export function installedPackages(nodeModules: string): Installed {
  const problems: Problem[] = []
  const found: Found[] = []
  for (const folder of packageFolders(nodeModules)) {
    const known = basename(folder)
    const manifest = readManifest(folder)
    if (typeof manifest === 'string') {
      // A folder without package.json is no package (".bin", caches); a broken one is worth a word.
      if (manifest !== '') problems.push({ id: known, why: manifest })
      continue
    }
    const name = isPackageName(manifest.name) ? manifest.name : known
    const version = typeof manifest.version === 'string' ? safeText(manifest.version).slice(0, 100) : '0.0.0'
    found.push({ name, version, folder })
  }
  const byName = Map.groupBy(found, (p) => p.name)
  const packages: InstalledPackage[] = []
  const ids = new Map<string, string>()
  for (const name of [...byName.keys()].sort()) {
    const copies = byName.get(name) ?? []
    const versions = [...new Set(copies.map((c) => c.version))].sort(newestFirst)
    versions.forEach((version, i) => {
      const id = i === 0 ? name : `${name}@${version}`
      const same = copies.filter((c) => c.version === version)
      for (const copy of same) ids.set(copy.folder, id)
      // Of several copies always the same one, so that nothing changes between two runs.
      const folder = same.map((c) => c.folder).sort()[0]
      if (folder !== undefined) packages.push({ id, name, version, folder })
    })
  }
  return { packages, idOf: (folder) => ids.get(folder), problems }
}

/** The folders of packages in a `node_modules` folder, and in those within them. */
function* packageFolders(nodeModules: string): Generator<string> {
  for (const entry of folders(nodeModules)) {
    const folder = path.join(nodeModules, entry)
    if (entry === '.pnpm') {
      for (const store of folders(folder)) yield* packageFolders(path.join(folder, store, 'node_modules'))
    } else if (entry.startsWith('@')) {
      for (const scoped of folders(folder)) yield* packageAndNested(path.join(folder, scoped))
    } else if (!entry.startsWith('.')) yield* packageAndNested(folder)
  }
}

function* packageAndNested(folder: string): Generator<string> {
  yield folder
  yield* packageFolders(path.join(folder, 'node_modules'))
}

/** Names of real folders, in order; none where there is no such folder. */
function folders(folder: string): string[] {
  let entries: Dirent[]
  try {
    entries = readdirSync(folder, { withFileTypes: true })
  } catch (_absent) {
    return []
  }
  return entries
    .filter((e) => e.isDirectory())
    .map((e) => e.name)
    .sort()
}

/** `name` or `@scope/name`, by the folder. */
function basename(folder: string): string {
  const scope = path.basename(path.dirname(folder))
  return safeText(scope.startsWith('@') ? `${scope}/${path.basename(folder)}` : path.basename(folder))
}

/** The package.json; an empty text where there is none, else what is wrong with it. */
export function readManifest(folder: string): Readonly<Record<string, unknown>> | string {
  const file = path.join(folder, 'package.json')
  try {
    const stat = statSync(file, { throwIfNoEntry: false })
    if (!stat) return ''
    if (stat.size > MAX_MANIFEST_BYTES) return `package.json has ${stat.size} bytes, which is too much for one`
    const value: unknown = JSON.parse(readFileSync(file, 'utf8').replace(/^\uFEFF/, ''))
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'package.json holds no object'
    return value as Record<string, unknown>
  } catch (error) {
    return `package.json cannot be read: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** The folder that `import 'name'` from a package would load, as Node looks it up, without leaving `top`. */
export function resolveDependency(folder: string, name: string, top: string): string | undefined {
  for (let at = folder; at.startsWith(top); at = path.dirname(at)) {
    if (path.basename(at) === 'node_modules') continue
    try {
      return realpathSync(path.join(at, 'node_modules', name))
    } catch (error) {
      if (!isMissing(error)) throw error
    }
    if (at === top) break
  }
  return undefined
}

function isMissing(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'ELOOP')
  )
}

/** Numbers compare as numbers, and a release comes before its pre-releases; enough to choose which version has the plain name. */
function newestFirst(a: string, b: string): number {
  const [left, right] = [parts(a), parts(b)]
  for (let i = 0; i < 3; i++) {
    const difference = (right.numbers[i] ?? 0) - (left.numbers[i] ?? 0)
    if (difference !== 0) return difference
  }
  if ((left.pre === '') !== (right.pre === '')) return left.pre === '' ? -1 : 1
  return right.pre.localeCompare(left.pre, 'en', { numeric: true }) || (a < b ? 1 : -1)
}

function parts(version: string): { numbers: number[]; pre: string } {
  const [core = '', ...pre] = version.split('-')
  return { numbers: core.split('.').map((n) => Number.parseInt(n, 10) || 0), pre: pre.join('-') }
}
