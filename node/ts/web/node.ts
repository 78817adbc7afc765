/** Over `node:http`, and Express. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Answer, type Call, tooLarge } from './call.js'
import { Feed } from './feed.js'
import { below } from './fetch.js'
import type { AvatarWidget } from './widget.js'

/** What Express adds to a request. */
interface ExpressRequest extends IncomingMessage {
  readonly baseUrl?: string | undefined
  readonly originalUrl?: string | undefined
  readonly body?: unknown
}

/**
 * Returns a listener for `node:http`, and a handler for Express: `app.use('/avatar', toNodeListener(widget))`.
 *
 * With Express the path is where it is used. With `node:http` it is the option `path`; calls of other paths are answered
 * 404, or go to `next`, where there is one. A body that `express.json()` has read already is taken from there.
 */
export function toNodeListener(
  widget: AvatarWidget,
): (request: IncomingMessage, response: ServerResponse, next?: () => void) => void {
  return (request, response, next) => {
    const call = new NodeCall(request, widget.path)
    if (next !== undefined && !call.isBelow) return next()
    widget.answer(call).then((answer) => write(response, withoutConnection(answer, request), widget.now))
  }
}

/** HTTP/2 has no such header: there a call that is given up ends by itself. */
function withoutConnection(answer: Answer, { httpVersionMajor }: IncomingMessage): Answer {
  if (httpVersionMajor < 2) return answer
  const { connection: _, ...headers } = answer.headers
  return { ...answer, headers }
}

class NodeCall implements Call {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly peer: string | undefined
  readonly #request: ExpressRequest

  constructor(request: ExpressRequest, base: string) {
    const url = request.url ?? '/'
    const at = url.indexOf('?')
    const path = at < 0 ? url : url.slice(0, at)
    this.method = request.method ?? 'GET'
    // Express has taken off where the handler is used.
    this.path = below(path, request.baseUrl ? '' : base)
    this.query = new URLSearchParams(at < 0 ? '' : url.slice(at))
    this.peer = request.socket.remoteAddress
    this.#request = request
  }

  get isBelow(): boolean {
    return !this.path.startsWith('/../')
  }

  header(name: string): string | undefined {
    // Over HTTP/2 the host is called otherwise.
    const value = this.#request.headers[name] ?? (name === 'host' ? this.#request.headers[':authority'] : undefined)
    return Array.isArray(value) ? value.join(', ') : value
  }

  async body(longest: number): Promise<string> {
    if (Number(this.header('content-length') ?? 0) > longest) throw tooLarge(longest)
    const { body } = this.#request
    if (body !== undefined && this.#request.readableEnded) return typeof body === 'string' ? body : JSON.stringify(body)
    const chunks: Buffer[] = []
    let bytes = 0
    // Breaking off would destroy the socket, on which the answer is still to go out.
    for await (const chunk of this.#request.iterator({ destroyOnReturn: false })) {
      bytes += (chunk as Buffer).byteLength
      if (bytes > longest) throw tooLarge(longest)
      chunks.push(chunk as Buffer)
    }
    return Buffer.concat(chunks).toString()
  }

  request(): Request {
    const { headers, originalUrl, url = '/', socket } = this.#request
    const scheme = 'encrypted' in socket && socket.encrypted ? 'https' : 'http'
    const entries = Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || name.startsWith(':') ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    )
    const where = `${scheme}://${this.header('host') ?? 'localhost'}${originalUrl ?? url}`
    return new Request(where, { method: this.method, headers: entries as [string, string][] })
  }
}

/** Without `Response` and its streams, which cost more than an answer does. */
function write(response: ServerResponse, { status, headers, body }: Answer, now: () => number): void {
  // The client may have gone while it was answered.
  if (response.destroyed) {
    if (body instanceof Feed) body.close()
    return
  }
  if (!(body instanceof Feed)) {
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
    response.writeHead(status, { ...headers, ...length }).end(body)
    return
  }
  response.writeHead(status, headers)
  let isFull = false
  const pump = () => {
    while (!isFull) {
      const text = body.take(now())
      if (text !== undefined) isFull = !response.write(text)
      else {
        if (body.hasEnded) {
          body.close()
          response.end()
        }
        return
      }
    }
  }
  response.on('drain', () => {
    isFull = false
    pump()
  })
  const gone = () => body.close()
  response.on('close', gone)
  // The client has gone while it was written to.
  response.on('error', gone)
  body.onMore = pump
  response.flushHeaders()
  pump()
}
