// The programs of docs/widget.md, with the frameworks themselves.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { startEmulator } from 'secondme-avatar/testing'

import { project } from './project.mjs'
import { stage, until } from './support.mjs'
import { Browser, call, partsOf, question, SECRET, site, textOf } from './web/browser.mjs'

const modules = fileURLToPath(new URL('frameworks/node_modules', import.meta.url))
const page = readFileSync(new URL('../../docs/widget.md', import.meta.url), 'utf8')
const programs = Object.fromEntries(
  [...page.matchAll(/^```js (\S+)\n(.*?)^```$/gms)].map(([, name, code]) => [name, code]),
)

/** A folder with the programs, in which the frameworks are installed. */
function installed(test) {
  const path = project(test, programs)
  for (const name of ['express', 'hono', '@hono', 'next', 'react', 'react-dom', '@next', '@swc']) {
    symlinkSync(join(modules, name), join(path, 'node_modules', name))
  }
  return path
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await until(() => server.listening)
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

for (const name of ['server-express.mjs', 'server-node.mjs', 'server-hono.mjs']) {
  test(`the program ${name} serves the widget, piece by piece`, async (t) => {
    const emulator = await startEmulator({ pieceDelayMs: 3_600_000 })
    t.after(() => emulator.stop())
    const port = await freePort()
    const cwd = installed(t)
    const program = spawn(process.execPath, [name], {
      cwd,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...environment(emulator), PORT: `${port}` },
    })
    const over = new Promise((resolve) => program.on('exit', resolve))
    t.after(() => program.kill('SIGKILL'))
    const base = `http://127.0.0.1:${port}/avatar`
    await until(() =>
      call(base).then(
        ({ status }) => status === 200,
        () => false,
      ),
    )
    const ada = await Browser.visit(base)
    const tab = await ada.events()
    await tab.of('owner')
    const answer = await ada.say('m1', 'one two three')
    // The first piece is here while the others are still to come.
    for await (const chunk of answer.chunks) if (chunk.includes('text-delta')) break
    answer.leave()
    const resumed = partsOf(await ada.call({ path: '/chat/stream' }))
    for (let piece = 0; piece < 8; piece += 1) await emulator.advance(3_600_000)
    assert.equal(textOf(await resumed), 'You said: one two three')
    assert.equal((await tab.of('message')).text, 'one two three')
    assert.equal((await call(`${base}/no/such`)).status, 404)
    assert.equal((await call(base.replace('/avatar', '/elsewhere'))).status, 404)
    tab.leave()
    program.kill('SIGTERM')
    const code = await over
    if (name === 'server-express.mjs') assert.equal(code, 0)
  })
}

test('Express may have read the body already', async (t) => {
  const express = createRequire(join(modules, 'package.json'))('express')
  const { client } = await stage(t)
  const { toNodeListener } = await import('secondme-avatar/web')
  const serve = (widget) => express().use(express.json()).use('/avatar', toNodeListener(widget))
  const { visit } = await site(t, client, {}, { serve })
  assert.equal(textOf(await (await visit()).ask('m1', 'Hello')), 'You said: Hello')
})

/** A program of a test's own: the program of the page has no end, as a server has none. */
const CALLS_OF_NEXT = `
import next from 'next/server.js'
import { GET, OPTIONS, POST } from './route.mjs'

const { NextRequest } = next
const base = 'https://shop.example/avatar'
const headers = { 'x-real-ip': '10.0.0.1', host: 'shop.example' }
const first = await GET(new NextRequest(base, { headers }))
const cookie = first.headers.get('set-cookie').split(';')[0]
const body = process.argv[2]
const asked = { method: 'POST', body, headers: { ...headers, cookie, 'content-type': 'application/json' } }
const answer = await POST(new NextRequest(base, asked))
const text = await answer.text()
const preflight = await OPTIONS(new NextRequest(base, { method: 'OPTIONS', headers }))
const history = await GET(new NextRequest(base + '/history', { headers: { ...headers, cookie } }))
const seen = [first.status, answer.headers.get('x-vercel-ai-ui-message-stream'), preflight.status, history.status]
process.stdout.write(JSON.stringify({ seen, text }), () => process.exit())
`

test('the route of Next.js answers its requests', async (t) => {
  const emulator = await startEmulator()
  t.after(() => emulator.stop())
  const cwd = installed(t)
  writeFileSync(join(cwd, 'calls.mjs'), CALLS_OF_NEXT)
  const { out, code } = await ended(
    spawn(process.execPath, ['calls.mjs', JSON.stringify(question('m1', 'Hello'))], {
      cwd,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: environment(emulator),
    }),
  )
  assert.equal(code, 0)
  const { seen, text } = JSON.parse(out)
  assert.deepEqual(seen, [200, 'v1', 204, 200])
  assert.match(text, /You said: .*\[DONE\]/s)
})

test('a route of Next.js wants to know addresses', async (t) => {
  const { client } = await stage(t)
  const { avatarWidget, toNextRoute } = await import('secondme-avatar/web')
  const widget = avatarWidget(client, { secret: SECRET })
  t.after(() => widget.close())
  assert.throws(() => toNextRoute(widget), /does not tell which address calls: give the widget `address`/)
  // A function is not called before there is a request, as `next build` runs the module.
  let calls = 0
  const route = toNextRoute(() => {
    calls += 1
    return widget
  })
  assert.equal(calls, 0)
  await assert.rejects(route.GET(new Request('http://shop.example/avatar')), /give the widget `address`/)
})

function environment(emulator) {
  return {
    ...process.env,
    SECONDME_BASE_URL: emulator.baseUrl,
    SECONDME_API_KEY: emulator.apiKey,
    WIDGET_SECRET: SECRET,
  }
}

async function ended(program) {
  let out = ''
  program.stdout.on('data', (chunk) => {
    out += chunk
  })
  const code = await new Promise((resolve) => program.on('close', resolve))
  return { out, code }
}
