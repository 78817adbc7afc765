/** Calls and answers as `Request` and `Response`. */

import { type Answer, type Call, tooLarge } from './call.js'
import { Feed } from './feed.js'

/** A call that came as a `Request`. */
export class FetchCall implements Call {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly peer: string | undefined
  readonly #request: Request
  readonly #host: string

  constructor(request: Request, base: string, peer: string | undefined) {
    const { pathname, searchParams, host } = new URL(request.url)
    this.method = request.method
    this.path = below(pathname, base)
    this.query = searchParams
    this.peer = peer
    this.#request = request
    this.#host = host
  }

  header(name: string): string | undefined {
    // A `Request` of a runtime's own may leave it out.
    return this.#request.headers.get(name) ?? (name === 'host' ? this.#host : undefined)
  }

  async body(longest: number): Promise<string> {
    if (Number(this.header('content-length') ?? 0) > longest) throw tooLarge(longest)
    const chunks: Uint8Array[] = []
    let bytes = 0
    for await (const chunk of (this.#request.body ?? []) as AsyncIterable<Uint8Array>) {
      bytes += chunk.byteLength
      if (bytes > longest) throw tooLarge(longest)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString()
  }

  request(): Request {
    return this.#request
  }
}

/** Returns what of a path is below the widget's own; a path that no call has, where it is elsewhere. */
export function below(path: string, base: string): string {
  if (path !== base && !path.startsWith(`${base}/`)) return '/../'
  return path.slice(base.length).replace(/\/$/, '')
}

export function responseOf({ status, headers, body }: Answer, now: () => number): Response {
  if (!(body instanceof Feed)) return new Response((body as string | undefined) ?? null, { status, headers })
  return new Response(streamOf(body, now), { status, headers })
}

/** What is written is taken from the feed when the client reads: what it does not read is not held for it. */
function streamOf(feed: Feed, now: () => number): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          const text = feed.take(now())
          if (text !== undefined) return controller.enqueue(encoder.encode(text))
          if (feed.hasEnded) {
            feed.close()
            return controller.close()
          }
          await new Promise<void>((resolve) => {
            feed.onMore = resolve
          })
        }
      },
      cancel() {
        feed.close()
      },
    },
    { highWaterMark: 0 },
  )
}
