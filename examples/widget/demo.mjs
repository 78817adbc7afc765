// `make widget-demo`: the shop with the widget, the emulator behind it, and the owner's console beside it.
// With PICTURE=FILE it plays a short scene in Chromium, takes a picture of the page, and ends; PICTURE=FOLDER/ takes
// all pictures of docs/.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { startEmulator } from 'secondme-avatar/testing'

const here = (file) => fileURLToPath(new URL(file, import.meta.url))
const { CI, PICTURE } = process.env
const PORT = process.env.PORT === '0' ? await freePort() : (process.env.PORT ?? '7430')
const command = process.argv.length > 2 ? process.argv.slice(2) : [process.execPath, here('server.mjs')]

const emulator = await startEmulator({ brain: here('shop.yaml'), pieceDelayMs: 60 })
const folder = mkdtempSync(join(tmpdir(), 'avatar-shop-'))
const shop = spawn(command[0], command.slice(1), {
  env: {
    ...process.env,
    SECONDME_API_KEY: emulator.apiKey,
    SECONDME_BASE_URL: emulator.baseUrl,
    AVATAR_STORE: join(folder, 'avatar.db'),
    AVATAR_SECRET: randomBytes(32).toString('hex'),
    OWNER_NAME: 'Ada Lovelace',
    PORT,
    NO_PROXY: '127.0.0.1,localhost',
  },
  stdio: ['ignore', 'pipe', 'inherit'],
})
const ended = once(shop, 'exit')
const stopped = new Promise((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, resolve)
})

try {
  const [line] = await Promise.race([
    once(createInterface(shop.stdout), 'line'),
    ended.then(([code]) => {
      throw new Error(`the shop's server has ended with ${code}; is port ${PORT} taken? make widget-demo PORT=7431`)
    }),
  ])
  const page = line.match(/http:\S+/)[0]
  const console_ = new URL('/', emulator.controlUrl).href
  if (PICTURE) {
    const { takeAll, takeOne } = await import('../../node/widget/test/browser/pictures.mjs')
    if (PICTURE.endsWith('/')) await takeAll(pathToFileURL(PICTURE), page, emulator)
    else await takeOne(PICTURE, page, emulator)
    console.log(`taken: ${PICTURE}`)
  } else {
    tell(page, console_)
    open(page)
    open(console_)
    await Promise.race([stopped, ended])
  }
} finally {
  // Ctrl-C in a terminal has reached the server as well.
  if (shop.exitCode === null && shop.signalCode === null) shop.kill('SIGTERM')
  await ended
  await emulator.stop()
  rmSync(folder, { recursive: true, force: true })
}

function tell(page, console_) {
  console.log(`
  the shop       ${page}
  the same shop  ${page}zh.html (in Chinese)
  the console    ${console_} (you are Ada, the owner)

Try this, with both beside each other:
  1. In the shop open the chat, bottom right, and ask "What does a slide rule cost?".
  2. Ask "How long is delivery?", and in the console open the conversation and take over while the avatar still speaks:
     the shop says that Ada has joined.
  3. Write a line in the console. Close the chat in the shop, write another: it is counted on the button and in the title.
  4. Hand back in the console, and ask for a joke in the shop: the avatar answers again.
  5. Open the shop in a second tab; unplug the network, write, plug it in again; look at it on a phone's width.

Ctrl-C ends all of it.
`)
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address()
  probe.close()
  return `${port}`
}

/** Opens a page in the user's browser, where there is a screen. */
function open(url) {
  const isOnScreen = process.platform !== 'linux' || process.env.DISPLAY || process.env.WAYLAND_DISPLAY
  if (CI || !isOnScreen) return
  const [program, ...args] = { darwin: ['open'], win32: ['cmd', '/c', 'start', ''] }[process.platform] ?? ['xdg-open']
  const opener = spawn(program, [...args, url], { stdio: 'ignore', detached: true })
  opener.on('error', () => console.log(`no browser could be opened; the address is ${url}`))
  opener.unref()
}
