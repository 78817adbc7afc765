// Writes the ES modules beside the CommonJS ones that `tsc` has made: the same classes under the same names, so that a
// program that uses both has each of them once.

import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

for (const entry of ['index', 'ai', 'bridge', 'chat-sdk', 'express', 'testing', 'web']) {
  const names = Object.keys(require(`../lib/${entry}.js`)).sort()
  const module = `import cjs from './${entry}.js'\n\nexport const {\n${names.map((name) => `  ${name},\n`).join('')}} = cjs\n`
  writeFileSync(new URL(`../lib/${entry}.mjs`, import.meta.url), module)
  writeFileSync(new URL(`../lib/${entry}.d.mts`, import.meta.url), `export * from './${entry}.js'\n`)
}
