import { chmod, copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Context } from './types.ts'

const assets = fileURLToPath(new URL('../assets', import.meta.url))

export const asset = (...names: string[]): string => path.join(assets, ...names)

const pythonNote = 'python.txt'

/** Installs packages of PyPI into `install/site`, without touching the machine's own Python packages. */
export const pipInstall = async (
  context: Context,
  packages: readonly string[],
  dependencies = false,
): Promise<void> => {
  // What `python3` means may depend on the folder (pyenv), and compiled wheels fit one version only.
  const python = (await context.run('python3', ['-c', 'import sys; print(sys.executable)'])).trim()
  const flags = ['--disable-pip-version-check', '--no-input', '--no-compile', '--only-binary=:all:']
  await context.run(python, [
    '-m',
    'pip',
    'install',
    '--quiet',
    ...flags,
    ...(dependencies ? [] : ['--no-deps']),
    '--target',
    path.join(context.install, 'site'),
    ...packages,
  ])
  await writeFile(path.join(context.install, pythonNote), python)
}

/** The Python for which `pipInstall` installed. */
export const pythonOf = (context: Context): Promise<string> => readFile(path.join(context.install, pythonNote), 'utf8')

export const siteOf = (context: Context): string => path.join(context.install, 'site')

/** Makes every file in a folder executable: wheels do not always carry the mark. */
export const makeExecutable = async (folder: string): Promise<void> => {
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isFile()) await chmod(path.join(folder, entry.name), 0o755)
}

/** Fetches the jars that a pom.xml in `assets` names into `install/lib`. */
export const mavenInstall = async (context: Context, pom: string): Promise<void> => {
  await mkdir(context.install, { recursive: true })
  await copyFile(pom, path.join(context.install, 'pom.xml'))
  await context.run(
    'mvn',
    ['-B', '-ntp', '-q', 'dependency:copy-dependencies', '-DoutputDirectory=lib', '-DincludeScope=runtime'],
    { cwd: context.install },
  )
}
