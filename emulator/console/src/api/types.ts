// The shapes of the control API, as the emulator writes them.

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }
export type JsonObject = { [name: string]: Json }

export type Author = 'visitor' | 'avatar' | 'owner'
export type DoorName = 'avatar-open-api' | 'visitor-chat'

export interface Summary {
  sessionId: string
  visitorId: string
  name: string | null
  channel: string | null
  avatar: string
  door: DoorName
  createdAt: number
  last: { author: Author; text: string; at: number } | null
  messages: number
  /** How many of them, the first ones, are no longer kept. */
  forgotten: number
  takenOver: boolean
  takeoverEndsAt: number | null
  closed: boolean
  bound: boolean
  ownerIsMember: boolean
  busy: boolean
  waiting: number
  sockets: number
  speaking: Author | null
}

export interface Message {
  number: number
  id: string
  author: Author
  text: string
  at: number
  /** When its first piece was said. */
  begunAt?: number
  streaming: boolean
}

export interface MessagePage {
  now: number
  conversation: Summary
  messages: Message[]
  older: number | null
  streaming: Message | null
}

export interface KeyUse {
  key: string
  avatar: string
  disabled: boolean
  used: number
  limit: number
  resetsInMs: number | null
}

export interface Socket {
  wsId: string
  visitorId: string
  door: DoorName
  connectedAt: number
  pings: number
  acks: number
  rejected: number
  pushed: number
  dropsInMs: number | null
}

export interface Lifetime {
  kind: 'chat-context' | 'socket-address' | 'visitor-token' | 'chat-token' | 'takeover'
  sessionId?: string
  visitorId?: string
  endsInMs: number
}

export interface Overview {
  now: number
  keys: KeyUse[]
  avatars: { shareCode: string; name: string }[]
  sockets: Socket[]
  socketsTotal: number
  lifetimes: Lifetime[]
  faults: number
  /** Grows with each change of the settings. */
  settings: number
  /** Why the state could not be written last. */
  stateTrouble?: string | null
  calls: Record<string, number>
  failures: Record<string, number>
}

export type What = 'request' | 'answer' | 'connect' | 'frame-in' | 'frame-out' | 'close' | 'fault' | 'owner' | 'dropped'

export interface Entry {
  n: number
  atMs: number
  what: What
  visitorId?: string
  sessionId?: string
  wsId?: string
  call?: string
  method?: string
  path?: string
  headers?: Record<string, string>
  body?: Json
  request?: number
  status?: number
  delivery?: string
  afterMs?: number
  frame?: Json
  by?: string
  code?: number
  reason?: string
  fault?: number
  at?: string
  do?: Json
  action?: string
  text?: string
  failure?: string
  messages?: number
  frames?: number
}

export interface JournalPage {
  next: number
  entries: Entry[]
  missed?: number
}

export interface Fault {
  id: number
  at: string
  do: Json
  left: number | null
  met: number
  [name: string]: Json
}

export interface Catalogue {
  version: string
  injectionPoints: { name: string; about: string; effects: string[] }[]
  effects: { name: string; about: string; written: Json }[]
  switches: { name: string; about: string; answers: string[]; default: Json; door: DoorName | null }[]
  settings: { name: string; about: string; default: Json }[]
  /** The brain of `demo`, as the settings tell it. */
  demo: Json
}

export interface Avatar {
  'share-code': string
  id: number
  name: string
  opening: string
  'mind-id': string
  'owner-user-id': string
}

export interface Key {
  key: string
  'share-code': string
  disabled: boolean
}

export interface Settings {
  avatars: Avatar[]
  keys: Key[]
  brain: Json
  [name: string]: Json | Avatar[] | Key[]
}

/** Where the state is kept, if it is. */
export interface StateFile {
  file: string | null
  savedAt: number | null
  trouble?: string | null
}

export type LiveEvent =
  | { event: 'snapshot'; data: { run?: string; now: number; next: number; total: number; conversations: Summary[] } }
  | { event: 'conversations'; data: { now: number; total: number; changed: Summary[]; gone: string[] } }
  | { event: 'overview'; data: Overview }
  | { event: 'journal'; data: JournalPage }
  | { event: 'message'; data: { sessionId: string; message: Message } }
