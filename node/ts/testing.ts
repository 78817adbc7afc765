/**
 * The SecondMe service on this machine, for a program's own tests.
 *
 * ```ts
 * import { startEmulator } from 'secondme-avatar/testing'
 *
 * await using emulator = await startEmulator()
 * await using client = emulator.client()
 * const chat = await client.open({ platform: 'test', userId: 'ada' })
 * await emulator.owner.reply(chat, 'Hi, this is the real me')
 * ```
 *
 * It comes with the package `secondme-avatar-emulator`, which `make dist-node` builds.
 *
 * @packageDocumentation
 */

export { Emulator, type EmulatorOptions, type Owner, startEmulator } from './testing/emulator.js'
export type {
  EmulatorState,
  Fault,
  InstalledFault,
  JournalEntry,
  JournalOptions,
  Pushed,
  SessionState,
  SocketState,
  TokenStanding,
  VisitorState,
} from './testing/control.js'
