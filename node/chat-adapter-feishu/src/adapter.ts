/** Feishu and Lark for Chat SDK. */

import { createHash, randomUUID } from 'node:crypto'
import { AuthenticationError, cardToFallbackText, NetworkError, ValidationError } from '@chat-adapter/shared'
import * as lark from '@larksuiteoapi/node-sdk'
import {
  type Adapter,
  type AdapterPostableMessage,
  type ChatInstance,
  type FetchOptions,
  type FetchResult,
  type FormattedContent,
  type Logger,
  Message,
  NotImplementedError,
  parseMarkdown,
  type RawMessage,
  type StreamChunk,
  stringifyMarkdown,
  type ThreadInfo,
  type WebhookOptions,
} from 'chat'
import { Api, FeishuError } from './api.js'
import { bucketOf } from '#shared/bucket.js'
import { type CardStyle, FeishuCard } from './card.js'
import { Growing } from './growing.js'
import { content, type FeishuEvent, type FeishuRawMessage, read, threadOf } from './message.js'
import { Once, within } from '#shared/once.js'
import { parts } from './pieces.js'
import { isSame, isSigned } from './signature.js'
import { decode, encode, type FeishuThreadId } from './thread-id.js'

/** Feishu takes cards of 30 KB, and what is around the text needs some. */
const LONGEST_TEXT = 25_000
const INTERVAL_MS = 300
const CALLS_PER_SECOND = 15
const ACKNOWLEDGE_WITHIN_MS = 2500
const APP_ID = /^cli_[0-9a-fA-F]{16}$/
const MOST_MESSAGES = 50

/** Options of {@link createFeishuAdapter}. */
export interface FeishuAdapterConfig {
  /** The app's id, `cli_…`. Default: `FEISHU_APP_ID`. */
  readonly appId?: string | undefined
  /** The app's secret. Default: `FEISHU_APP_SECRET`. */
  readonly appSecret?: string | undefined
  /**
   * `feishu`, `lark`, or the address of another installation, such as `https://open.example.com`. Default:
   * `FEISHU_DOMAIN`, else `feishu`.
   */
  readonly domain?: string | undefined
  /** How events come: over a connection that the adapter opens (`socket`, the default), or to a `webhook` of yours. */
  readonly mode?: 'socket' | 'webhook' | undefined
  /** The webhook's verification token. Default: `FEISHU_VERIFICATION_TOKEN`. A webhook needs it, or `encryptKey`. */
  readonly verificationToken?: string | undefined
  /** The key with which events are encrypted and signed. Default: `FEISHU_ENCRYPT_KEY`. */
  readonly encryptKey?: string | undefined
  /** How cards look. Default: the text alone. */
  readonly card?: CardStyle | undefined
  /** Whether answers in groups open a thread under the message. Default: false, they quote it. */
  readonly replyInThread?: boolean | undefined
  /** The bot's name in Chat SDK. Default: the one of the `Chat`. */
  readonly userName?: string | undefined
  /**
   * Whether Chat SDK's `state` remembers which messages were handled, as several processes of one bot need it. Default:
   * false; the adapter then drops what comes twice to one process, and a message that a killed process had not handled
   * comes again.
   */
  readonly deduplicate?: boolean | undefined
  /** After how many milliseconds an event is acknowledged whose handler is not done yet. Default: 2,500; Feishu waits 3 s. */
  readonly acknowledgeWithinMs?: number | undefined
  readonly logger?: Logger | undefined
}

type Raw = FeishuRawMessage

const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }

/** The adapter. Make it with {@link createFeishuAdapter}. */
export class FeishuAdapter implements Adapter<FeishuThreadId, Raw> {
  readonly name = 'feishu'
  /** `postMessage` recognises a message that is posted again, by its `key`. */
  readonly postsOnce = true
  readonly #config: FeishuAdapterConfig & { appId: string; appSecret: string }
  readonly #api: Api
  readonly #dispatcher: lark.EventDispatcher
  readonly #once = new Once()
  readonly #cards = new Map<string, FeishuCard>()
  #chat: ChatInstance | undefined
  #logger: Logger | undefined
  #socket: lark.WSClient | undefined
  #botOpenId: string | undefined

