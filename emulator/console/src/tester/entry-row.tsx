import type { JSX } from 'preact'
import { isObject } from '../api/json'
import type { Entry, Json, JsonObject } from '../api/types'
import { Icon } from '../parts/icon'
import { preciseTime, t } from '../words'

interface EntryRowProps {
  entry: Entry
  open: boolean
  tabIndex: 0 | -1
  onToggle: () => void
}

export function EntryRow({ entry, open, tabIndex, onToggle }: EntryRowProps): JSX.Element {
  return (
    <button
      type="button"
      class={`entry ${entry.what}${isBad(entry) ? ' bad' : ''}`}
      aria-expanded={open}
      tabIndex={tabIndex}
      onClick={onToggle}
    >
      <Icon name="chevron" />
      <time>{preciseTime(entry.atMs)}</time>
      <span class="kind">{entry.what}</span>
      <span class="gist">{gist(entry)}</span>
      {entry.status !== undefined && <span class="status">{entry.status}</span>}
    </button>
  )
}

/** Whether an entry tells of something that went wrong. */
export function isBad(entry: Entry): boolean {
  if (entry.what === 'fault' || entry.failure !== undefined) return true
  if (entry.status !== undefined && entry.status >= 400) return true
  if (entry.what === 'answer') {
    const body = entry.body
    return isObject(body) && body.code !== undefined && !isZero(body.code)
  }
  return (entry.frame as JsonObject | null | undefined)?.subCode !== undefined
}

/** A number of the service may be written as a text. */
const isZero = (value: Json) => value === 0 || value === '0'
const text = (value: Json | undefined) => (typeof value === 'string' ? value : '')

/** The one line that an entry comes down to. */
export function gist(entry: Entry): string {
  switch (entry.what) {
    case 'request':
      return `${entry.method} ${entry.call ?? entry.path}${spoken((entry.body as JsonObject | null)?.data)}`
    case 'answer':
      return `${entry.call ?? ''}${entry.delivery ? ` (${entry.delivery})` : ''}${failure(entry.body)}`
    case 'connect':
      return entry.path ?? ''
    case 'frame-in':
    case 'frame-out':
      return frame(entry.frame)
    case 'close':
      return [entry.by, entry.code, entry.reason].filter((part) => part !== undefined && part !== '').join(' ')
    case 'fault':
      return `${entry.at}: ${typeof entry.do === 'string' ? entry.do : JSON.stringify(entry.do)}`
    case 'owner':
      return [entry.action, entry.failure, entry.text].filter(Boolean).join(': ')
    case 'dropped':
      return t('droppedAll', {
        messages: t('droppedMessages', { n: entry.messages ?? 0 }),
        frames: t('droppedFrames', { n: entry.frames ?? 0 }),
      })
  }
}

function frame(given: Json | undefined): string {
  if (!isObject(given)) return typeof given === 'string' ? given : ''
  const object: JsonObject = given
  if (typeof object.subCode === 'string') return `${object.subCode} ${text(object.subCodeReason)}`
  const kind = [text(object.type) || 'msg', text(object.sender)].filter(Boolean).join(' ')
  const index = typeof object.index === 'number' && object.sender === 'umm' ? ` #${object.index}` : ''
  const parts = Array.isArray(object.multipleData) ? (object.multipleData as JsonObject[]) : []
  const said = parts.map((part) => text((part?.modal as JsonObject | null | undefined)?.answer)).join('')
  return `${kind}${index}${said ? ` “${said}”` : spoken(object.data)}`
}

function spoken(data: Json | undefined): string {
  const content = (data as JsonObject | null | undefined)?.content
  return typeof content === 'string' ? ` “${content}”` : ''
}

function failure(body: Json | undefined): string {
  if (!isObject(body)) return ''
  const code = [body.subCode, body.code, body.error_code, body.detail, body.message].find(
    (one) => typeof one === 'string' && one.includes('.'),
  )
  return typeof code === 'string' ? ` ${code}` : ''
}
