/** The native addon: where it is, and what it offers. Nothing in here is API. */

import type { NativeOptions } from './contract/options.js'
import { cannotLoad, noBuild } from './load-error.js'
import { besideProgram } from './lookup.js'
import { VERSION } from './version.js'

/** The addon's functions and classes; `node/src` has them. */
export interface Native {
  HostQueue: new (wake: () => void) => NativeQueue
  NativeClient: new (
    queue: NativeQueue,
    options: NativeOptions,
    reports: boolean,
    app: { readonly clientId: string; readonly clientSecret: string } | undefined,
    tokens: boolean,
    credentials: boolean,
    seal: boolean,
  ) => NativeClient
  visitorForUser(platform: string, userId: string): string
  visitorForUserWithSecret(platform: string, userId: string, secret: string): string
  newMessageId(): string
  randomVisitor(platform: string): string
  parseVisitor(id: string): string
  parseCredentials(text: string): string
  drainLogs(): string[]
  version(): string
}

export interface NativeQueue {
  /** `code, ticket, content`, one after the other. */
  drain(max: number): unknown[]
  cancel(ticket: number): void
  collectLogs(filter?: string): number
}

export interface NativeClient {
  readonly occupancyTicket: number
  isOccupied(): boolean
  readonly reportsTicket: number | null
  drainReports(max: number): string[] | null
  readonly tokensTicket: number | null
  drainTokens(max: number): NativeTokenAsked[] | null
  answerToken(ticket: number, token: string): void
  failToken(ticket: number, failed: NativeTokenFailed): void
  takeSeal(): NativeSeal | null
  readonly proxy: string | null
  open(id: string, name?: string, channel?: string, tag?: string, deadlineMs?: number): number
  authenticate(id: string, name?: string, channel?: string, tag?: string, deadlineMs?: number): number
  setApiKey(apiKey: string): void
  recover(all: boolean): number
  known(): number
  forget(id: string): number
  export(id: string): number
  setNote(visitor: NativeVisitor, key: string, text: string, lifetimeMs?: number): number
  addNote(visitor: NativeVisitor, key: string, text: string, lifetimeMs?: number): number
  note(id: string, key: string): number
  deleteNote(id: string, key: string): number
  notes(prefix: string): number
  request(method: string, path: string, body?: string, visitor?: NativeVisitor, deadlineMs?: number): number
  forgetIdle(longerThanMs: number): number
  backup(path: string): number
  events(raw: boolean, allProcesses: boolean): NativeEvents
  stats(): string
  advanceClock(ms: number): void
  close(deadlineMs?: number): number
}

/** A visitor, as the program has described it. */
export interface NativeVisitor {
  readonly id: string
  readonly name?: string | undefined
  readonly channel?: string | undefined
  readonly tag?: string | undefined
}

/** Without a visitor the request under the ticket is taken back. */
export interface NativeTokenAsked {
  readonly ticket: number
  readonly visitorId?: string | null
  readonly refused: boolean
}

export interface NativeTokenFailed {
  readonly thrown: number
  readonly words: string
  readonly mayPass: boolean
  readonly kind?: string | undefined
  readonly code?: string | undefined
}

export interface NativeSeal {
  readonly ticket: number
  drain(max: number): { readonly ticket: number; readonly isOpen: boolean; readonly bytes: Uint8Array }[] | null
  answer(ticket: number, bytes: Uint8Array): void
  fail(ticket: number, words: string): void
}

export interface NativeChat {
  readonly opening: string
  readonly avatarName: string
  readonly visitorId: string
  readonly key: number
  readonly tag: string | null
  readonly sessionId: string | null
  readonly state: string
  readonly takenOver: boolean
  ask(text: string, deadlineMs?: number, firstPieceMs?: number, collectMs?: number, messageId?: string): number
  stream(text: string, deadlineMs?: number, firstPieceMs?: number, collectMs?: number, messageId?: string): NativeStream
  send(text: string, deadlineMs?: number, messageId?: string): number
  sendDurable(text: string, deadlineMs?: number, messageId?: string): number
  history(count: number, before?: string): number
  newSession(): number
  events(raw: boolean): NativeEvents
  pause(): number
  resume(): number
  networkChanged(): number
  close(): number
  end(): number
}

