import { html, nothing, type TemplateResult } from 'lit/html.js'
import type { Card } from '../session/message.js'
import type { PanelWords } from '../words/panel.js'
import { REL, safeUrl } from './links.js'

const MOST_FIELDS = 40
const DEEPEST = 4

/** A card of any template: its title, and its fields by name. */
export function cardView({ template, params }: Card, words: PanelWords): TemplateResult {
  const fields = fieldsOf(params)
  const title = fields.find(({ path }) => path === 'title' || path === 'name')
  const rest = fields.filter((field) => field !== title).slice(0, MOST_FIELDS)
  return html`<div class="card" part="card">
    <div class="card-title">${title === undefined ? spaced(template) : shown(title.value, words)}</div>
    ${
      rest.length === 0
        ? nothing
        : html`<dl>${rest.map(({ path, value }) => html`<dt>${spaced(path)}</dt><dd>${shown(value, words)}</dd>`)}</dl>`
    }
  </div>`
}

interface Field {
  path: string
  value: string | number | boolean
}

/** The values in a JSON value, each with the way to it. */
function fieldsOf(value: unknown, path = '', depth = 0): Field[] {
  if (value === null || value === undefined || value === '' || depth > DEEPEST) return []
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return [{ path, value }]
  if (typeof value !== 'object') return []
  return Object.entries(value).flatMap(([key, entry]) => {
    const name = Array.isArray(value) ? String(Number(key) + 1) : key
    return fieldsOf(entry, path === '' ? name : `${path} ${name}`, depth + 1)
  })
}

function shown(value: Field['value'], words: PanelWords): unknown {
  if (typeof value === 'boolean') return value ? words.yes : words.no
  const url = typeof value === 'string' && /^(https?|mailto):/i.test(value) ? safeUrl(value) : undefined
  if (url === undefined) return String(value)
  return html`<a href=${url} target="_blank" rel=${REL}>${url.replace(/^(https?:\/\/(www\.)?|mailto:)|\/$/gi, '')}</a>`
}

/** `imageUrl` and `image_url` as people write it. */
function spaced(name: string): string {
  const words = name
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replace(/[_-]+/g, ' ')
    .trim()
    .toLowerCase()
  return words.charAt(0).toUpperCase() + words.slice(1)
}
