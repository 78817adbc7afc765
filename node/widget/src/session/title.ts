/** The number of unread messages before the page's title, which stays the page's own otherwise. */
export class TitleCount {
  #shown = ''

  show(count: number): void {
    const prefix = count === 0 ? '' : `(${count > 99 ? '99+' : count}) `
    if (prefix === this.#shown && document.title.startsWith(prefix)) return
    const own = document.title.startsWith(this.#shown) ? document.title.slice(this.#shown.length) : document.title
    if (document.title !== prefix + own) document.title = prefix + own
    this.#shown = prefix
  }
}
