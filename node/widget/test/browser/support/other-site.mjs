// A page of another origin.
import { once } from 'node:events'
import { createServer } from 'node:http'

/** Serves one page, which may be changed, under this name of the machine. `localhost` and `127.0.0.1` are two sites. */
export async function otherSite(test, host) {
  const site = { body: '<!doctype html><html lang="en"><title>Another</title>', origin: '' }
  const server = createServer((_, answer) => answer.setHeader('content-type', 'text/html').end(site.body))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  test.after(() => {
    server.close()
    server.closeAllConnections()
  })
  site.origin = `http://${host}:${server.address().port}`
  return site
}