  constructor(config: FeishuAdapterConfig = {}) {
    const { FEISHU_APP_ID, FEISHU_APP_SECRET, FEISHU_VERIFICATION_TOKEN, FEISHU_ENCRYPT_KEY, FEISHU_DOMAIN } =
      process.env
    const domain = config.domain ?? FEISHU_DOMAIN
    const appId = config.appId ?? FEISHU_APP_ID ?? ''
    const appSecret = config.appSecret ?? FEISHU_APP_SECRET ?? ''
    const verificationToken = config.verificationToken ?? FEISHU_VERIFICATION_TOKEN
    const encryptKey = config.encryptKey ?? FEISHU_ENCRYPT_KEY
    if (!APP_ID.test(appId)) {
      throw new ValidationError(
        'feishu',
        'appId (or FEISHU_APP_ID) is "cli_" and 16 hexadecimal digits, as the app has it',
      )
    }
    if (appSecret === '') throw new ValidationError('feishu', 'appSecret (or FEISHU_APP_SECRET) is needed')
    if (config.mode === 'webhook' && !verificationToken && !encryptKey) {
      throw new ValidationError('feishu', 'a webhook needs verificationToken or encryptKey: anyone could post to it')
    }
    this.#config = { ...config, appId, appSecret, domain, verificationToken, encryptKey }
    this.#logger = config.logger
    const client = new lark.Client({ appId, appSecret, domain: domainOf(domain), logger: SILENT })
    this.#api = new Api(client, bucketOf(`${domain} ${appId}`, CALLS_PER_SECOND))
    this.#dispatcher = new lark.EventDispatcher({ ...(encryptKey ? { encryptKey } : {}), logger: SILENT })
    this.#dispatcher.register({ 'im.message.receive_v1': (event: unknown) => this.#received(event as FeishuEvent) })
  }

  /** The SDK's client, for calls that this adapter does not make. */
  get client(): lark.Client {
    return this.#api.client
  }

  get userName(): string {
    return this.#config.userName ?? this.#chat?.getUserName() ?? 'bot'
  }

  /** The bot's `open_id`; empty before it is initialised. */
  get botUserId(): string {
    return this.#botOpenId ?? ''
  }

  async initialize(chat: ChatInstance): Promise<void> {
    this.#chat = chat
    this.#logger ??= chat.getLogger('feishu')
    const info = await this.#api.call(
      (client) =>
        client.request({ url: '/open-apis/bot/v3/info', method: 'GET' }) as Promise<{
          code: number
          bot?: { open_id?: string }
        }>,
    )
    this.#botOpenId = info.bot?.open_id
    if (this.#botOpenId === undefined) {
      throw new AuthenticationError('feishu', "the app has no bot: add the feature 'Bot' in the developer console")
    }
    if (this.#config.mode !== 'webhook') await this.#connect()
  }

  async disconnect(): Promise<void> {
    this.#socket?.close({ force: true })
    this.#socket = undefined
  }