export interface NativeEvents {
  readonly ticket: number
  readonly hasEnded: boolean
  /** The text of a batch: see `batch.ts`. */
  drain(numbers: Int32Array): string | null
  frames(): NativeFrames | null
  finish(): void
  close(): void
}

export interface NativeFrames {
  at(at: number): string | null
}

export interface NativeStream {
  readonly ticket: number
  drain(max: number): NativePiece[] | string | null
  reply(): string | null
  stop(): void
  close(): void
}

export interface NativePiece {
  readonly author: string
  readonly text: string
}

/** What there are packages for: the names that `napi create-npm-dirs` gives them, by platform and processor. */
const BUILDS: Record<string, readonly string[]> = {
  // The one whose C library this machine has is the one that npm has installed, and the only one that loads.
  'linux x64': ['linux-x64-gnu', 'linux-x64-musl'],
  'linux arm64': ['linux-arm64-gnu', 'linux-arm64-musl'],
  'darwin x64': ['darwin-x64'],
  'darwin arm64': ['darwin-arm64'],
  // By Microsoft's compiler or by mingw-w64: Node loads either, and a release has one of the two.
  'win32 x64': ['win32-x64-msvc', 'win32-x64-gnu'],
  'win32 arm64': ['win32-arm64-msvc'],
}

let loaded: Native | undefined

/** The addon. It is loaded when it is first needed, so that importing the package never fails. */
export function native(): Native {
  return (loaded ??= load())
}

function load(): Native {
  const place = `${process.platform} ${process.arch}`
  const builds = BUILDS[place]
  if (builds === undefined) throw noBuild(place, Object.keys(BUILDS))
  const packages = builds.map((build) => `@secondme-avatar/node-${build}`)
  const failures: unknown[] = []
  const take = (addon: Native | undefined) => {
    if (addon?.version?.() === VERSION) return addon
    if (addon !== undefined) failures.push(new Error(`the addon is of another version than secondme-avatar ${VERSION}`))
    return undefined
  }
  for (const build of builds) {
    const addon = take(required(build, failures))
    if (addon !== undefined) return addon
  }
  // A bundler may have moved this file away from the packages it was installed with.
  for (const require of besideProgram()) {
    for (const name of packages) {
      const addon = take(attempted(() => require(name) as Native, failures))
      if (addon !== undefined) return addon
    }
  }
  throw cannotLoad(place, packages, failures)
}

/**
 * Each package stands in a `require` of its own, for that is what bundlers and tracers follow; and within a `try`, for
 * then they pass over those that are not installed.
 */
function required(build: string, failures: unknown[]): Native | undefined {
  try {
    switch (build) {
      case 'linux-x64-gnu':
        return require('@secondme-avatar/node-linux-x64-gnu')
      case 'linux-x64-musl':
        return require('@secondme-avatar/node-linux-x64-musl')
      case 'linux-arm64-gnu':
        return require('@secondme-avatar/node-linux-arm64-gnu')
      case 'linux-arm64-musl':
        return require('@secondme-avatar/node-linux-arm64-musl')
      case 'darwin-x64':
        return require('@secondme-avatar/node-darwin-x64')
      case 'darwin-arm64':
        return require('@secondme-avatar/node-darwin-arm64')
      case 'win32-x64-msvc':
        return require('@secondme-avatar/node-win32-x64-msvc')
      case 'win32-x64-gnu':
        return require('@secondme-avatar/node-win32-x64-gnu')
      default:
        return require('@secondme-avatar/node-win32-arm64-msvc')
    }
  } catch (failure) {
    failures.push(failure)
    return undefined
  }
}

function attempted<T>(attempt: () => T, failures: unknown[]): T | undefined {
  try {
    return attempt()
  } catch (failure) {
    failures.push(failure)
    return undefined
  }
}
