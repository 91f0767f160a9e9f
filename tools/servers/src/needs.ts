import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { hasCode } from './errors.ts'
import type { Prerequisite } from './types.ts'

const exec = promisify(execFile)

const firstLineOf = async (file: string, args: readonly string[]): Promise<string | undefined> => {
  try {
    const { stdout, stderr } = await exec(file, [...args], { timeout: 60_000 })
    return (stdout || stderr).trim().split('\n')[0] ?? ''
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'EACCES')) return undefined
    // It is there and does not work, e.g. a shim without a version behind it.
    if (error instanceof Error) return `failed: ${error.message.trim().split('\n').at(-1)}`
    throw error
  }
}

/** The first two numbers of a version, comparable: '17.0.15' → 17_000, '1.26.8' → 1_026. */
const versionIn = (line: string): number | undefined => {
  const match = /(\d+)(?:\.(\d+))?/.exec(line)
  return match ? Number(match[1]) * 1_000 + Number(match[2] ?? 0) : undefined
}

const tool = (
  title: string,
  file: () => string,
  args: readonly string[],
  install: string,
  atLeast?: { version: number; name: string },
): Prerequisite => {
  let checked: Promise<string | undefined> | undefined
  const look = async (): Promise<string | undefined> => {
    const line = await firstLineOf(file(), args)
    if (line === undefined) return `${title} is not installed`
    if (line.startsWith('failed:')) return `${title} is there but does not run (${line})`
    const found = atLeast ? versionIn(line) : undefined
    return atLeast && found !== undefined && found < atLeast.version
      ? `${title} must be ${atLeast.name} or newer, and this is "${line}"`
      : undefined
  }
  return {
    title,
    install,
    check: () => {
      checked ??= look()
      return checked
    },
  }
}

/** A program of the JDK: the one in JAVA_HOME where that is set. */
export const javaProgram = (name: string): string =>
  process.env.JAVA_HOME ? path.join(process.env.JAVA_HOME, 'bin', name) : name

const jdk = 'Debian and Ubuntu: apt install openjdk-17-jdk; macOS: brew install openjdk@17; or sdkman.io'

export const java: Prerequisite = tool('Java', () => javaProgram('java'), ['-version'], jdk, {
  version: 17_000,
  name: '17',
})
export const jar: Prerequisite = tool('jar (of a JDK, not a JRE)', () => javaProgram('jar'), ['--version'], jdk)
export const maven: Prerequisite = tool(
  'Maven',
  () => 'mvn',
  ['--version'],
  'Debian and Ubuntu: apt install maven; macOS: brew install maven',
)
export const go: Prerequisite = tool(
  'Go',
  () => 'go',
  ['version'],
  'the download page of go.dev (distributions are often too old); macOS: brew install go',
  { version: 1_021, name: '1.21' },
)
export const python: Prerequisite = tool(
  'Python',
  () => 'python3',
  ['--version'],
  'Debian and Ubuntu: apt install python3; macOS: brew install python',
  { version: 3_010, name: '3.10' },
)
export const pip: Prerequisite = tool(
  'pip',
  () => 'python3',
  ['-m', 'pip', '--version'],
  'Debian and Ubuntu: apt install python3-pip; elsewhere: python3 -m ensurepip',
)

const isRoot = (): boolean => process.getuid?.() === 0

/** PostgreSQL refuses to run as root, so that root must be able to make and become another user. */
export const otherUser: Prerequisite = {
  title: 'useradd and setpriv (only as root)',
  install: 'Debian and Ubuntu: apt install passwd util-linux; or run this as an ordinary user',
  check: async () => {
    if (!isRoot()) return undefined
    for (const program of ['useradd', 'setpriv'])
      if ((await firstLineOf(program, ['--help'])) === undefined) return `${program} is not installed`
    return undefined
  },
}
