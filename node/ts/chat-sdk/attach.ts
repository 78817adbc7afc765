/** Connects a bot of Chat SDK with the avatar. */

import type { RequestListener } from 'node:http'
import { Bridge } from '../bridge/bridge.js'
import type { BridgeOptions } from '../bridge/options.js'
import type { Outlet } from '../bridge/outlet.js'
import type { AvatarClient } from '../client.js'
import { calledFrom, misuse } from '../failures.js'
import { addressOf } from './address.js'
import type { ChatAdapter, ChatBot, ChatMessage, ChatThread, WorkOptions } from './bot.js'
import { editedOutlet } from './edited.js'
import { type Platform, platformOf } from './limits.js'
import { listenerOf } from './server.js'
import { streamedOutlet } from './streamed.js'
import { chatOf, Turns } from './turns.js'
import { type SlackAdapter, slackOutlet, slackText } from './slack.js'

/** Options of {@link attach}. Those of {@link Bridge} hold for the bridge of each platform. */
export interface AttachOptions extends Omit<BridgeOptions, 'platform' | 'outlet' | 'channel'> {
  /**
   * What is answered in groups: each message that mentions the bot, or also what follows in a thread in which it was
   * mentioned. Which threads these are is kept in the bot's `state`. Default: `mention`.
   */
  readonly groups?: 'mention' | 'thread' | undefined
  /** What a platform allows, by the name of its adapter, where our figures do not fit. */
  readonly limits?: Readonly<Record<string, Partial<Platform>>> | undefined
}

/** A bot that the avatar answers for. */
export class AttachedBot {
  readonly #bot: ChatBot
  readonly #turns: Turns
  /** The bridge of each platform, by the name of its adapter. */
  readonly bridges: ReadonlyMap<string, Bridge>

  /** @internal */
  constructor(bot: ChatBot, bridges: ReadonlyMap<string, Bridge>, turns: Turns) {
    this.#bot = bot
    this.#turns = turns
    this.bridges = bridges
  }

  /** Connects the bot with its platforms, and goes on with what earlier processes have left. */
  async start(): Promise<void> {
    await this.#bot.initialize()
    await Promise.all([...this.bridges.values()].map((bridge) => bridge.start()))
  }

  /**
   * Answers a platform's webhook. The answer is given when the message is in the client's store, so that a platform
   * delivers once more what a process that was killed has not kept. Without a name, the last part of the URL's path is
   * the adapter's name, or there is one adapter only.
   */
  async handle(request: Request, name?: string): Promise<Response> {
    const names = [...this.bridges.keys()]
    const last = new URL(request.url).pathname.split('/').at(-1) ?? ''
    const webhook = this.#bot.webhooks[name ?? (names.includes(last) || names.length > 1 ? last : (names[0] ?? ''))]
    if (webhook === undefined) return new Response('there is no such platform here', { status: 404 })
    const event = parsed(await request.clone().text())
    return this.#turns.take(chatOf(event), async () => {
      const work: Promise<unknown>[] = []
      const response = await webhook(request, workOptions(work))
      if (await isDone(work)) return response
      await forgetEvent(this.#bot, event)
      return new Response('not taken, deliver it once more', { status: 503 })
    })
  }

  /** A listener for `createServer` of `node:http` that answers the webhooks, at most 1 MiB each. */
  listener(name?: string): RequestListener {
    return listenerOf((request) => this.handle(request, name))
  }

  /** Is fulfilled when nothing is being answered or said. */
  async idle(): Promise<void> {
    await Promise.all([...this.bridges.values()].map((bridge) => bridge.idle()))
  }

  /** Closes the bridges, as {@link Bridge.close} does. The client and the bot's own connections are not closed. */
  async close(options: { deadlineMs?: number | undefined } = {}): Promise<void> {
    await Promise.all([...this.bridges.values()].map((bridge) => bridge.close(options)))
  }
}

/**
 * Lets the avatar answer for a bot of Chat SDK, on every platform for which the bot has an adapter. Call it before the
 * bot is initialised; {@link AttachedBot.start} initialises it.
 *
 * ```ts
 * const slack = createSlackAdapter({ webClientOptions: slackClientOptions })
 * const bot = new Chat({ userName: 'ada', adapters: { slack }, state: createMemoryState(), concurrency: 'concurrent' })
 * const avatar = attach(bot, new AvatarClient({ store: 'avatar.db' }))
 * await avatar.start()
 * createServer(avatar.listener()).listen(3000)
 * ```
 *
 * @throws {@link MisuseError} if the bot was made without `concurrency: 'concurrent'`: Chat SDK would then drop what a
 * person writes while an answer is given.
 */