  /** Answers Feishu's webhook, its first question for a challenge too. */
  async handleWebhook(request: Request, options: WebhookOptions = {}): Promise<Response> {
    const body = await request.text()
    const { encryptKey = '' } = this.#config
    let data: Record<string, unknown>
    try {
      data = JSON.parse(body)
    } catch {
      return new Response('no JSON', { status: 400 })
    }
    if (encryptKey !== '' && !isSigned(request.headers, body, encryptKey))
      return new Response('not signed', { status: 401 })
    const { isChallenge, challenge } = lark.generateChallenge(data, { encryptKey })
    if (isChallenge) return Response.json(challenge)
    const event = (await this.#opened(data)) as FeishuEvent | undefined
    if (event === undefined) return Response.json({})
    const { verificationToken } = this.#config
    if (verificationToken && !isSame(event.token ?? '', verificationToken))
      return new Response('wrong token', { status: 401 })
    try {
      await this.#received(event, options)
    } catch {
      return new Response('not taken, deliver it once more', { status: 503 })
    }
    return Response.json({})
  }

  /**
   * Posts a message. Of the same `key` Feishu takes one within an hour: with `isRepeated`, a program that was killed before
   * it knew whether the message is there posts it again, and the one that is there shows the text.
   */
  async postMessage(
    threadId: string,
    message: AdapterPostableMessage,
    { key, isRepeated = false }: { readonly key?: string | undefined; readonly isRepeated?: boolean | undefined } = {},
  ): Promise<RawMessage<Raw>> {
    const text = textOf(message)
    if (text === '') throw new ValidationError('feishu', 'a message needs a text')
    let id = ''
    for (const [at, part] of parts(text, LONGEST_TEXT).entries()) {
      id = await this.#posted(threadId, part, key === undefined ? undefined : `${key}/${at}`, isRepeated)
    }
    return { id, threadId, raw: { message_id: id } }
  }

  /** Writes another text into a message of the bot's own. */
  async editMessage(threadId: string, messageId: string, message: AdapterPostableMessage): Promise<RawMessage<Raw>> {
    const text = textOf(message)
    if (Buffer.byteLength(text) > LONGEST_TEXT) {
      throw new ValidationError('feishu', `a message has at most ${LONGEST_TEXT} bytes: post the rest as the next one`)
    }
    const card = this.#cards.get(messageId) ?? (await FeishuCard.of(this.#api, this.#config.card ?? {}, messageId))
    this.#remember(card)
    await card.write(text)
    return { id: messageId, threadId, raw: { message_id: messageId } }
  }

  /** Shows a text while it comes; what is longer than a card goes on in the next one. */
  async stream(threadId: string, pieces: AsyncIterable<string | StreamChunk>): Promise<RawMessage<Raw> | null> {
    const growing = new Growing({
      intervalMs: INTERVAL_MS,
      maxBytes: LONGEST_TEXT,
      create: (text) => FeishuCard.create(this.#api, this.#config.card ?? {}, text, true),
      show: (card) => this.#show(threadId, card),
      post: (text) => this.#sendText(threadId, text),
    })
    let id: string | undefined
    try {
      for await (const piece of pieces) {
        if (typeof piece === 'string') growing.add(piece)
        else if (piece.type === 'markdown_text') growing.add(piece.text)
      }
    } finally {
      id = await growing.end()
    }
    return id === undefined ? null : { id, threadId, raw: { message_id: id } }
  }

  async deleteMessage(_threadId: string, messageId: string): Promise<void> {
    await this.#api.call(({ im }) => im.v1.message.delete({ path: { message_id: messageId } }))
    this.#cards.delete(messageId)
  }

  async fetchMessages(
    threadId: string,
    { limit = MOST_MESSAGES, cursor }: FetchOptions = {},
  ): Promise<FetchResult<Raw>> {
    const { id, message } = decode(threadId)
    const found = await this.#api.call(({ im }) =>
      im.v1.message.list({
        params: {
          container_id_type: 'chat',
          container_id: id,
          sort_type: 'ByCreateTimeDesc',
          page_size: Math.min(limit, MOST_MESSAGES),
          ...(cursor !== undefined && { page_token: cursor }),
        },
      }),
    )
    const { items = [], has_more, page_token } = found.data ?? {}
    const inThread = items.filter((item) => message === undefined || [item.message_id, item.root_id].includes(message))
    const messages = inThread.reverse().map((item) => this.parseMessage(item as Raw))
    return { messages, ...(has_more && page_token !== undefined && { nextCursor: page_token }) }
  }

  async fetchThread(threadId: string): Promise<ThreadInfo> {
    const { kind, id } = decode(threadId)
    return {
      id: threadId,
      channelId: this.channelIdFromThreadId(threadId),
      isDM: kind !== 'g',
      metadata: { chatId: id },
    }
  }

  parseMessage(raw: Raw): Message<Raw> {
    if ('sender' in raw && 'message' in raw) return read(raw as FeishuEvent, this.#botOpenId ?? '')
    const item = raw as Record<string, string> & {
      body?: { content?: string }
      sender?: { id?: string; sender_type?: string }
    }
    const { text, attachments } = content(item['msg_type'] ?? 'text', item.body?.content ?? '{}')
    const isMe = item.sender?.sender_type === 'app' && item.sender.id === this.#config.appId
    const userId = isMe ? (this.#botOpenId ?? '') : (item.sender?.id ?? '')
    return new Message<Raw>({
      id: item['message_id'] ?? '',
      threadId: encode({ kind: 'g', id: item['chat_id'] ?? '', message: item['root_id'] || item['message_id'] }),
      text,
      formatted: parseMarkdown(text),
      raw,
      author: { userId, userName: userId, fullName: userId, isBot: item.sender?.sender_type === 'app', isMe },
      metadata: { dateSent: new Date(Number(item['create_time'] ?? 0)), edited: Boolean(item['updated']) },
      attachments,
    })
  }

  renderFormatted(text: FormattedContent): string {
    return stringifyMarkdown(text)
  }

  encodeThreadId(place: FeishuThreadId): string {
    return encode(place)
  }

  decodeThreadId(threadId: string): FeishuThreadId {
    return decode(threadId)
  }

  channelIdFromThreadId(threadId: string): string {
    const { kind, id } = decode(threadId)
    return encode({ kind, id })
  }

  isDM(threadId: string): boolean {
    return decode(threadId).kind !== 'g'
  }

  /** A thread in which a person can be written to who has not written yet. */
  async openDM(openId: string): Promise<string> {
    return encode({ kind: 'u', id: openId })
  }

  /** Feishu shows no typing. */
  async startTyping(): Promise<void> {}

  async addReaction(): Promise<void> {
    throw new NotImplementedError('this adapter makes no reactions: use `client.im.v1.messageReaction`', 'reactions')
  }

  async removeReaction(): Promise<void> {
    await this.addReaction()
  }

  async #connect(): Promise<void> {
    const { appId, appSecret, domain } = this.#config
    await new Promise<void>((ready, failed) => {
      const logger = this.#logger
      const warn = (...words: unknown[]) => logger?.warn(words.map(String).join(' '))
      this.#socket = new lark.WSClient({
        appId,
        appSecret,
        domain: domainOf(domain),
        logger: { ...SILENT, warn, error: warn },
        handshakeTimeoutMs: 10_000,
        wsConfig: { pingTimeout: 10 },
        onReady: ready,
        onError: (error) =>
          failed(new NetworkError('feishu', `the connection ended for good: ${error.message}`, error)),
      })
      this.#socket.start({ eventDispatcher: this.#dispatcher }).catch(failed)
    })
  }

