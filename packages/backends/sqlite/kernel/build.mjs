// Compiles kernel/scan.ts and writes src/kernel/wasm.ts. The result is committed, so that the sources run without a
// build; test/kernel.test.ts compiles again and compares.  Usage: node kernel/build.mjs
import { readFile, writeFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import asc from 'assemblyscript/asc'

/** Compiles the kernel; returns the module's bytes. */
export const compile = async () => {
  const source = await readFile(new URL('scan.ts', import.meta.url), 'utf8')
  let binary
  const { error, stderr } = await asc.main(
    [
      ...['scan.ts', '--outFile', 'scan.wasm', '-O3', '--runtime', 'stub', '--noAssert'],
      ...['--importMemory', '--noExportMemory', '--sharedMemory', '--maximumMemory', '65536'],
      ...['--enable', 'simd', '--enable', 'threads'],
    ],
    {
      readFile: (name) => (name === 'scan.ts' ? source : null),
      writeFile: (name, contents) => {
        if (name === 'scan.wasm') binary = contents
      },
      listFiles: () => [],
    },
  )
  if (error) throw new Error(`${error.message}\n${stderr.toString()}`)
  return binary
}

/** The text of src/kernel/wasm.ts. */
export const render = async () => {
  const lines = Buffer.from(await compile())
    .toString('base64')
    .match(/.{1,110}/g)
  return [
    '// Written by kernel/build.mjs from kernel/scan.ts.',
    '',
    '/** The compiled scan kernel, base64. */',
    'export const kernelBase64: string = [',
    ...lines.map((line) => `  '${line}',`),
    "].join('')",
    '',
  ].join('\n')
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const target = new URL('../src/kernel/wasm.ts', import.meta.url)
  const text = await render()
  const old = await readFile(target, 'utf8').catch(() => '')
  if (old !== text) await writeFile(target, text)
}
