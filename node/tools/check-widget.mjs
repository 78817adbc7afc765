// Lays the packed website widget into an empty project, without a network, and uses it as a program would: TypeScript
// knows the element, a bundler splits its panel off, and every file that the package names is there:
// `node tools/check-widget.mjs DIST`.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const dist = resolve(process.argv[2])
const node = fileURLToPath(new URL('..', import.meta.url))
const tsc = createRequire(import.meta.url).resolve('typescript5/lib/tsc.js')
const NAME = 'secondme-avatar-widget'

const [tarball, ...more] = readdirSync(dist).filter((file) => file.startsWith(`${NAME}-`))
if (tarball === undefined || more.length > 0) throw new Error(`there is not one ${NAME} in ${dist}`)
const project = mkdtempSync(join(tmpdir(), `${NAME}-`))
try {
  const own = join(project, 'node_modules', NAME)
  mkdirSync(own, { recursive: true })
  execFileSync('tar', ['-xzf', join(dist, tarball), '-C', own, '--strip-components=1'])
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }')
  copyFileSync(join(node, 'widget/test/types/use.ts'), join(project, 'page.ts'))
  typed()
  resolved()
  await bundled()
  console.log(`${tarball}: is typed, complete and split by a bundler`)
} finally {
  rmSync(project, { recursive: true, force: true })
}

function typed() {
  const strict = ['--strict', '--noEmit', '--lib', 'es2022,dom,dom.iterable']
  for (const kind of ['bundler', 'nodenext']) {
    const modules = ['--target', 'es2022', '--module', kind === 'bundler' ? 'esnext' : kind, '--moduleResolution', kind]
    execFileSync(process.execPath, [tsc, ...strict, ...modules, 'page.ts'], { cwd: project, stdio: 'inherit' })
  }
}

function resolved() {
  const { resolve } = createRequire(join(project, 'page.js'))
  for (const path of ['', '/widget.js', '/strings.de.json', '/custom-elements.json', '/package.json'])
    readFileSync(resolve(`${NAME}${path}`))
  for (const file of ['LICENSE-MIT', 'LICENSE-APACHE', 'README.md', 'dist/THIRD-PARTY-NOTICES.txt', 'dist/panel.js'])
    readFileSync(join(project, 'node_modules', NAME, file))
}

async function bundled() {
  const { outputFiles } = await build({
    absWorkingDir: project,
    entryPoints: ['page.ts'],
    outdir: 'out',
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    write: false,
    logLevel: 'warning',
  })
  const page = outputFiles.find(({ path }) => path.endsWith('page.js'))
  const panels = outputFiles.filter(({ text }) => text.includes('DOMPurify'))
  assert.equal(panels.length, 1, 'the panel is in one chunk')
  assert.notEqual(panels[0], page, 'the panel is not in what every page loads')
  assert.ok(page.text.includes('secondme-avatar'), 'the element is in what every page loads')
}
