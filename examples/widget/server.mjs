// A shop's server with the avatar on its pages: node server.mjs
// SECONDME_API_KEY is the avatar's key, AVATAR_SECRET signs the visitors' cookies (32 bytes or more, kept as it is).

import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname } from 'node:path'
import { AvatarClient } from 'secondme-avatar'
import { avatarWidget, toNodeListener } from 'secondme-avatar/web'

const { AVATAR_SECRET: secret, AVATAR_STORE: store = 'avatar.db', OWNER_NAME: ownerName, PORT = '7430' } = process.env

const client = new AvatarClient({ store })
const widget = avatarWidget(client, { secret, ownerName })
const avatar = toNodeListener(widget)

// What the widget needs a page to allow is its own server: no inline style or script, and no other host.
const POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
const TYPES = { '.html': 'text/html; charset=utf-8', '.css': 'text/css', '.svg': 'image/svg+xml' }

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://shop')
  if (/^\/avatar(\/|$)/.test(pathname)) return avatar(request, response)
  const file = pathname === '/' ? 'index.html' : pathname.slice(1)
  const type = TYPES[extname(file)]
  const page =
    /^[a-z]+\.[a-z]+$/.test(file) && type && (await readFile(new URL(`shop/${file}`, import.meta.url)).catch(() => {}))
  if (!page) return response.writeHead(404).end('There is no such page.')
  response.writeHead(200, { 'content-type': type, 'content-security-policy': POLICY }).end(page)
})
server.listen(Number(PORT), '127.0.0.1', () =>
  console.log(`the shop is open: http://localhost:${server.address().port}/`),
)

for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, async () => {
    server.close()
    await widget.close()
    await client.close()
    server.closeAllConnections()
  })