export function attach(bot: ChatBot, client: AvatarClient, options: AttachOptions = {}): AttachedBot {
  const site = calledFrom(attach)
  const names = Object.keys(bot?.webhooks ?? {})
  if (names.length === 0) throw misuse('`attach` takes a `Chat` of Chat SDK (`chat` 4.41 or later) with adapters', site)
  const { _concurrencyStrategy: strategy } = bot as { _concurrencyStrategy?: unknown }
  if (strategy !== undefined && strategy !== 'concurrent') {
    const why = `with ${JSON.stringify(strategy)} Chat SDK loses what a person writes while an answer is given`
    throw misuse(`make the bot with \`new Chat({ concurrency: 'concurrent', … })\`: ${why}`, site)
  }
  const { groups = 'mention', limits = {}, ...shared } = options
  if (groups !== 'mention' && groups !== 'thread') throw misuse('`groups` is `mention` or `thread`', site)
  const bridges = new Map<string, Bridge>()
  const turns = new Turns()
  for (const name of names) {
    const adapter = bot.getAdapter(name) as ChatAdapter
    const outlet = outletOf(adapter, platformOf(adapter.name, limits[name] ?? limits[adapter.name]))
    bridges.set(name, new Bridge(client, { ...shared, platform: name, outlet }))
    acknowledgeWhenTaken(bot, adapter, turns)
  }
  const receive = async (thread: ChatThread, message: ChatMessage) => {
    if (message.author.isBot === true) return
    // A program may give an adapter another name than its own.
    const adapter = thread.adapter as ChatAdapter
    const [, bridge] = [...bridges].find(([name]) => bot.getAdapter(name) === adapter) ?? []
    if (bridge === undefined) throw new Error(`the bot had no adapter of ${adapter.name} when \`attach\` was called`)
    await bridge.receive(incoming(adapter, thread, message))
  }
  bot.onDirectMessage(receive)
  bot.onNewMention(async (thread, message) => {
    if (groups === 'thread') await thread.subscribe()
    await receive(thread, message)
  })
  if (groups === 'thread') bot.onSubscribedMessage(receive)
  return new AttachedBot(bot, bridges, turns)
}

function outletOf(adapter: ChatAdapter, limits: Platform): Outlet {
  const isSlack = adapter.name === 'slack' && limits.edits && 'webClient' in adapter
  if (isSlack) return slackOutlet(adapter as SlackAdapter, limits)
  return limits.streams ? streamedOutlet(adapter, limits) : editedOutlet(adapter, limits)
}

function incoming(adapter: ChatAdapter, thread: ChatThread, message: ChatMessage) {
  const { author, raw, attachments } = message
  const { team_id, team } = (raw ?? {}) as { team_id?: string; team?: string }
  const tenant = adapter.name === 'slack' ? (team_id ?? team) : undefined
  return {
    id: `${adapter.channelIdFromThreadId(thread.id)}/${message.id}`,
    user: { id: author.userId, name: author.fullName || author.userName, tenant },
    address: addressOf({ thread: thread.id, user: author.userId, team: tenant }),
    text: textOf(adapter, message),
    thread: thread.id,
    hasOtherParts: attachments.length > 0,
  }
}

/** What a person has written, as it was written: `message.text` has lost what looks like Markdown. */
function textOf({ name, userName, botUserId }: ChatAdapter, { raw, text }: ChatMessage): string {
  if (name === 'slack') return slackText(raw, botUserId) ?? text
  const { text: written, caption } = (raw ?? {}) as { text?: unknown; caption?: unknown }
  const own = name === 'telegram' ? ((written ?? caption ?? '') as string) : text
  const mention = [userName, botUserId].filter((one) => one !== undefined && one !== '').map(escaped)
  return mention.length === 0 ? own : own.replace(new RegExp(`^\\s*@(?:${mention.join('|')})\\b[,:]?\\s*`, 'i'), '')
}

function escaped(text: string | undefined): string {
  return String(text).replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

/** The bridge itself knows what it has heard, across restarts too. */
function workOptions(work: Promise<unknown>[]): WorkOptions {
  return { waitUntil: (task) => void work.push(task), propagateHandlerErrors: true, deduplicate: false }
}

async function isDone(work: Promise<unknown>[]): Promise<boolean> {
  return (await Promise.allSettled(work)).every(({ status }) => status === 'fulfilled')
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    // A form, which the adapter reads.
    return undefined
  }
}

/** The adapter of Slack would take the next delivery of this event for a duplicate. */
async function forgetEvent(bot: ChatBot, event: unknown): Promise<void> {
  const { event_id } = (event ?? {}) as { event_id?: unknown }
  if (typeof event_id === 'string') await bot.getState().delete(`slack:event-delivered:${event_id}`)
}

type Route = (body: unknown, type: string, ack: () => Promise<void>, ...more: unknown[]) => Promise<void>

/**
 * Over a socket, the adapter of Slack acknowledges an event before it is handled, so that one is lost where the process
 * is killed in between. It is acknowledged when it is in the store.
 */
function acknowledgeWhenTaken(bot: ChatBot, adapter: ChatAdapter, turns: Turns): void {
  const socket = adapter as ChatAdapter & { routeSocketEvent?: Route }
  const route = socket.routeSocketEvent
  if (adapter.name !== 'slack' || typeof route !== 'function') return
  socket.routeSocketEvent = async (body, type, ack, _options, retry) => {
    if (type !== 'events_api') return route.call(adapter, body, type, ack, undefined, retry)
    await turns.take(chatOf(body), async () => {
      const work: Promise<unknown>[] = []
      await route.call(adapter, body, type, async () => {}, workOptions(work), retry)
      // Where the socket is gone, this may take until the next one is there, over which the event comes once more.
      if (await isDone(work)) ack().catch(() => {})
      else await forgetEvent(bot, body)
    })
  }
}
