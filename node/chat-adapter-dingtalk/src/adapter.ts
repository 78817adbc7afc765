/** DingTalk for Chat SDK. */

import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { cardToFallbackText, ValidationError } from '@chat-adapter/shared'
import {
  type Adapter,
  type AdapterPostableMessage,
  type ChatInstance,
  type FetchResult,
  type FormattedContent,
  type Logger,
  type Message,
  NotImplementedError,
  type RawMessage,
  type StreamChunk,
  type StreamOptions,
  stringifyMarkdown,
  type ThreadInfo,
  type WebhookOptions,
} from 'chat'
import { Api, DingTalkError } from './api.js'
import { bucketOf } from '#shared/bucket.js'
import { AI_MARKDOWN_CARD, type CardTemplate, DingTalkCard } from './card.js'
import { Growing } from './growing.js'
import { type DingTalkEvent, type DingTalkRawMessage, read, threadOf } from './message.js'
import { Once, within } from '#shared/once.js'
import { parts } from './pieces.js'
import { Stream } from './stream.js'
import { decode, encode, type DingTalkThreadId } from './thread-id.js'

const ENDPOINT = 'https://api.dingtalk.com'
const LONGEST_MESSAGE = 2000
const LONGEST_CARD = 6000
const LONGEST_TITLE = 20
const INTERVAL_MS = 1500
const MOST_UPDATES = 8
/** DingTalk allows an organisation 20. */
const CALLS_PER_SECOND = 15
const ACKNOWLEDGE_WITHIN_MS = 30_000
const MOST_WEBHOOKS = 10_000
const SIGNED_WITHIN_MS = 3_600_000

/** Options of {@link createDingTalkAdapter}. */
export interface DingTalkAdapterConfig {
  /** The app's client id (AppKey). Default: `DINGTALK_CLIENT_ID`. */
  readonly clientId?: string | undefined
  /** The app's client secret (AppSecret). Default: `DINGTALK_CLIENT_SECRET`. */
  readonly clientSecret?: string | undefined
  /** The robot's code. Default: the client id, as it is for an app's own robot. */
  readonly robotCode?: string | undefined
  /**
   * The template of the AI card in which answers grow, such as `AI_MARKDOWN_CARD`. Default: `DINGTALK_CARD_TEMPLATE_ID`;
   * without one an answer comes as a whole when it is complete, which costs one call in the place of about ten.
   */
  readonly cardTemplateId?: string | undefined
  /** The template's variable for the text. Default: `content`, and `msgContent` for `AI_MARKDOWN_CARD`. */
  readonly cardKey?: string | undefined
  /** How messages come: over a connection that the adapter opens (`stream`, the default), or to a `webhook` of yours. */
  readonly mode?: 'stream' | 'webhook' | undefined
  /** Where DingTalk's calls go. Default: `DINGTALK_OPENAPI_ENDPOINT`, else `https://api.dingtalk.com`. */
  readonly endpoint?: string | undefined
  /** The bot's name in Chat SDK. Default: the one of the `Chat`. */
  readonly userName?: string | undefined
  /** Whether Chat SDK's `state` remembers which messages were handled. Default: false, each process remembers its own. */
  readonly deduplicate?: boolean | undefined
  /** After how many milliseconds a message is acknowledged whose handler is not done yet. Default: 30,000. */
  readonly acknowledgeWithinMs?: number | undefined
  readonly logger?: Logger | undefined
}

type Raw = DingTalkRawMessage

/** The adapter. Make it with {@link createDingTalkAdapter}. */
export class DingTalkAdapter implements Adapter<DingTalkThreadId, Raw> {
  readonly name = 'dingtalk'
  /** `postMessage` recognises a message that is posted again, by its `key`. */
  readonly postsOnce = true
  readonly #config: DingTalkAdapterConfig & { clientId: string; clientSecret: string; endpoint: string }
  readonly #template: CardTemplate | undefined
  readonly #api: Api
  readonly #once = new Once()
  /** The webhooks of conversations that are still good. */
  readonly #webhooks = new Map<string, { url: string; until: number }>()
  #chat: ChatInstance | undefined
  #logger: Logger | undefined
  #stream: Stream | undefined

