// Builds the widget's files into a folder.
import { createHash } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { build, transform } from 'esbuild'
import { bundled, notices } from './notices.mjs'

export const ROOT = resolve(import.meta.dirname, '..')

/** Style sheets are texts in the program, without what only people read. */
const styles = {
  name: 'styles',
  setup({ onLoad }) {
    onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(readFileSync(path, 'utf8'), { loader: 'css', minify: true, target: TARGET })
      return { contents: code.trim(), loader: 'text' }
    })
  },
}

const TARGET = ['chrome111', 'firefox114', 'safari16.4']

const COMMON = {
  absWorkingDir: ROOT,
  bundle: true,
  minify: true,
  target: TARGET,
  charset: 'utf8',
  legalComments: 'none',
  plugins: [styles],
  logLevel: 'warning',
}

export async function bundle(folder) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  await buildModule(folder, 'session')
  const { metafile } = await buildModule(folder, 'panel', { metafile: true })
  const packages = bundled(metafile)
  // The notices stand with what they are about.
  const panel = join(folder, 'panel.js')
  writeFileSync(panel, `/*!\n${notices(packages, false)}*/\n${readFileSync(panel, 'utf8')}`)
  writeFileSync(join(folder, 'THIRD-PARTY-NOTICES.txt'), notices(packages, true))
  const strings = {}
  for (const file of readdirSync(join(ROOT, 'strings')).sort()) {
    cpSync(join(ROOT, 'strings', file), join(folder, `strings.${file}`))
    strings[file.replace('.json', '')] = version(join(folder, `strings.${file}`))
  }
  const versions = {
    session: version(join(folder, 'session.js')),
    panel: version(join(folder, 'panel.js')),
    strings,
  }
  await build({
    ...COMMON,
    format: 'iife',
    define: { VERSIONS: JSON.stringify(versions) },
    entryPoints: ['src/widget.ts'],
    outfile: join(folder, 'widget.js'),
  })
  await build({
    ...COMMON,
    format: 'esm',
    external: ['./session.js', './panel.js'],
    entryPoints: ['src/index.ts'],
    outfile: join(folder, 'index.js'),
  })
  declare(folder)
}

function buildModule(folder, name, options = {}) {
  const files = { entryPoints: [`src/${name}.ts`], outfile: join(folder, `${name}.js`) }
  return build({ ...COMMON, ...files, ...options, format: 'esm' })
}

/** The types of what a program imports. */
function declare(folder) {
  const all = mkdtempSync(join(tmpdir(), 'secondme-widget-'))
  try {
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
    execFileSync(process.execPath, [tsc, '--project', ROOT, '--emitDeclarationOnly', '--outDir', all], {
      stdio: 'inherit',
    })
    for (const name of ['index', 'element', 'types']) {
      const text = readFileSync(join(all, `${name}.d.ts`), 'utf8')
      writeFileSync(join(folder, `${name}.d.ts`), text)
    }
  } finally {
    rmSync(all, { recursive: true, force: true })
  }
}

function version(file) {
  return createHash('sha256').update(readFileSync(file)).digest('base64url').slice(0, 8)
}
