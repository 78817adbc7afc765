// A website with the widget: `node widget.mjs BASE_URL KEY STORE [PORT]`. Prints its address.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { AvatarClient } from 'secondme-avatar'
import { avatarWidget, toNodeListener } from 'secondme-avatar/web'

const [, , baseUrl, apiKey, store, port = '0'] = process.argv
const client = new AvatarClient({ baseUrl, apiKey, store })
const widget = avatarWidget(client, { secret: 'a secret of the test, 32 bytes or more' })
const server = createServer(toNodeListener(widget)).listen(Number(port), '127.0.0.1')
await Promise.all([widget.start(), once(server, 'listening')])
console.log(`http://127.0.0.1:${server.address().port}/avatar`)
process.on('SIGTERM', async () => {
  await widget.close()
  server.closeAllConnections()
  server.close()
  await client.close()
})