  /** Handles a message. Feishu hears that it has arrived when its handler is done, or a little before its patience ends. */
  async #received(event: FeishuEvent, options?: WebhookOptions): Promise<void> {
    const chat = this.#chat
    const kind = event.sender?.sender_type
    if (chat === undefined || (kind !== undefined && kind !== 'user')) return
    const { deduplicate = false, acknowledgeWithinMs = ACKNOWLEDGE_WITHIN_MS } = this.#config
    const given = { deduplicate, ...options }
    const { waitUntil, ...rest } = given
    const task = this.#once.take(event.message.message_id, () =>
      chat.processMessage(this, threadOf(event), this.parseMessage(event), rest),
    )
    waitUntil?.(given.propagateHandlerErrors ? task : task.catch(() => {}))
    if (waitUntil === undefined) await within(task, acknowledgeWithinMs)
  }

  /** The event out of its envelope, decrypted where it has to be. */
  async #opened(data: Record<string, unknown>): Promise<unknown> {
    const { encryptKey } = this.#config
    let found: unknown
    const opener = new lark.EventDispatcher({ ...(encryptKey ? { encryptKey } : {}), logger: SILENT })
    opener.register({ 'im.message.receive_v1': (event: unknown) => void (found = event) })
    await opener.invoke(data, { needCheck: false })
    return found
  }

  /** Posts a card, and text where the card is refused. */
  async #posted(threadId: string, text: string, key: string | undefined, isRepeated: boolean): Promise<string> {
    try {
      const card = await FeishuCard.create(this.#api, this.#config.card ?? {}, text, false)
      await this.#show(threadId, card, key)
      return isRepeated ? await this.#rewritten(card, text) : card.messageId
    } catch (error) {
      if (!(error instanceof FeishuError)) throw error
      this.#logger?.warn(`${error.message}: posted as text`)
      return this.#sendText(threadId, text, key)
    }
  }

  /** The message may be one of an earlier attempt, which shows another card. */
  async #rewritten({ id, messageId }: FeishuCard, text: string): Promise<string> {
    const card = await FeishuCard.of(this.#api, this.#config.card ?? {}, messageId)
    if (card.id !== id) {
      this.#remember(card)
      await card.write(text)
    }
    return messageId
  }

  async #show(threadId: string, card: FeishuCard, key?: string): Promise<void> {
    await card.show((content, own) => this.#send(threadId, 'interactive', content, key ?? own))
    this.#remember(card)
  }

  #sendText(threadId: string, text: string, key: string = randomUUID()): Promise<string> {
    return this.#send(threadId, 'text', JSON.stringify({ text }), key)
  }

  #remember(card: FeishuCard): void {
    this.#cards.delete(card.messageId)
    this.#cards.set(card.messageId, card)
    if (this.#cards.size > 1000) this.#cards.delete(this.#cards.keys().next().value as string)
  }

  /** Sends a message. Of the same key, Feishu takes one within an hour. */
  async #send(threadId: string, msg_type: string, body: string, key: string): Promise<string> {
    const { kind, id, message } = decode(threadId)
    const uuid = createHash('sha256').update(key).digest('hex').slice(0, 50)
    const sent = await this.#api.call(
      ({ im }) =>
        message === undefined
          ? im.v1.message.create({
              params: { receive_id_type: kind === 'u' ? 'open_id' : 'chat_id' },
              data: { receive_id: id, msg_type, content: body, uuid },
            })
          : im.v1.message.reply({
              path: { message_id: message },
              data: { msg_type, content: body, uuid, reply_in_thread: this.#config.replyInThread ?? false },
            }),
      true,
    )
    return sent.data?.message_id ?? ''
  }
}

/** Makes an adapter of Feishu for `new Chat({ adapters: { feishu: createFeishuAdapter() } })`. */
export function createFeishuAdapter(config: FeishuAdapterConfig = {}): FeishuAdapter {
  return new FeishuAdapter(config)
}

function domainOf(domain = 'feishu'): lark.Domain | string {
  if (domain === 'feishu') return lark.Domain.Feishu
  return domain === 'lark' ? lark.Domain.Lark : domain
}

/** The text as it was given, without a turn through Chat SDK's tree, which would change it. */
function textOf(message: AdapterPostableMessage): string {
  if (typeof message === 'string') return message
  if ('raw' in message) return message.raw
  if ('markdown' in message) return message.markdown
  if ('ast' in message) return stringifyMarkdown(message.ast)
  return cardToFallbackText('card' in message ? message.card : message)
}
