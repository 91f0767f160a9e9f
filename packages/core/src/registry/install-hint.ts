/** The command that adds a package with the package manager that the folder uses. */
export async function installCommand(name: string, folder: string): Promise<string> {
  const { detect, resolveCommand } = await import('package-manager-detector')
  const agent = (await detect({ cwd: folder }))?.agent ?? 'npm'
  const command = resolveCommand(agent, 'add', [name])
  return command ? [command.command, ...command.args].join(' ') : `npm install ${name}`
}
