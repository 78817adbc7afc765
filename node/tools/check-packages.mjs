// Installs what was packed into an empty project, without a network, and runs the README's quickstarts against the
// emulator that was packed: `node tools/check-packages.mjs DIST [OTHERS]`.

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const [dist, others] = process.argv.slice(2).map((path) => resolve(path))
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const project = mkdtempSync(join(tmpdir(), 'secondme-avatar-packages-'))
const env = { ...process.env }
// What counts is what was installed.
delete env.SECONDME_AVATAR_EMULATOR
delete env.NODE_PATH
// npm hands its settings on to what it runs; this project is not that one.
for (const name of Object.keys(env)) if (name.toLowerCase().startsWith('npm_')) delete env[name]

try {
  const tarballs = readdirSync(dist).filter((name) => /^secondme-avatar-.*\.tgz$/.test(name))
  checkPlatforms(tarballs)
  writeFileSync(join(project, 'package.json'), '{ "name": "empty", "private": true }')
  const options = ['--offline', '--no-audit', '--no-fund', '--loglevel=error']
  execFileSync('npm', ['install', ...options, ...tarballs.map((name) => join(dist, name))], {
    cwd: project,
    env,
    stdio: 'inherit',
  })

  const files = [...readme.matchAll(/^```js (quickstart\.\S+)\n(.*?)^```$/gms)].map(([, name, code]) => ({
    name,
    code,
  }))
  if (files.length !== 2) throw new Error(`the README has ${files.length} quickstarts`)
  for (const { name, code } of files) writeFileSync(join(project, name), code)
  const run = `
    import { spawnSync, spawn } from 'node:child_process'
    import { once } from 'node:events'
    import { startEmulator } from 'secondme-avatar/testing'
    const emulator = await startEmulator({ brain: 'demo' })
    const env = { ...process.env, SECONDME_API_KEY: emulator.apiKey, SECONDME_BASE_URL: emulator.baseUrl }
    for (const name of ${JSON.stringify(files.map(({ name }) => name))}) {
      const program = spawn(process.execPath, [name], { env, stdio: ['ignore', 'pipe', 'inherit'] })
      let out = ''
      program.stdout.on('data', (text) => { out += text })
      await once(program, 'close')
      if (program.exitCode !== 0 || !out.includes("I'm the avatar of Ada Lovelace")) throw new Error(\`\${name} ended with \${program.exitCode}: \${out}\`)
      console.log(\`\${name}: works\`)
    }
    await emulator.stop()`
  writeFileSync(join(project, 'run.mjs'), run)
  execFileSync(process.execPath, ['run.mjs'], { cwd: project, env, stdio: 'inherit' })

  const shim = spawnSync('npx', ['--no-install', 'secondme-avatar-emulator', '--version'], {
    cwd: project,
    env,
    encoding: 'utf8',
  })
  if (shim.status !== 0) throw new Error(`npx --no-install secondme-avatar-emulator: ${shim.stderr}`)
  console.log(`npx --no-install secondme-avatar-emulator: ${shim.stdout.trim()}`)
} finally {
  rmSync(project, { recursive: true, force: true })
}

/** What a package depends on lies beside it: npm would take the rest from the owner of that name. */
function checkPlatforms(tarballs) {
  for (const tarball of tarballs) {
    const options = { encoding: 'utf8' }
    const manifest = execFileSync('tar', ['-xzOf', join(dist, tarball), 'package/package.json'], options)
    const { dependencies = {}, optionalDependencies = {} } = JSON.parse(manifest)
    for (const [name, version] of Object.entries({ ...dependencies, ...optionalDependencies })) {
      const wanted = `${name.replace('@', '').replace('/', '-')}-${version}.tgz`
      const isThere = tarballs.includes(wanted) || (others !== undefined && existsSync(join(others, wanted)))
      if (!isThere) throw new Error(`${tarball} depends on ${name}, which was not built`)
    }
  }
}
