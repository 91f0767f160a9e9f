import { type Dirent, lstatSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import path from 'node:path'
import type { FieldType, Metadata, Reference, VeritasDocument } from '@veritas-db/core'
import { DemoError } from '../errors.js'
import { slashed } from '../places.js'
import {
  type InstalledPackage,
  installedPackages,
  isPackageName,
  readManifest,
  resolveDependency,
} from './installed.js'
import { readable } from './readable.js'
import type { Corpus, Problem } from './types.js'
import { safeText } from './values.js'

const EDGE_TYPE = 'DEPENDS_ON'
/** What a README beyond this holds is left out: characters. */
const MAX_README = 500_000
const MAX_LABEL = 300

/** Every package has these; their types are declared, so that filters are checked and indexed. */
const FIELDS: Readonly<Record<string, FieldType>> = {
  version: 'string',
  license: 'string',
  keywords: 'string[]',
  sizeBytes: 'number',
  files: 'number',
  dependencies: 'number',
}

/** The packages installed in a project's `node_modules`, each once. */
export function packagesCorpus(project: string): Corpus {
  const root = realpathSync(project)
  const nodeModules = path.join(root, 'node_modules')
  const { packages, idOf, problems } = installedPackages(nodeModules)
  if (packages.length === 0)
    throw new DemoError('NOT_FOUND', `No packages are installed in ${nodeModules}.`, 'Install them: npm run setup')
  return {
    kind: 'packages',
    description: `${packages.length} packages installed in node_modules`,
    noun: ['package', 'packages'],
    collection: 'packages',
    edgeType: EDGE_TYPE,
    fields: FIELDS,
    total: packages.length,
    async *documents(onProblem: (problem: Problem) => void): AsyncGenerator<VeritasDocument> {
      for (const problem of problems) onProblem(problem)
      for (const installed of packages) {
        try {
          yield packageDocument(installed, root, idOf, onProblem)
        } catch (error) {
          // A file that vanishes while we read, or that we may not read, concerns this one package.
          onProblem({ id: installed.id, why: error instanceof Error ? error.message : String(error) })
        }
      }
    },
  }
}

function packageDocument(
  installed: InstalledPackage,
  root: string,
  idOf: (folder: string) => string | undefined,
  onProblem: (problem: Problem) => void,
): VeritasDocument {
  const { id, name, version, folder } = installed
  const manifest = readManifest(folder)
  if (typeof manifest === 'string') throw new Error(manifest || 'package.json is gone')
  const references = dependencies(manifest, folder, path.join(root, 'node_modules'), idOf).filter((r) => r.id !== id)
  const description = label(manifest.description)
  const readme = readReadme(folder)
  if (readme?.cut) onProblem({ id, why: `its README is long: the first ${MAX_README} characters are stored` })
  return {
    id,
    title: name,
    documentType: 'package',
    // The description first: it says what the package is for, which many a README only comes to later.
    text: [description, readme?.text].filter(Boolean).join('\n\n') || name,
    references,
    filePath: slashed(path.relative(root, folder)),
    metadata: {
      version,
      ...optional('description', description),
      ...optional('license', license(manifest)),
      keywords: keywords(manifest.keywords),
      ...folderSize(folder),
      dependencies: references.length,
      ...optional('node', label(property(manifest.engines, 'node'))),
      ...optional('homepage', label(manifest.homepage)),
      module: manifest.type === 'module' ? 'esm' : 'cjs',
    },
  }
}

/** Those it always needs, and of the optional ones and peers those that are installed. */
function dependencies(
  manifest: Readonly<Record<string, unknown>>,
  folder: string,
  nodeModules: string,
  idOf: (folder: string) => string | undefined,
): Reference[] {
  const references = new Map<string, Reference>()
  for (const kind of ['dependencies', 'optionalDependencies', 'peerDependencies'] as const) {
    for (const [name, range] of Object.entries(object(manifest[kind]))) {
      if (!isPackageName(name)) continue
      const target = resolveDependency(folder, name, nodeModules)
      const id = (target && idOf(target)) ?? (kind === 'dependencies' ? name : undefined)
      if (id === undefined || references.has(id)) continue
      const properties: Metadata = {
        kind: kind === 'dependencies' ? 'required' : kind.replace('Dependencies', ''),
        range: label(range) ?? '*',
      }
      references.set(id, { id, type: EDGE_TYPE, properties })
    }
  }
  return [...references.values()]
}

function readReadme(folder: string): { text: string; cut: boolean } | undefined {
  const names = readdirSync(folder).filter((name) => /^readme(\.(md|markdown|txt|rst))?$/i.test(name))
  // README.md before README.markdown before README; of equals the first by name.
  const [name] = names.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
  if (name === undefined) return undefined
  const file = path.join(folder, name)
  if (!statSync(file).isFile()) return undefined
  const whole = safeText(readFileSync(file, 'utf8').replace(/^\uFEFF/, ''))
  return { text: readable(whole.slice(0, MAX_README).toWellFormed()), cut: whole.length > MAX_README }
}

function rank(name: string): number {
  return ['.md', '.markdown', '', '.txt', '.rst'].indexOf(path.extname(name).toLowerCase())
}

/** Files and bytes of a package's own folder, without the packages nested in it. */
function folderSize(folder: string): { sizeBytes: number; files: number } {
  let sizeBytes = 0
  let files = 0
  const waiting = [folder]
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const entries: Dirent[] = readdirSync(at, { withFileTypes: true })
    for (const entry of entries) {
      const file = path.join(at, entry.name)
      if (entry.isDirectory() && entry.name !== 'node_modules') waiting.push(file)
      else if (entry.isFile()) {
        files++
        sizeBytes += lstatSync(file).size
      }
    }
  }
  return { sizeBytes, files }
}

/** `license` as text, in the three ways that it is written. */
function license(manifest: Readonly<Record<string, unknown>>): string | undefined {
  const { license, licenses } = manifest
  if (Array.isArray(licenses) && license === undefined)
    return label(
      licenses
        .map((l: unknown) => label(l) ?? label(property(l, 'type')))
        .filter(Boolean)
        .join(' OR '),
    )
  return label(license) ?? label(property(license, 'type'))
}

function keywords(value: unknown): string[] {
  const words: unknown[] = Array.isArray(value) ? value : typeof value === 'string' ? value.split(',') : []
  return [
    ...new Set(
      words
        .slice(0, 100)
        .map(label)
        .filter((word) => word !== undefined),
    ),
  ]
}

/** A short text; undefined for anything else, which package.json may hold where a text belongs. */
function label(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined
  const text = safeText(value.trim().slice(0, MAX_LABEL))
  return text === '' ? undefined : text
}

function object(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}

function property(value: unknown, name: string): unknown {
  return object(value)[name]
}

function optional(field: string, value: string | undefined): Metadata {
  return value === undefined ? {} : { [field]: value }
}
