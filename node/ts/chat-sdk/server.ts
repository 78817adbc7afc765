/** A bot's webhooks over Node's own `http`. */

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'

/** A platform's event is smaller. */
const LARGEST = 1024 * 1024

/** Returns a listener for `createServer` that passes each request on as the web's `Request`. */
export function listenerOf(handle: (request: Request) => Promise<Response>): RequestListener {
  return (request, response) => {
    serve(request, response, handle).catch(() => {
      if (!response.headersSent) response.statusCode = 500
      response.end()
    })
  }
}

async function serve(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  handle: (request: Request) => Promise<Response>,
): Promise<void> {
  const body: Buffer[] = []
  let size = 0
  for await (const piece of incoming as AsyncIterable<Buffer>) {
    size += piece.length
    if (size > LARGEST) {
      outgoing.statusCode = 413
      outgoing.setHeader('Connection', 'close')
      outgoing.end()
      return
    }
    body.push(piece)
  }
  const headers = new Headers()
  for (const [name, value] of Object.entries(incoming.headers)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) headers.append(name, one)
  }
  const { method = 'GET', url = '/' } = incoming
  const hasBody = method !== 'GET' && method !== 'HEAD'
  const request = new Request(new URL(url, 'http://localhost'), {
    method,
    headers,
    ...(hasBody && { body: Buffer.concat(body) }),
  })
  const response = await handle(request)
  outgoing.statusCode = response.status
  for (const [name, value] of response.headers) outgoing.setHeader(name, value)
  outgoing.end(Buffer.from(await response.arrayBuffer()))
}
