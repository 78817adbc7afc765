// The website widget behind nginx as it comes: it gathers what the server behind it says, speaks HTTP/1.0 with it, and
// gives it another `Host`. Left out where there is no nginx.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createGunzip } from 'node:zlib'

import { stage, until } from './support.mjs'
import { Browser, call, partsOf, question, site, textOf } from './web/browser.mjs'

const isThere = spawnSync('nginx', ['-v']).status === 0

/** A path that nginx takes off, or leaves on. */
const PATHS = [
  { name: 'a path of nginx’s own, which it takes off', path: '/avatar', passed: (base) => base },
  { name: 'a path that it leaves on', path: '/shop/chat', passed: (base) => new URL(base).origin },
]

for (const { name, path, passed } of PATHS) {
  test(`behind nginx, below ${name}, pieces come while the answer grows`, { skip: !isThere }, async (t) => {
    const { emulator, client } = await stage(t, { pieceDelayMs: 3_600_000 })
    const shop = await site(t, client, { path })
    const base = `${await nginx(t, passed(shop.base))}/shop/chat`
    const ada = await Browser.visit(base)
    // As a browser sends it, which knows that the page is the site's own. The `Host` that nginx passes on is another.
    const headers = { origin: new URL(base).origin, 'sec-fetch-site': 'same-origin', 'accept-encoding': 'gzip' }
    const tab = await ada.events()
    await tab.of('owner')
    const answer = await ada.call({ method: 'POST', headers, json: question('m1', 'one two three') })
    assert.equal(answer.status, 200)
    // It compresses streams too where it is told to compress every type; each piece comes on its own all the same.
    assert.equal(answer.headers['content-encoding'], 'gzip')
    const pieces = answer.chunks.pipe(createGunzip()).setEncoding('utf8')
    for await (const chunk of pieces) if (chunk.includes('text-delta')) break
    answer.leave()
    assert.equal((await tab.of('message')).text, 'one two three')
    assert.equal((await tab.of('typing')).isTyping, true)
    const resumed = partsOf(await ada.call({ path: '/chat/stream' }))
    for (let piece = 0; piece < 8; piece += 1) await emulator.advance(3_600_000)
    assert.equal(textOf(await resumed), 'You said: one two three')
    tab.leave()
    // A browser that says less has to be known by the host, as docs/widget.md tells.
    const { origin } = headers
    const unknown = await ada.call({ method: 'POST', headers: { origin }, json: question('m2', 'Hello') })
    assert.equal(unknown.status, 403)
  })
}

/** Starts nginx in front of an address, and returns its own. It compresses what it may. */
async function nginx(t, passed) {
  const folder = mkdtempSync(join(tmpdir(), 'avatar-nginx-'))
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const config = `daemon off; pid ${folder}/pid; error_log stderr crit;
    ${process.getuid() === 0 ? 'user root;' : ''}
    events {}
    http {
      access_log off; gzip on; gzip_min_length 0; gzip_proxied any; gzip_types *;
      ${temporary.map((name) => `${name}_temp_path ${folder};`).join(' ')}
      server { listen 127.0.0.1:${port}; location /shop/chat { proxy_pass ${passed}; } }
    }`
  writeFileSync(join(folder, 'nginx.conf'), config)
  const running = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: 'inherit' })
  t.after(async () => {
    const over = once(running, 'close')
    running.kill('SIGTERM')
    await over
    rmSync(folder, { recursive: true })
  })
  const base = `http://127.0.0.1:${port}`
  const answers = () => call(`${base}/nothing`).then(() => true)
  await until(() => answers().catch(() => running.exitCode !== null))
  return base
}
