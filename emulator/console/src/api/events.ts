import { parseExact } from './json'
import type { LiveEvent } from './types'

/** The events of a `text/event-stream`, those that came together at once. `heard` is told of everything that comes, comments too. */
export async function* events(body: ReadableStream<Uint8Array>, heard: () => void): AsyncGenerator<LiveEvent[]> {
  const reader = body.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>).getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    heard()
    rest += value
    const blocks = rest.split('\n\n')
    rest = blocks.pop() ?? ''
    const come = blocks.map(read).filter((event) => event !== null)
    if (come.length > 0) yield come
  }
}

function read(block: string): LiveEvent | null {
  let name = ''
  const data: string[] = []
  for (const line of block.split('\n')) {
    if (line.startsWith('event:')) name = line.slice(6).trim()
    else if (line.startsWith('data:')) data.push(line.slice(5).trimStart())
  }
  return name && data.length > 0 ? ({ event: name, data: parseExact(data.join('\n')) } as LiveEvent) : null
}
