// Builds what the tests import: each part by itself, for Node.
import { build } from 'esbuild'
import { ROOT } from './bundle.mjs'

const PARTS = {
  api: 'src/session/api.ts',
  sse: 'src/session/sse.ts',
  reply: 'src/session/reply.ts',
  outbox: 'src/session/outbox.ts',
  store: 'src/session/store.ts',
  session: 'src/session/session.ts',
  unread: 'src/session/unread.ts',
  title: 'src/session/title.ts',
  wait: 'src/session/wait.ts',
  markdown: 'src/panel/markdown.ts',
  'growing-markdown': 'src/panel/growing-markdown.ts',
  links: 'src/panel/links.ts',
  languages: 'src/words/languages.ts',
  'launcher-words': 'src/words/launcher.ts',
  'panel-words': 'src/words/panel.ts',
}

await build({
  absWorkingDir: ROOT,
  entryPoints: PARTS,
  outdir: 'lib',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  sourcemap: 'inline',
  logLevel: 'warning',
})
