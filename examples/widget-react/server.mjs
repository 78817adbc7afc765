// The pages, and the endpoint of the widget behind both: node server.mjs
// SECONDME_API_KEY is the avatar's key, AVATAR_SECRET signs the visitors' cookies (32 bytes or more, kept as it is).

import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { AvatarClient } from 'secondme-avatar'
import { avatarWidget, toNodeListener } from 'secondme-avatar/web'

const { AVATAR_SECRET: secret, AVATAR_STORE: store = 'avatar.db', PORT = '7440' } = process.env

const client = new AvatarClient({ store })
const widget = avatarWidget(client, { secret })
const avatar = toNodeListener(widget)

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://shop')
  if (/^\/avatar(\/|$)/.test(pathname)) return avatar(request, response)
  const [, name, isScript] = /^\/(use-chat|assistant-ui)(\.js)?$/.exec(pathname) ?? []
  if (name === undefined) return response.writeHead(404).end('There are /use-chat and /assistant-ui.')
  if (!isScript) return response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page(name))
  const script = await readFile(new URL(`dist/${name}.js`, import.meta.url))
  response.writeHead(200, { 'content-type': 'text/javascript' }).end(script)
})
server.listen(Number(PORT), '127.0.0.1', () => console.log(`http://localhost:${server.address().port}/use-chat`))

function page(name) {
  return `<!doctype html><html lang="en"><title>${name}</title><div id="page"></div><script type="module" src="/${name}.js"></script></html>`
}

for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, async () => {
    server.close()
    await widget.close()
    await client.close()
    server.closeAllConnections()
  })
