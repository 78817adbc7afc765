/** One event of a server-sent event stream. */
export interface ServerEvent {
  data: string
  /** The last id that the stream gave, which is what `Last-Event-ID` takes. */
  id: string
}

export interface EventReader {
  onEvent(event: ServerEvent): void
  /** Bytes came, of an event or a comment: the connection lives. */
  onBytes?(): void
  /** The server says after how many milliseconds to connect again. */
  onRetry?(afterMs: number): void
}

/** A stream that sends this much without an end of line is not one of ours. */
const LONGEST_LINE = 4_000_000

/** Takes the text of a server-sent event stream in chunks, cut anywhere, and tells its events. */
export class EventParser {
  readonly #reader: EventReader
  #rest = ''
  #data: string[] = []
  #id = ''

  constructor(reader: EventReader) {
    this.#reader = reader
  }

  push(chunk: string): void {
    const text = this.#rest + chunk
    let start = 0
    for (;;) {
      const end = endOfLine(text, start)
      if (end === -1) break
      this.#line(text.slice(start, end))
      start = end + (text.startsWith('\r\n', end) ? 2 : 1)
    }
    this.#rest = text.slice(start)
    if (this.#rest.length > LONGEST_LINE) throw new Error('The event stream has a line without an end')
  }

  #line(line: string): void {
    if (line === '') {
      this.#dispatch()
      return
    }
    const [, field, value = ''] = /^([^:]*):? ?(.*)/s.exec(line) ?? []
    if (field === 'data') this.#data.push(value)
    else if (field === 'id' && !value.includes('\0')) this.#id = value
    else if (field === 'retry' && /^\d+$/.test(value)) this.#reader.onRetry?.(Number(value))
  }

  #dispatch(): void {
    if (this.#data.length === 0) return
    const data = this.#data.join('\n')
    this.#data = []
    this.#reader.onEvent({ data, id: this.#id })
  }
}

/** Where the line ends that begins at `start`, or -1. A `\r` that comes last may be half of a `\r\n`. */
function endOfLine(text: string, start: number): number {
  for (let index = start; index < text.length; index += 1) {
    const char = text[index]
    if (char === '\n' || (char === '\r' && index + 1 < text.length)) return index
  }
  return -1
}

/** Reads a body until it ends or the signal aborts. Rejects where the connection breaks. */
export async function readEvents(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
  reader: EventReader,
): Promise<void> {
  const parser = new EventParser(reader)
  const decoder = new TextDecoder()
  const source = body.getReader()
  const stop = () => void source.cancel().catch(() => {})
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  try {
    for (;;) {
      const { done, value } = await source.read()
      if (done || signal.aborted) return
      reader.onBytes?.()
      parser.push(decoder.decode(value, { stream: true }))
    }
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
}

/** The object that a line of JSON holds, or `undefined`: what cannot be read is left out. */
export function objectIn(json: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
