/** An emulator that runs as long as a test needs it. */

import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { AvatarClient } from '../client.js'
import type { Conversation } from '../conversation.js'
import type { ClientOptions } from '../contract/options.js'
import type { VisitorChatOptions } from '../tokens.js'
import { findEmulator } from './binary.js'
import {
  control,
  type EmulatorState,
  type Fault,
  type InstalledFault,
  type JournalEntry,
  type JournalOptions,
  type Pushed,
  type TokenStanding,
} from './control.js'

/** Options of an emulator. */
export interface EmulatorOptions {
  /**
   * What answers: `echo` (`You said: …`), `demo`, the path of a script in YAML, or what the setting `brain` takes:
   * `{ script: { rules: […] } }`. Default: `echo`.
   */
  readonly brain?: string | Readonly<Record<string, unknown>> | undefined
  /** How long every answer and handshake takes. */
  readonly latencyMs?: number | undefined
  /** The time before the first piece of a reply; 0. */
  readonly replyDelayMs?: number | undefined
  /** The time from one piece of a reply to the next; 0. */
  readonly pieceDelayMs?: number | undefined
  /** The API key to accept; `sk-emulator`. */
  readonly apiKey?: string | undefined
  /** What the avatar says first. */
  readonly opening?: string | undefined
  /** The avatar's name. */
  readonly avatarName?: string | undefined
  /** The seed of every id that is given out. */
  readonly seed?: number | undefined
  /** Port to listen on; any free one. */
  readonly port?: number | undefined
  /** Any of the emulator's settings, as `POST settings` takes them: `{ pings: 'nothing' }`. */
  readonly settings?: Readonly<Record<string, unknown>> | undefined
  /** What goes wrong, from the beginning on. */
  readonly faults?: readonly Fault[] | undefined
  /** Further options of its command line. */
  readonly args?: readonly string[] | undefined
  /** The path of the program. Default: that of the package `secondme-avatar-emulator`. */
  readonly binary?: string | undefined
}

/** How long it may take until it is ready. */
const PATIENCE_MS = 10_000

/**
 * Starts the SecondMe service on this machine. As many as you like run side by side, each with a state of its own.
 *
 * It ends with {@link Emulator.stop}, with `await using`, and at the latest with this process.
 *
 * The program is `binary`, or `SECONDME_AVATAR_EMULATOR` in the environment, or that of the package
 * `secondme-avatar-emulator`, or what is called `secondme-avatar-emulator` on the `PATH`.
 */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const program = options.binary ?? findEmulator()
  const child = spawn(program, ['--json', '--until-stdin-ends', ...commandLine(options)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    windowsHide: true,
  })
  // What runs beside a test must not keep it from ending.
  child.unref()
  const ready = JSON.parse(await firstLine(child, program)) as Ready
  // These are sockets in Node; elsewhere they need not be.
  for (const stream of [child.stdin, child.stdout, child.stderr] as ({ unref?(): void } | null)[]) stream?.unref?.()
  const emulator = Emulator.of(child, ready)
  try {
    const brain = typeof options.brain === 'object' ? { brain: options.brain } : {}
    const settings = { ...options.settings, ...brain }
    if (Object.keys(settings).length > 0) await emulator.configure(settings)
    if (options.faults !== undefined) await emulator.fault(...options.faults)
  } catch (failure) {
    await emulator.stop()
    throw failure
  }
  return emulator
}

interface Ready {
  base_url: string
  lab_base_url: string
  client_id: string
  client_secret: string
  api_key: string
  control_url: string
}

