// A site of Next.js with the widget, built for production and started: `make widget-next`. The route is the program of
// docs/widget.md.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { startEmulator } from 'secondme-avatar/testing'

import { finished, project } from '../project.mjs'
import { Browser, call, partsOf, SECRET, textOf } from '../web/browser.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const HOUR_MS = 3_600_000
const ROUTE = /^```js route\.mjs\n(.*?)^```$/ms.exec(readFileSync(here('../../../docs/widget.md'), 'utf8'))[1]
const CONFIG = "export default { serverExternalPackages: ['secondme-avatar'] }\n"
const LAYOUT = `import Script from 'next/script'

export default function Layout({ children }) {
  return <html lang="en"><body>{children}<Script src="/avatar/widget.js" strategy="afterInteractive" /></body></html>
}
`
const PAGE = 'export default function Page() { return <h1>The shop</h1> }\n'

const ends = []
let cwd
let emulator
let site

before(async () => {
  emulator = await startEmulator({ pieceDelayMs: HOUR_MS })
  cwd = project({ after: (end) => ends.push(end) }, { 'next.config.mjs': CONFIG })
  // Copies, as Next.js builds nothing that a link leads out of the site to.
  const modules = here('../frameworks/node_modules')
  cpSync(modules, join(cwd, 'node_modules'), { recursive: true, verbatimSymlinks: true })
  for (const part of ['package.json', 'dist'])
    cpSync(here(`../../widget/${part}`), join(cwd, 'node_modules/secondme-avatar-widget', part), { recursive: true })
  mkdirSync(join(cwd, 'app/avatar/[[...path]]'), { recursive: true })
  writeFileSync(join(cwd, 'app/avatar/[[...path]]/route.js'), ROUTE)
  writeFileSync(join(cwd, 'app/layout.jsx'), LAYOUT)
  writeFileSync(join(cwd, 'app/page.jsx'), PAGE)
})

after(async () => {
  site?.program.kill('SIGKILL')
  await emulator.stop()
  for (const end of ends) await end()
})

/** A build has neither the avatar's key nor the secret, and writes no store. */
const ENV = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' }
const NEXT = 'node_modules/next/dist/bin/next'

async function started() {
  const env = {
    ...ENV,
    SECONDME_BASE_URL: emulator.baseUrl,
    SECONDME_API_KEY: emulator.apiKey,
    WIDGET_SECRET: SECRET,
  }
  const program = spawn(process.execPath, [NEXT, 'start', '--hostname', '127.0.0.1', '--port', '0'], { cwd, env })
  let told = ''
  program.stderr.on('data', (text) => {
    told += text
  })
  const base = await new Promise((resolve, reject) => {
    createInterface(program.stdout).on('line', (line) => {
      told += `${line}\n`
      const [address] = /http:\/\/127\.0\.0\.1:\d+/.exec(line) ?? []
      if (address !== undefined && !address.endsWith(':0')) resolve(`${address}/avatar`)
    })
    program.on('exit', () => reject(new Error(told)))
  })
  return { program, base, log: () => told }
}

test('it is built, without a key', async () => {
  const { code, out, err } = await finished(process.execPath, [NEXT, 'build'], { cwd, env: ENV })
  assert.equal(code, 0, `${out}${err}`)
  assert.match(out, /\/avatar\/\[\[\.\.\.path\]\]/)
})

/** As the proxy in front sets it. */
const FROM = { 'x-real-ip': '10.0.0.1' }
/** Next.js compresses what a browser takes compressed, but streams. */
const BROWSER = { ...FROM, 'accept-encoding': 'gzip' }

test('an answer streams through `next start` piece by piece, to a second tab too', async () => {
  site = await started()
  const { base } = site
  const first = await call(base, { headers: FROM })
  assert.equal(first.status, 200, site.log())
  const ada = new Browser(base, first.headers['set-cookie'][0].split(';')[0])
  const as = (given, headers = FROM) => ada.call({ ...given, headers })
  assert.equal((await as({ path: '/widget.js' })).status, 200)
  const events = await as({ path: '/events' }, BROWSER)
  const messages = [{ id: 'm1', role: 'user', parts: [{ type: 'text', text: 'one two three' }] }]
  const answer = await as({ method: 'POST', json: { messages } }, BROWSER)
  assert.deepEqual(
    [answer.headers['x-vercel-ai-ui-message-stream'], answer.headers['content-encoding']],
    ['v1', undefined],
  )
  // The first piece is here while the others are still to come.
  for await (const chunk of answer.chunks) if (chunk.includes('text-delta')) break
  for await (const chunk of events.chunks) if (chunk.includes('"growing"')) break
  answer.leave()
  const resumed = partsOf(await as({ path: '/chat/stream' }))
  for (let piece = 0; piece < 8; piece += 1) await emulator.advance(HOUR_MS)
  assert.equal(textOf(await resumed), 'You said: one two three')
  const { messages: said } = await (await as({ path: '/history' })).json()
  assert.deepEqual(
    said.map(({ text }) => text),
    ['one two three', 'You said: one two three'],
  )
  assert.equal((await as({ path: '/no/such' })).status, 404)
  assert.equal((await call(base, { headers: { ...FROM, origin: 'https://evil.example' } })).status, 403)
  const page = await call(base.replace(/\/avatar$/, '/'))
  assert.match(await page.text(), /avatar\/widget\.js/)
})

test('a stream whose browser has gone is given up, and the site ends', async () => {
  const { program, base } = site
  const first = await call(base, { headers: FROM })
  const ada = new Browser(base, first.headers['set-cookie'][0].split(';')[0])
  // Of more than eight the oldest ends: it would not if those that are gone were counted no more.
  for (let n = 0; n < 12; n += 1) (await ada.call({ path: '/events', headers: FROM })).leave()
  const last = await ada.call({ path: '/events', headers: FROM })
  assert.equal(last.status, 200)
  last.leave()
  const ended = once(program, 'exit')
  program.kill('SIGTERM')
  // Next.js ends so by itself: with 128 and the signal's number.
  assert.deepEqual(await ended, [143, null])
})
