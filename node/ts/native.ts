/** The native addon: where it is, and what it offers. Nothing in here is API. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** The addon's functions and classes; `node/src` has them. */
export interface Native {
  Port: new (wake: () => void) => NativePort
  NativeClient: new (port: NativePort, options: object, reports: boolean) => NativeClient
  visitorForUser(platform: string, userId: string): string
  randomVisitor(platform: string): string
  parseVisitor(id: string): string
  takeLogs(): string[]
}

export interface NativePort {
  /** `code, subject, content`, one after the other. */
  take(): unknown[]
  cancel(ticket: number): void
  collectLogs(filter: string): boolean
}

export interface NativeClient {
  readonly id: number
  readonly proxy: string | null
  open(id: string, name?: string, channel?: string, deadlineMs?: number): number
  recover(): number
  events(): NativeEvents
  stats(): string
  advanceClock(ms: number): void
  close(deadlineMs?: number): number
}

export interface NativeChat {
  readonly opening: string
  readonly avatarName: string
  readonly visitorId: string
  readonly sessionId: string | null
  readonly state: string
  ask(text: string, deadlineMs?: number, firstPieceMs?: number): number
  stream(text: string, deadlineMs?: number, firstPieceMs?: number): NativeStream
  send(text: string, deadlineMs?: number): number
  sendDurable(text: string, deadlineMs?: number): number
  history(count: number, before?: string): number
  newSession(): number
  events(): NativeEvents
  pause(): number
  resume(): number
  networkChanged(): number
  close(): number
  end(): number
}

export interface NativeEvents {
  readonly id: number
  readonly hasEnded: boolean
  take(max: number): NativeBatch | null
  close(): void
}

export interface NativeBatch {
  json(): string
  frame(at: number): string | null
}

export interface NativeStream {
  readonly id: number
  take(): { author: string; text: string } | string | false | null
  reply(): string | null
  close(): void
}

/** What there are packages for: the names that `napi create-npm-dirs` gives them, by platform and processor. */
const BUILDS: Record<string, readonly string[]> = {
  // The one whose C library this machine has is the one that npm has installed, and the only one that loads.
  'linux x64': ['linux-x64-gnu', 'linux-x64-musl'],
  'linux arm64': ['linux-arm64-gnu', 'linux-arm64-musl'],
  'darwin x64': ['darwin-x64'],
  'darwin arm64': ['darwin-arm64'],
  'win32 x64': ['win32-x64-msvc'],
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
  if (builds === undefined) {
    throw new Error(
      `secondme-avatar has no native build for ${place}; there are builds for ${Object.keys(BUILDS).join(', ')}. ` +
        'Run it on one of these, or build it from source: `make dist-node` in the repository.',
    )
  }
  const failures: unknown[] = []
  for (const build of builds) {
    // Beside the package, where it was built in the repository.
    const own = join(__dirname, '..', `secondme-avatar.${build}.node`)
    for (const name of existsSync(own) ? [own] : [`@secondme-avatar/node-${build}`]) {
      try {
        return require(name) as Native
      } catch (failure) {
        failures.push(failure)
      }
    }
  }
  const packages = builds.map((build) => `@secondme-avatar/node-${build}`).join(' or ')
  throw new Error(
    `secondme-avatar cannot load its native part on ${place}. It comes in ${packages}, an optional dependency: ` +
      'install again without `--omit=optional` or `--no-optional`, on the platform on which it is to run (not in a ' +
      'container or CI image of another one). If that package does not exist for this version, build it from ' +
      'source: `make dist-node` in the repository.',
    { cause: failures.find((failure) => (failure as { code?: string }).code !== 'MODULE_NOT_FOUND') ?? failures[0] },
  )
}
