// Lets Node run our sources: it strips types by itself, but looks for the `.js` that imports name.
import { registerHooks } from 'node:module'

registerHooks({
  resolve(specifier, context, next) {
    const ours =
      specifier.startsWith('.') && !context.parentURL?.includes('node_modules') && context.parentURL?.endsWith('.ts')
    return next(ours ? specifier.replace(/\.js$/, '.ts') : specifier, context)
  },
})
