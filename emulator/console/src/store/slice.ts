/** How long work may go on before it lets the page draw, in milliseconds. */
const SLICE = 8

/** Divides long work, so that the page draws and answers meanwhile. */
export class Slice {
  #until = performance.now() + SLICE

  /** Whether the page is to have its turn. */
  get isOver(): boolean {
    return performance.now() > this.#until
  }

  /** Gives the page its turn, and begins the next slice after it. */
  async next(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve))
    this.#until = performance.now() + SLICE
  }
}