  constructor(config: DingTalkAdapterConfig = {}) {
    const { DINGTALK_CLIENT_ID, DINGTALK_CLIENT_SECRET, DINGTALK_CARD_TEMPLATE_ID } = process.env
    const { DINGTALK_OPENAPI_ENDPOINT } = process.env
    const clientId = config.clientId ?? DINGTALK_CLIENT_ID ?? ''
    const clientSecret = config.clientSecret ?? DINGTALK_CLIENT_SECRET ?? ''
    if (clientId === '') throw new ValidationError('dingtalk', 'clientId (or DINGTALK_CLIENT_ID) is needed')
    if (clientSecret === '') throw new ValidationError('dingtalk', 'clientSecret (or DINGTALK_CLIENT_SECRET) is needed')
    const endpoint = (config.endpoint ?? DINGTALK_OPENAPI_ENDPOINT ?? ENDPOINT).replace(/\/+$/, '')
    if (!URL.canParse(endpoint)) throw new ValidationError('dingtalk', `endpoint is no URL: ${endpoint}`)
    const id = config.cardTemplateId ?? DINGTALK_CARD_TEMPLATE_ID
    const key = config.cardKey ?? (id === AI_MARKDOWN_CARD ? 'msgContent' : 'content')
    this.#template = id ? { id, key } : undefined
    this.#config = { ...config, clientId, clientSecret, endpoint }
    this.#logger = config.logger
    this.#api = new Api({ clientId, clientSecret, endpoint }, bucketOf(endpoint, CALLS_PER_SECOND))
  }

  /** Whether a message can be edited: only cards can. */
  get canEdit(): boolean {
    return this.#template !== undefined
  }

  get userName(): string {
    return this.#config.userName ?? this.#chat?.getUserName() ?? 'bot'
  }

