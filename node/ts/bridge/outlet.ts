/** What a platform offers to a bridge. */

/** Who speaks: the avatar, its owner in person, or the bridge itself, which says that something went wrong. */
export type PostAuthor = 'avatar' | 'owner' | 'bridge'

/** What a platform allows. One of `maxChars` and `maxBytes` has to be there. */
export interface Limits {
  /** The longest message, in UTF-16 units, as `String.length` counts. */
  readonly maxChars?: number | undefined
  /** The longest message, in bytes of UTF-8. */
  readonly maxBytes?: number | undefined
  /** How long a text is for `maxChars`, where the platform counts otherwise. A longer text is never shorter. */
  readonly measure?: ((text: string) => number) | undefined
  /** The time between two updates of one message, in milliseconds. */
  readonly updateIntervalMs: number
  /** So many new characters are sent at once, even before the interval is over. Default: the interval alone counts. */
  readonly minUpdateChars?: number | undefined
  /** How often one message may be updated before its end. Default: as often as the interval allows. */
  readonly maxUpdates?: number | undefined
  /** How long one message may grow, in milliseconds; then another one begins. Default: without limit. */
  readonly maxAgeMs?: number | undefined
  /** How many calls a second the platform takes from the whole program. Default: without limit. */
  readonly callsPerSecond?: number | undefined
}

/** What a post is: who speaks, and how it is recognised when it is tried again. */
export interface PostDetails {
  readonly author: PostAuthor
  /** The owner's name, where it is known. */
  readonly ownerName?: string | undefined
  /** The same for each attempt of the same post, after a restart too: for platforms that recognise a repeated call. */
  readonly key: string
  /** Whether an earlier attempt, of this process or one before, may have been carried out. */
  readonly isRepeated: boolean
}

/** A message that grows. Its texts are always whole texts, never the pieces that are new. */
export interface Draft {
  /** The text by which {@link Outlet.reopen} finds it again; the platform's id of the message. Empty where there is none. */
  readonly handle: string
  /** Whether `update` ends before the text is shown, so that it is open what stands there. Default: no. */
  readonly isDeferred?: boolean | undefined
  /**
   * Shows a message that people do not see before, so that its handle is in the store by then: it is not made twice after
   * a restart. Called again, also after {@link Outlet.reopen}, it does no more.
   */
  show?(): Promise<void>
  /** Shows more of the text. */
  update(text: string): Promise<void>
  /** Shows the whole text, and ends the message. */
  finish(text: string): Promise<void>
}

/** A message that stands on the platform. */
export interface PostedMessage {
  readonly handle: string
  readonly text: string
}

/**
 * What a platform has to offer. Its calls throw {@link RetryLater}, {@link DraftExpired} or {@link Undeliverable} where
 * these say what is the matter; after any other failure the call is tried again.
 */
export interface Outlet {
  readonly limits: Limits
  /** Whether the outlet shows who speaks. Otherwise the owner's words have a heading of the bridge's. Default: no. */
  readonly showsAuthor?: boolean | undefined
  /** Whether a message's text can only be added to, as in a stream. Otherwise it is cut at a better place. Default: no. */
  readonly appends?: boolean | undefined
  /** Posts a whole message, and returns its id on the platform, where it has one. */
  post(address: string, text: string, details: PostDetails): Promise<string | undefined>
  /** Posts a message that will grow. Without it, an answer is posted when it is whole. */
  open?(address: string, text: string, details: PostDetails): Promise<Draft>
  /** A message of an earlier process, or one that takes no more updates. `finish` has to work on it. */
  reopen?(address: string, handle: string): Promise<Draft>
  /** The bot's own messages there since that time, the oldest first: what a process that was killed has shown. */
  recent?(address: string, sinceMs: number): Promise<readonly PostedMessage[]>
  /** Gives up what the outlet holds, such as connections: the bridge is closed. */
  close?(): Promise<void>
}

/** The platform wants no call now, as with HTTP 429: the bridge comes back after so many milliseconds. */
export class RetryLater extends Error {
  static {
    Object.defineProperty(RetryLater.prototype, 'name', { value: 'RetryLater' })
  }

  constructor(
    readonly retryAfterMs: number,
    options?: ErrorOptions,
  ) {
    super(`the platform wants no call for ${retryAfterMs} ms`, options)
  }
}

/** The message takes no more updates. The bridge goes on by {@link Outlet.reopen}, or with another message. */
export class DraftExpired extends Error {
  static {
    Object.defineProperty(DraftExpired.prototype, 'name', { value: 'DraftExpired' })
  }

  constructor(message = 'the message takes no more updates', options?: ErrorOptions) {
    super(message, options)
  }
}

/** The message can never be shown, as where the bot was removed from the chat. It is not tried again. */
export class Undeliverable extends Error {
  static {
    Object.defineProperty(Undeliverable.prototype, 'name', { value: 'Undeliverable' })
  }
}
