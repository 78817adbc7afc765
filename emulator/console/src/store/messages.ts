import type { Message } from '../api/types'

/** A message that is shown, under a key that stays while it streams and after. */
export interface Shown extends Message {
  key: string
}

/**
 * Puts a message where it belongs. Its number is what tells messages apart, as a client may use an id twice; the reply
 * that streams has none of its own yet, and keeps the place at which its first piece came.
 */
export function put(list: Shown[], message: Message): Shown[] {
  const at = message.streaming ? streamingAt(list, message) : wholeAt(list, message)
  const known = list[at]
  if (known) {
    // A page may be older than what the feed has told since.
    if (message.streaming && (!known.streaming || known.text.length > message.text.length)) return list
    return list.with(at, { ...message, at: known.streaming ? known.at : message.at, key: known.key })
  }
  const key = message.streaming ? `streams-${message.number}-${message.id}` : `${message.number}`
  let place = list.length
  while (place > 0 && isLater(list[place - 1] as Shown, message)) place--
  return list.toSpliced(place, 0, { ...message, at: message.begunAt ?? message.at, key })
}

/** In the order in which they were begun. */
function isLater(one: Message, other: Message): boolean {
  const [first, second] = [one.begunAt ?? 0, other.begunAt ?? 0]
  return first === second ? one.number > other.number : first > second
}

/** The streaming message of this id, or the whole one that it has become already. */
function streamingAt(list: Shown[], message: Message): number {
  return list.findLastIndex(
    (one) => one.id === message.id && one.author === message.author && (one.streaming || one.number >= message.number),
  )
}

function wholeAt(list: Shown[], message: Message): number {
  return list.findLastIndex((one) => (one.streaming ? one.id === message.id : one.number === message.number))
}