  async initialize(chat: ChatInstance): Promise<void> {
    this.#chat = chat
    this.#logger ??= chat.getLogger('dingtalk')
    if (this.#config.mode === 'webhook') return
    this.#stream = new Stream(this.#config, (event) => this.#received(event), this.#logger)
    await this.#stream.start()
  }

  async disconnect(): Promise<void> {
    this.#stream?.stop()
  }

  /** Answers DingTalk's webhook, where the robot has the HTTP mode. */
  async handleWebhook(request: Request, options: WebhookOptions = {}): Promise<Response> {
    const { headers } = request
    if (!isSigned(headers.get('timestamp'), headers.get('sign'), this.#config.clientSecret)) {
      return new Response('not signed', { status: 401 })
    }
    let event: DingTalkEvent
    try {
      event = JSON.parse(await request.text())
    } catch {
      return new Response('no JSON', { status: 400 })
    }
    try {
      await this.#received(event, options)
    } catch {
      return new Response('not taken, deliver it once more', { status: 503 })
    }
    return Response.json({})
  }

  /**
   * Posts a message. With a template it is a card, and of the same `key` there is one: a program that was killed before it
   * knew may post it again. Without a template DingTalk recognises no message.
   */
  async postMessage(
    threadId: string,
    message: AdapterPostableMessage,
    { key }: { readonly key?: string | undefined } = {},
  ): Promise<RawMessage<Raw>> {
    const text = textOf(message)
    if (text === '') throw new ValidationError('dingtalk', 'a message needs a text')
    let id = ''
    for (const [at, part] of parts(text, this.#template ? LONGEST_CARD : LONGEST_MESSAGE).entries()) {
      const own = key === undefined ? undefined : createHash('sha256').update(`${key}/${at}`).digest('hex')
      id = this.#template ? await this.#postCard(threadId, part, own) : await this.#postText(threadId, part)
    }
    return { id, threadId, raw: { outTrackId: id } }
  }

  /** Writes another text on a card of the bot's own. */
  async editMessage(threadId: string, messageId: string, message: AdapterPostableMessage): Promise<RawMessage<Raw>> {
    if (this.#template === undefined) {
      throw new NotImplementedError('only cards can be edited: give the adapter a cardTemplateId', 'editMessage')
    }
    const text = textOf(message)
    if (text.length > LONGEST_CARD) {
      throw new ValidationError(
        'dingtalk',
        `a card has at most ${LONGEST_CARD} characters: post the rest as the next one`,
      )
    }
    await new DingTalkCard(this.#api, this.#template, messageId).finish(text)
    return { id: messageId, threadId, raw: { outTrackId: messageId } }
  }

  /**
   * Shows a text while it comes, on cards; without a template, when it is complete. `messageId` is the id of the first
   * card. With that of a card that an earlier process has left unfinished, the text goes on there.
   */
  async stream(
    threadId: string,
    pieces: AsyncIterable<string | StreamChunk>,
    options: StreamOptions & { readonly messageId?: string | undefined } = {},
  ): Promise<RawMessage<Raw> | null> {
    const template = this.#template
    let { messageId } = options
    let whole = ''
    const growing =
      template &&
      new Growing({
        intervalMs: INTERVAL_MS,
        maxUpdates: MOST_UPDATES,
        maxChars: LONGEST_CARD,
        create: () => {
          const card = new DingTalkCard(this.#api, template, messageId)
          messageId = undefined
          return card
        },
        open: (card, text) => card.open(this.#place(threadId), text, true),
        post: (text) => this.#postTexts(threadId, text),
      })
    let id: string | undefined
    try {
      for await (const piece of pieces) {
        const text = typeof piece === 'string' ? piece : piece.type === 'markdown_text' ? piece.text : ''
        if (growing) growing.add(text)
        else whole += text
      }
    } finally {
      id = growing ? await growing.end() : whole === '' ? undefined : await this.#postTexts(threadId, whole)
    }
    return id === undefined ? null : { id, threadId, raw: { outTrackId: id } }
  }

  async deleteMessage(): Promise<void> {
    throw new NotImplementedError('DingTalk deletes no messages of a robot', 'deleteMessage')
  }

  /** DingTalk tells a robot nothing of what was said before. */
  async fetchMessages(): Promise<FetchResult<Raw>> {
    return { messages: [] }
  }

  async fetchThread(threadId: string): Promise<ThreadInfo> {
    const { kind, id } = decode(threadId)
    return { id: threadId, channelId: threadId, isDM: kind === 's', metadata: { id } }
  }

  parseMessage(raw: Raw): Message<Raw> {
    return read(raw as DingTalkEvent)
  }

  renderFormatted(text: FormattedContent): string {
    return stringifyMarkdown(text)
  }

  encodeThreadId(place: DingTalkThreadId): string {
    return encode(place)
  }

  decodeThreadId(threadId: string): DingTalkThreadId {
    return decode(threadId)
  }

  channelIdFromThreadId(threadId: string): string {
    return encode(decode(threadId))
  }

  isDM(threadId: string): boolean {
    return decode(threadId).kind === 's'
  }

  /** The thread of a person, by the staff id. */
  async openDM(staffId: string): Promise<string> {
    return encode({ kind: 's', id: staffId })
  }

  /** DingTalk shows no typing. */
  async startTyping(): Promise<void> {}

  async addReaction(): Promise<void> {
    throw new NotImplementedError('DingTalk has no reactions for robots', 'reactions')
  }

  async removeReaction(): Promise<void> {
    await this.addReaction()
  }

  /** Handles a message. DingTalk hears that it has arrived when its handler is done. */
  async #received(event: DingTalkEvent, options?: WebhookOptions): Promise<void> {
    const chat = this.#chat
    if (chat === undefined || !event.msgId || !(event.senderStaffId || event.senderId)) return
    const { deduplicate = false, acknowledgeWithinMs = ACKNOWLEDGE_WITHIN_MS } = this.#config
    this.#learn(event)
    const { waitUntil, ...given } = { deduplicate, ...options }
    const task = this.#once.take(event.msgId, () => chat.processMessage(this, threadOf(event), read(event), given))
    waitUntil?.(given.propagateHandlerErrors ? task : task.catch(() => {}))
    if (waitUntil === undefined) await within(task, acknowledgeWithinMs)
  }

  /** Keeps the conversation's webhook, which is good for some time. */
  #learn(event: DingTalkEvent): void {
    const { sessionWebhook: url, sessionWebhookExpiredTime: until = 0 } = event
    if (url === undefined || !this.#isOfDingTalk(url)) return
    const thread = threadOf(event)
    this.#webhooks.delete(thread)
    this.#webhooks.set(thread, { url, until })
    if (this.#webhooks.size > MOST_WEBHOOKS) this.#webhooks.delete(this.#webhooks.keys().next().value as string)
  }

  /** Whether it is safe to post there what people say. */
  #isOfDingTalk(url: string): boolean {
    if (!URL.canParse(url)) return false
    const { protocol, hostname, origin } = new URL(url)
    if (origin === new URL(this.#config.endpoint).origin) return true
    return protocol === 'https:' && (hostname === 'dingtalk.com' || hostname.endsWith('.dingtalk.com'))
  }

  #place(threadId: string) {
    return { ...decode(threadId), robotCode: this.#config.robotCode ?? this.#config.clientId }
  }

  /** Posts a card, and a message where the card is refused. */
  async #postCard(threadId: string, text: string, key: string | undefined): Promise<string> {
    const card = new DingTalkCard(this.#api, this.#template as CardTemplate, key)
    try {
      const found = await card.open(this.#place(threadId), text, false)
      if (found === 'there') await card.finish(text)
      return card.id
    } catch (error) {
      if (!(error instanceof DingTalkError)) throw error
      this.#logger?.warn(`${error.message}: posted as a message`)
      return this.#postTexts(threadId, text)
    }
  }

  async #postTexts(threadId: string, text: string): Promise<string> {
    let id = ''
    for (const part of parts(text, LONGEST_MESSAGE)) id = await this.#postText(threadId, part)
    return id
  }

  /** Posts a message: to the conversation's webhook, else as the robot. DingTalk gives it no id. */
  async #postText(threadId: string, text: string): Promise<string> {
    const title = [...text.replace(/\s+/g, ' ').trim()].slice(0, LONGEST_TITLE).join('')
    const webhook = this.#webhooks.get(threadId)
    if (webhook !== undefined && webhook.until > Date.now()) {
      try {
        await this.#api.webhook(webhook.url, { msgtype: 'markdown', markdown: { title, text } })
        return ''
      } catch (error) {
        if (!(error instanceof DingTalkError)) throw error
        this.#webhooks.delete(threadId)
      }
    }
    const { kind, id, robotCode } = this.#place(threadId)
    const message = { robotCode, msgKey: 'sampleMarkdown', msgParam: JSON.stringify({ title, text }) }
    if (kind === 'g') {
      await this.#api.call('POST', '/v1.0/robot/groupMessages/send', true, { ...message, openConversationId: id })
    } else await this.#api.call('POST', '/v1.0/robot/oToMessages/batchSend', true, { ...message, userIds: [id] })
    return ''
  }
}

/** Makes an adapter of DingTalk for `new Chat({ adapters: { dingtalk: createDingTalkAdapter() } })`. */
export function createDingTalkAdapter(config: DingTalkAdapterConfig = {}): DingTalkAdapter {
  return new DingTalkAdapter(config)
}

/** The text as it was given, without a turn through Chat SDK's tree, which would change it. */
function textOf(message: AdapterPostableMessage): string {
  if (typeof message === 'string') return message
  if ('raw' in message) return message.raw
  if ('markdown' in message) return message.markdown
  if ('ast' in message) return stringifyMarkdown(message.ast)
  return cardToFallbackText('card' in message ? message.card : message)
}

function isSigned(timestamp: string | null, sign: string | null, secret: string): boolean {
  if (!timestamp || !sign || Math.abs(Date.now() - Number(timestamp)) > SIGNED_WITHIN_MS) return false
  const expected = createHmac('sha256', secret).update(`${timestamp}\n${secret}`).digest()
  const given = Buffer.from(sign, 'base64')
  return given.length === expected.length && timingSafeEqual(given, expected)
}
