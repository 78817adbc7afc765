/** What the platforms of Chat SDK allow. */

import type { Limits } from '../bridge/outlet.js'

/** Characters that stand in Telegram's MarkdownV2 behind a backslash; the adapter cuts the text that has them. */
const ESCAPED = /[_*[\]()~`>#+\-=|{}.!\\]/g

/** What a platform allows, and whether a message of its may be edited. */
export interface Platform extends Limits {
  readonly edits: boolean
  /** Whether the adapter's own `stream` shows what grows. Default: a message is posted and edited. */
  readonly streams?: boolean | undefined
}

/** Platforms that are known, by the names of their adapters. */
const KNOWN: Readonly<Record<string, Platform>> = {
  // A stream of Slack's ends five minutes after its last piece, and holds 12,000 characters.
  slack: { maxChars: 11_000, updateIntervalMs: 1000, minUpdateChars: 256, maxAgeMs: 240_000, edits: true },
  telegram: {
    maxChars: 4096,
    measure: (text) => text.length + (text.match(ESCAPED)?.length ?? 0),
    updateIntervalMs: 1000,
    edits: true,
  },
  discord: { maxChars: 2000, updateIntervalMs: 1000, edits: true },
  teams: { maxBytes: 24_000, updateIntervalMs: 1500, edits: true },
  gchat: { maxBytes: 4000, updateIntervalMs: 1000, edits: true },
  feishu: { maxBytes: 25_000, updateIntervalMs: 300, edits: true },
  // The adapter spaces its updates itself, and a card cannot be edited once it is whole.
  dingtalk: { maxChars: 6000, updateIntervalMs: 300, edits: true, streams: true },
  whatsapp: { maxChars: 4096, updateIntervalMs: 1000, edits: false },
}

/** A platform that is not known gets whole messages that any of them takes. */
const UNKNOWN: Platform = { maxChars: 2000, updateIntervalMs: 1000, edits: false }

/** Returns what a platform allows, with the program's own figures in place of ours. */
export function platformOf(name: string, own: Partial<Platform> = {}): Platform {
  return { ...(KNOWN[name] ?? UNKNOWN), ...own }
}
