/**
 * What is used of Chat SDK, as far as it is used. A `Chat` of `chat` 4.41 and later, and its adapters, are of this form.
 */

/** How a post is recognised when it is tried again. */
export interface PostOptions {
  readonly key: string
  readonly isRepeated: boolean
}

/** An adapter of Chat SDK: one platform. */
export interface ChatAdapter {
  readonly name: string
  readonly userName?: string
  readonly botUserId?: string | undefined
  channelIdFromThreadId(threadId: string): string
  /** Whether `postMessage` takes {@link PostOptions}, as our own adapters do: other ones have another third argument. */
  readonly postsOnce?: boolean
  postMessage(threadId: string, message: { markdown: string }, options?: PostOptions): Promise<{ id: string }>
  editMessage(threadId: string, messageId: string, message: { markdown: string }): Promise<unknown>
  fetchMessages(threadId: string, options?: { limit?: number }): Promise<{ messages: ChatMessage[] }>
}

/** A message that Chat SDK hands to a handler. */
export interface ChatMessage {
  readonly id: string
  readonly text: string
  readonly raw: unknown
  readonly author: {
    readonly userId: string
    readonly userName: string
    readonly fullName: string
    readonly isBot: boolean | 'unknown'
    readonly isMe: boolean
  }
  readonly attachments: readonly unknown[]
  readonly metadata: { readonly dateSent: Date }
}

/** A thread of Chat SDK. */
export interface ChatThread {
  readonly id: string
  readonly adapter: { readonly name: string }
  subscribe(): Promise<void>
}

/** How a webhook's work is done. */
export interface WorkOptions {
  readonly waitUntil?: (task: Promise<unknown>) => void
  readonly propagateHandlerErrors?: boolean
  readonly deduplicate?: boolean
}

type Handler = (thread: ChatThread, message: ChatMessage) => void | Promise<void>

/** A `Chat` of Chat SDK. */
export interface ChatBot {
  readonly webhooks: Readonly<Record<string, (request: Request, options?: WorkOptions) => Promise<Response>>>
  // biome-ignore lint/suspicious/noExplicitAny: each bot has names of its own
  getAdapter(name: any): unknown
  getState(): { delete(key: string): Promise<void> }
  initialize(): Promise<void>
  onDirectMessage(handler: Handler): void
  onNewMention(handler: Handler): void
  onSubscribedMessage(handler: Handler): void
}
