import { readHere, writeHere } from '../session/storage.js'

const MOST_ROWS = 6

/** The field that a visitor writes in. */
export class Composer {
  readonly #field: HTMLTextAreaElement
  readonly #draftKey: string
  readonly #onChange: () => void
  #lineHeight = 0

  constructor(field: HTMLTextAreaElement, name: string, onSend: () => void, onChange: () => void) {
    this.#field = field
    this.#draftKey = `${name}:draft`
    this.#onChange = onChange
    field.value = readHere(this.#draftKey) ?? ''
    field.addEventListener('input', () => this.#changed())
    field.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || isComposing(event)) return
      event.preventDefault()
      onSend()
    })
  }

  get text(): string {
    return this.#field.value
  }

  set text(text: string) {
    this.#field.value = text
    this.#changed()
  }

  focus(): void {
    this.#field.focus({ preventScroll: true })
  }

  /** As many rows as the text has. The height is no style, which the page's policy may forbid. */
  fit(): void {
    const field = this.#field
    if (field.clientHeight === 0) return
    field.rows = 1
    if (field.value === '') return
    this.#lineHeight ||= Number.parseFloat(getComputedStyle(field).lineHeight) || 20
    const { paddingTop, paddingBottom } = getComputedStyle(field)
    const text = field.scrollHeight - Number.parseFloat(paddingTop) - Number.parseFloat(paddingBottom)
    field.rows = Math.min(MOST_ROWS, Math.max(1, Math.round(text / this.#lineHeight)))
  }

  #changed(): void {
    writeHere(this.#draftKey, this.#field.value)
    this.fit()
    this.#onChange()
  }
}

/** Enter that ends the writing of a word by an input method sends nothing. Safari tells it by the key's code alone. */
function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229
}
