const MOST_KEPT = 6

/**
 * What a screen reader says. Each text is a paragraph of its own, so that one that comes quickly after another does not
 * take its place; the log itself is silent, as a growing text would be read piece by piece.
 */
export class Announcer {
  readonly element = document.createElement('div')

  constructor() {
    this.element.className = 'unseen'
    this.element.setAttribute('role', 'status')
    this.element.setAttribute('aria-live', 'polite')
    this.element.setAttribute('aria-atomic', 'false')
    this.element.setAttribute('aria-relevant', 'additions')
  }

  say(text: string): void {
    if (text === '') return
    const said = document.createElement('p')
    said.textContent = text
    this.element.append(said)
    while (this.element.childElementCount > MOST_KEPT) this.element.firstElementChild?.remove()
  }
}
