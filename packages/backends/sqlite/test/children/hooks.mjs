// Lets a child process run the TypeScript sources as they are: imports end in `.js`, the files in `.ts`, and the package
// is its sources.
import { registerHooks } from 'node:module'

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === '@veritas-db/sqlite') return next(new URL('../../src/index.ts', import.meta.url).href, context)
    const ours = specifier.startsWith('.') && context.parentURL?.endsWith('.ts')
    return next(ours ? specifier.replace(/\.js$/, '.ts') : specifier, context)
  },
})
