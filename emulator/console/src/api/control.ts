import { ask, call } from './call'
import type { Catalogue, Fault, Json, JournalPage, JsonObject, MessagePage, Settings, StateFile } from './types'

const conversation = (sessionId: string) => `conversations/${encodeURIComponent(sessionId)}`
const query = (fields: Record<string, string | number | undefined>) => {
  const given = Object.entries(fields).filter((field) => field[1] !== undefined)
  return given.length === 0
    ? ''
    : `?${given.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&')}`
}

export const control = {
  messages: (sessionId: string, before?: number) =>
    call<MessagePage>('GET', conversation(sessionId) + query({ before, limit: 50 })),
  journalBefore: (before: number, limit: number) => call<JournalPage>('GET', `journal${query({ before, limit })}`),
  trace: async (
    sessionId: string,
    view: { from?: number; to?: number; width: number; theme: string },
    signal: AbortSignal,
  ) => (await ask('GET', `${conversation(sessionId)}/trace.svg${query(view)}`, undefined, signal)).text(),

  reply: (sessionId: string, text: string) => call<{ messageId?: string }>('POST', 'owner/reply', { sessionId, text }),
  takeOver: (sessionId: string) => call('POST', 'owner/takeover', { sessionId }),
  handBack: (sessionId: string) => call('POST', 'owner/handback', { sessionId }),

  advance: (ms: number) => call<{ now: number }>('POST', 'clock', { advance_ms: ms }),
  reset: () => call('POST', 'reset'),
  closeSocket: (how: { wsId?: string; abrupt?: boolean; code?: number; reason?: string }) =>
    call<{ closed: number }>('POST', 'sockets/close', how),

  catalogue: () => call<Catalogue>('GET', 'catalogue'),
  faults: async () => (await call<{ faults: Fault[] }>('GET', 'faults')).faults,
  addFault: (fault: JsonObject) => call<{ ids: number[] }>('POST', 'faults', fault),
  removeFault: (id: number) => call('DELETE', `faults/${id}`),
  clearFaults: () => call('DELETE', 'faults'),

  settings: () => call<Settings>('GET', 'settings'),
  change: (changes: { [name: string]: Json | object }) => call<Settings>('POST', 'settings', changes),
  changeKey: (key: object) => call<Pick<Settings, 'keys' | 'avatars'>>('POST', 'keys', key),
  removeKey: (key: string) => call<Pick<Settings, 'keys' | 'avatars'>>('DELETE', `keys/${encodeURIComponent(key)}`),
  profile: (toml: string) => call<Settings>('POST', 'profile', { toml }),
  stateFile: () => call<StateFile>('GET', 'state/file'),
  saveState: () => call<StateFile>('POST', 'state/save'),
}