/** The service on this machine; {@link startEmulator} makes one. */
export class Emulator {
  /** The address for a client. */
  readonly baseUrl: string
  /** The API key that it accepts. */
  readonly apiKey: string
  /** The address of its Visitor Chat for a client. */
  readonly labBaseUrl: string
  /** The id of an app that its Visitor Chat knows. */
  readonly clientId: string
  /** That app's secret. */
  readonly clientSecret: string
  /** The address of the control API. In a browser, with a `/` at its end, it is the owner's console. */
  readonly controlUrl: string
  /** What the avatar's owner does. */
  readonly owner: Owner
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, ready: Ready) {
    this.#child = child
    this.baseUrl = ready.base_url
    this.apiKey = ready.api_key
    this.labBaseUrl = ready.lab_base_url
    this.clientId = ready.client_id
    this.clientSecret = ready.client_secret
    this.controlUrl = ready.control_url
    this.owner = {
      reply: (session, text) => this.#post('owner/reply', { sessionId: idOf(session), text }),
      takeOver: (session) => this.#post('owner/takeover', { sessionId: idOf(session) }),
      handBack: (session) => this.#post('owner/handback', { sessionId: idOf(session) }),
    }
  }

  /** @internal */
  static of(child: ChildProcess, ready: Ready): Emulator {
    return new Emulator(child, ready)
  }

  /** A client that talks with it. */
  client(options: ClientOptions = {}): AvatarClient {
    return new AvatarClient({ apiKey: this.apiKey, baseUrl: this.baseUrl, ...options })
  }

  /** A client that talks with it through Visitor Chat: without `token` as the emulator's own app. */
  visitorChat(options: VisitorChatOptions = {}): AvatarClient {
    const app = options.token === undefined ? { clientId: this.clientId, clientSecret: this.clientSecret } : {}
    const own = { apiKey: this.apiKey, baseUrl: this.labBaseUrl, ...app }
    return AvatarClient.visitorChat({ ...own, ...options } as VisitorChatOptions)
  }

  /** Issues an access token of a user of Visitor Chat, as if that user had just let an app speak. */
  async issueUserToken(user: string): Promise<string> {
    return ((await control(this.controlUrl, 'POST', 'user-tokens', { user })) as { token: string }).token
  }

  /**
   * Changes the standing of a token of Visitor Chat, an app's or a user's; without one, of all that were issued and
   * of all that stand in the settings. Gives how many there were.
   */
  async setChatTokens(standing: TokenStanding, token?: string): Promise<number> {
    const about = token === undefined ? { standing } : { standing, token }
    return ((await control(this.controlUrl, 'POST', 'chat-tokens', about)) as { changed: number }).changed
  }

  /** All that it knows. */
  async state(): Promise<EmulatorState> {
    return (await control(this.controlUrl, 'GET', 'state')) as EmulatorState
  }

  /** Waits until its state is as wanted, and gives the state. Default: 10 s at most. */
  async waitUntil(isMet: (state: EmulatorState) => boolean, patienceMs = PATIENCE_MS): Promise<EmulatorState> {
    const end = Date.now() + patienceMs
    let since = 0
    for (;;) {
      const state = await this.state()
      if (isMet(state)) return state
      const waitMs = Math.min(end - Date.now(), 250)
      if (waitMs <= 0) throw new Error(`the emulator's state has not become as wanted: ${JSON.stringify(state)}`)
      since = (await this.#journal({ since, waitMs })).next
    }
  }

  /** Puts its clock forward; timers on the way happen in order. The client has one too: `client.advanceClock`. */
  async advance(ms: number): Promise<void> {
    await this.#post('clock', { advance_ms: ms })
  }

  /** Makes things go wrong from now on; hands back by which numbers they go. */
  async fault(...faults: Fault[]): Promise<number[]> {
    return ((await control(this.controlUrl, 'POST', 'faults', faults)) as { ids: number[] }).ids
  }

  /** What goes wrong, and how often it did. */
  async faults(): Promise<InstalledFault[]> {
    const answer = (await control(this.controlUrl, 'GET', 'faults')) as { faults: InstalledFault[] } | InstalledFault[]
    return Array.isArray(answer) ? answer : answer.faults
  }

  /** Nothing goes wrong any more. */
  clearFaults(): Promise<void> {
    return this.#post('faults/clear', {})
  }

  /** All that was received and sent: the last 10,000 entries. */
  async journal(options: JournalOptions = {}): Promise<JournalEntry[]> {
    return (await this.#journal(options)).entries
  }

  /** Puts a frame into a session. */
  push(session: Conversation | string, what: Pushed): Promise<void> {
    return this.#post('push', { sessionId: idOf(session), ...what })
  }

  /** Closes all sockets, or one; `abrupt` without a word. */
  closeSockets(how: { wsId?: string; abrupt?: boolean; code?: number; reason?: string } = {}): Promise<void> {
    return this.#post('sockets/close', how)
  }

  /** Changes settings; hands back all there are. */
  async configure(settings: Readonly<Record<string, unknown>> = {}): Promise<Record<string, unknown>> {
    return (await control(this.controlUrl, 'POST', 'settings', settings)) as Record<string, unknown>
  }

  /** Forgets everything but the settings, and cuts all sockets. */
  reset(): Promise<void> {
    return this.#post('reset', {})
  }

  /** Ends it. Stopping twice is no error. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.ref()
    this.#child.stdin?.end()
    await ended
  }

  /** `await using emulator = await startEmulator()` ends it at the end of the block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #post(call: string, body: unknown): Promise<void> {
    await control(this.controlUrl, 'POST', call, body)
  }

  async #journal({ since = 0, waitMs = 0 }: JournalOptions): Promise<{ next: number; entries: JournalEntry[] }> {
    const answer = await control(this.controlUrl, 'GET', `journal?since=${since}&wait=${waitMs}`)
    return answer as { next: number; entries: JournalEntry[] }
  }
}

/** What the avatar's owner does. A session is given by its conversation, or by its id. */
export interface Owner {
  /** Writes in person, which takes over as well. */
  reply(session: Conversation | string, text: string): Promise<void>
  /** Takes over: the avatar is silent. */
  takeOver(session: Conversation | string): Promise<void>
  /** Lets the avatar answer again. */
  handBack(session: Conversation | string): Promise<void>
}

function idOf(session: Conversation | string): string {
  const id = typeof session === 'string' ? session : session.sessionId
  if (id === undefined) throw new Error('the conversation has no session yet')
  return id
}

function commandLine(options: EmulatorOptions): string[] {
  const named: [string, string | number | undefined][] = [
    ['--brain', typeof options.brain === 'string' ? options.brain : undefined],
    ['--latency', milliseconds(options.latencyMs)],
    ['--reply-delay', milliseconds(options.replyDelayMs)],
    ['--piece-delay', milliseconds(options.pieceDelayMs)],
    ['--api-key', options.apiKey],
    ['--opening', options.opening],
    ['--avatar-name', options.avatarName],
    ['--seed', options.seed],
    ['--port', options.port],
  ]
  const given = named.flatMap(([name, value]) => (value === undefined ? [] : [name, String(value)]))
  return [...given, ...(options.args ?? [])]
}

function milliseconds(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : `${ms}ms`
}

/** The line that says that it is ready; or why it is not. */
function firstLine(child: ChildProcess, program: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let complaint = ''
    const fail = (why: string) => {
      clearTimeout(timer)
      child.kill()
      reject(new Error(`the emulator ${program} ${why}${complaint === '' ? '' : `: ${complaint.trim()}`}`))
    }
    const timer = setTimeout(() => fail(`was not ready within ${PATIENCE_MS / 1000} s`), PATIENCE_MS)
    child.stderr?.on('data', (text: Buffer) => {
      complaint = (complaint + text.toString()).slice(-2000)
    })
    child.once('error', (error) => fail(`could not be started (${error.message})`))
    child.once('close', (code) => fail(`has ended with code ${code}`))
    if (child.stdout === null) return fail('has no output')
    createInterface(child.stdout).once('line', (line) => {
      clearTimeout(timer)
      resolve(line)
    })
  })
}
