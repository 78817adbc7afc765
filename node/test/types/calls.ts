// What TypeScript makes of calls: compiled, never run.

import {
  AvatarClient,
  AvatarError,
  type CallReport,
  type Conversation,
  type ErrorKind,
  type HistoryMessage,
  RateLimitedError,
  type Reply,
  type Seal,
  type Sent,
  setLogger,
  type Step,
  type TokenFunction,
  type TokenRequest,
  Visitor,
} from 'secondme-avatar'
import { type Emulator, startEmulator } from 'secondme-avatar/testing'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Same<A, B>) => {}

export async function people(seal: Seal) {
  await using client = new AvatarClient({ store: 'avatar.db', seal, retentionMs: 3_600_000 })
  const shown = await client.export({ platform: 'web', userId: 'u-1' })
  same<typeof shown, string>(true)
  await client.forget(Visitor.random('web'), { signal: AbortSignal.timeout(1) })
  const many = await client.forgetIdle(3_600_000)
  same<typeof many, number>(true)
  new AvatarClient({ seal: { seal: (bytes) => bytes, unseal: async (bytes) => bytes.subarray(1) } })
  // @ts-expect-error: it gives a string.
  new AvatarClient({ seal: { seal: () => '', unseal: (bytes: Uint8Array) => bytes } })
  // @ts-expect-error: one of two.
  new AvatarClient({ seal: { seal: (bytes: Uint8Array) => bytes } })
}

export async function doors() {
  await using app = AvatarClient.visitorChat({
    clientId: 'app-id',
    clientSecret: 'app-secret',
    apiKey: 'sk-1',
    quota: 60,
  })
  same<typeof app, AvatarClient>(true)
  const token: TokenFunction = async ({ visitorId, refused, signal }: TokenRequest) => {
    same<typeof signal, AbortSignal>(true)
    return `${visitorId} ${refused}`
  }
  AvatarClient.visitorChat()
  AvatarClient.visitorChat({ apiKey: 'sk-1', token })
  AvatarClient.visitorChat({ token: () => 'lba_at_1' })
  // @ts-expect-error: it gives a number.
  AvatarClient.visitorChat({ token: () => 1 })
  // @ts-expect-error: it is a token, and no function.
  AvatarClient.visitorChat({ token: 'lba_at_1' })
  // @ts-expect-error: one or the other.
  AvatarClient.visitorChat({ clientId: 'app-id', token })
}

export async function calls() {
  await using client = new AvatarClient({
    apiKey: 'sk-0123456789abcdef',
    maxLive: 5,
    delivery: 'atLeastOnce',
    proxy: false,
  })
  await using chat = await client.open({ platform: 'web', userId: 'u-1', name: 'Ada' }, { deadlineMs: 1 })
  await client.open(Visitor.forUser('web', 'u-1', { channel: 'web' }))
  await client.open(chat.visitorId)
  const reply = await chat.ask('Hello', { signal: AbortSignal.timeout(1), firstPieceDeadlineMs: 1 })
  const sent = await chat.send('Hello')
  const messageId = await chat.send('Hello', { durable: true, deadlineMs: 1 })
  const history = await chat.history({ count: 1, before: reply.id })
  same<typeof chat, Conversation>(true)
  same<typeof reply, Reply>(true)
  same<typeof sent, Sent>(true)
  same<typeof messageId, string>(true)
  same<typeof chat.key, number>(true)
  same<HistoryMessage['timestamp'], Date | undefined>(true)
  same<CallReport['serverTime'], Date | undefined>(true)
  same<typeof history, HistoryMessage[]>(true)
  for await (const piece of chat.stream('Hello')) same<typeof piece, string>(true)
  same<Awaited<ReturnType<ReturnType<Conversation['stream']>['reply']>>, Reply>(true)
  for (const part of reply.parts) {
    if (part.type === 'card') same<typeof part.params, unknown>(true)
    else same<typeof part.text, string>(true)
  }
  client.ref().unref()
  same<Awaited<ReturnType<AvatarClient['known']>>, Visitor[]>(true)
  await client.recover({ all: true, signal: AbortSignal.timeout(1) })
  await client.backup('copy.db')
  await client.open({ platform: 'web', userId: 'u-1', tag: 'T1/C7' })
  same<typeof chat.tag, string | undefined>(true)
  same<typeof chat.takenOver, boolean>(true)
  new AvatarClient({ logger: console })
  new AvatarClient({ logger: ({ level, target, message }) => console[level](target, message) })

  // @ts-expect-error: a text
  chat.ask(5)
  // @ts-expect-error: milliseconds are a number
  chat.ask('Hello', { deadlineMs: '5s' })
  // @ts-expect-error: who is that?
  client.open({ userId: 'u-1' })
  // @ts-expect-error: there is no such option
  new AvatarClient({ key: 'sk-' })
  // @ts-expect-error: one of two
  new AvatarClient({ delivery: 'perhaps' })
  // @ts-expect-error: `open` makes them
  new Conversation()
  // @ts-expect-error: not to be changed
  chat.state = 'live'
}

export function errors(error: unknown) {
  if (error instanceof RateLimitedError) same<typeof error.retryAfterMs, number | undefined>(true)
  if (error instanceof AvatarError) {
    same<typeof error.kind, ErrorKind>(true)
    same<typeof error.step, Step | undefined>(true)
    same<typeof error.code, string | undefined>(true)
    same<typeof error.retryable, boolean>(true)
    error.unsent?.certain
    error.cause
    same<ReturnType<typeof error.toJSON>['kind'], ErrorKind>(true)
    // @ts-expect-error: there is no such kind
    error.kind === 'rate_limited'
  }
}

export const made: AvatarError = new RateLimitedError('slow down', { retryAfterMs: 500 })

export async function testing() {
  await using emulator = await startEmulator({ brain: 'demo', faults: [{ at: 'auth', do: 'refuse' }] })
  same<typeof emulator, Emulator>(true)
  const client = emulator.client({ onCall: (call) => same<typeof call, CallReport>(true) })
  const chat = await client.open({ platform: 'test', userId: 'ada' })
  await emulator.owner.reply(chat, 'Hi')
  const { sessions } = await emulator.waitUntil(({ sockets }) => sockets.length === 1)
  same<(typeof sessions)[0]['takenOver'], boolean>(true)
  setLogger(({ level, message }) => console[level](message))
  setLogger(undefined)
}
