// A shop as the tests want it, with the server part of Node: node serve.mjs OPTIONS, as JSON. Prints its port.
import { createServer } from 'node:http'
import { createSecureServer } from 'node:http2'
import { AvatarClient, Visitor } from 'secondme-avatar'
import { avatarWidget, toNodeListener } from 'secondme-avatar/web'

const {
  port,
  store,
  baseUrl,
  apiKey,
  pages,
  policy,
  logins,
  secure,
  prefix = '',
  ...options
} = JSON.parse(process.argv[2])
// Silence ends no reply: only a test says when the avatar goes on.
const client = new AvatarClient({ store, baseUrl, apiKey, replyIdleMs: 3_600_000 })
// Who is signed in is read from a cookie as it is; a real shop's is signed.
if (logins) {
  delete options.secret
  delete options.newVisitorsPerMinute
  options.visitorOf = (request) => {
    const [, user] = /(?:^|; )login=(\w+)/.exec(request.headers.get('cookie') ?? '') ?? []
    return user && Visitor.forUser('shop', user)
  }
}
const widget = avatarWidget(client, options)
const avatar = toNodeListener(widget)
const reports = []

/** With a certificate it is HTTP/2. */
const serve = (listener) =>
  secure ? createSecureServer({ ...secure, allowHTTP1: true }, listener) : createServer(listener)
const server = serve(async (request, response) => {
  // As a proxy does that puts the shop below a path of its own.
  if (!request.url.startsWith(prefix)) return response.writeHead(404).end()
  request.url = request.url.slice(prefix.length) || '/'
  const { pathname } = new URL(request.url, 'http://shop')
  if (/^\/avatar(\/|$)/.test(pathname)) return avatar(request, response)
  if (pathname === '/reports' && request.method === 'POST') {
    let text = ''
    for await (const more of request) text += more
    reports.push(JSON.parse(text))
    return response.writeHead(204).end()
  }
  if (pathname === '/reports') return response.end(JSON.stringify(reports))
  const page = pages[pathname]
  if (page === undefined) return response.writeHead(404).end()
  response.setHeader('content-type', page.type)
  if (policy) response.setHeader('content-security-policy', `${policy}; report-uri /reports`)
  response.end(page.body)
})
server.listen(port, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })))
process.stdin.resume().on('end', () => process.exit())
process.on('SIGTERM', async () => {
  await widget.close()
  await client.close()
  process.exit()
})
