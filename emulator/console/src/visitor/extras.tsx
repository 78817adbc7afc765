import type { JSX } from 'preact'
import { isObject } from '../api/json'
import type { Json, JsonObject } from '../api/types'
import { t } from '../words'

/** What comes with a text: a card, a source that it draws on, or a clip. */
export interface Extra {
  kind: 'card' | 'source' | 'speech'
  /** The template's name. */
  name: string
  /** Its fields, as they are written in the frame. */
  fields: [string, string][]
}

const text = (value: Json) => (typeof value === 'string' ? value : JSON.stringify(value))
const fields = (value: Json): [string, string][] =>
  isObject(value) ? Object.entries(value).map(([name, field]) => [name, text(field)]) : [['', text(value)]]

/** The cards, clips and sources of a frame. */
export function extrasOf(frame: JsonObject): Extra[] {
  const parts = Array.isArray(frame.multipleData) ? frame.multipleData : []
  const found = parts.flatMap((part) => (isObject(part) && isObject(part.modal) ? ofModal(part.modal) : []))
  const sources = Array.isArray(frame.sources) ? frame.sources : []
  return [...found, ...sources.map((source): Extra => ({ kind: 'source', name: '', fields: fields(source) }))]
}

function ofModal(modal: JsonObject): Extra[] {
  const extras: Extra[] = []
  if (modal.template !== undefined) extras.push(card(modal.template))
  if (modal.speech !== undefined) extras.push({ kind: 'speech', name: '', fields: fields(modal.speech) })
  return extras
}

/** The service sends a template as JSON within a text of the JSON. */
function card(template: Json): Extra {
  let read = template
  try {
    if (typeof template === 'string') read = JSON.parse(template) as Json
  } catch {
    // It is shown as it came.
  }
  if (!isObject(read)) return { kind: 'card', name: '', fields: [['', text(read)]] }
  return { kind: 'card', name: String(read.templateName ?? ''), fields: fields(read.params ?? {}) }
}

const WORDS = { card: 'card', source: 'source', speech: 'speech' } as const

/** They are shown as texts: nothing of them is loaded, and only an address of the web can be opened. */
export function Extras({ list }: { list: Extra[] }): JSX.Element {
  return (
    <>
      {list.map((extra, at) => (
        <dl key={at} class={`extra ${extra.kind}`}>
          <dt class="soft">
            {t(WORDS[extra.kind])} {extra.name}
          </dt>
          {extra.fields.map(([name, value]) => (
            <dd key={name}>
              {name && <span class="soft">{name}: </span>}
              <Value text={value} />
            </dd>
          ))}
        </dl>
      ))}
    </>
  )
}

function Value({ text }: { text: string }): JSX.Element {
  if (!isWeb(text)) return <>{text}</>
  return (
    <a href={text} target="_blank" rel="noopener noreferrer">
      {text}
    </a>
  )
}

function isWeb(text: string): boolean {
  try {
    return ['http:', 'https:'].includes(new URL(text).protocol)
  } catch {
    return false
  }
}
