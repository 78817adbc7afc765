/** A card of Feishu's: one message with a text, which may grow. */

import { ResourceNotFoundError } from '@chat-adapter/shared'
import { type Api, FeishuError } from './api.js'

const ELEMENT = 'answer'
/** Sequences rise across restarts, too: they begin with the time. Feishu takes 31 bits. */
const SEQUENCE_EPOCH_S = 1_700_000_000
const SEQUENCE_LEAP = 100_000
/** Feishu says so of a sequence that does not rise. */
const SEQUENCE = 300317
/** Feishu says so of a card whose stream has ended. */
const CLOSED = new Set([300309, 200850])

/** How a card looks. */
export interface CardStyle {
  /** The header's text. Default: the card has no header. */
  readonly title?: string | undefined
  /** The header's colour, such as `blue` or `orange`. Default: `blue`. */
  readonly template?: string | undefined
  /** A line under the text. */
  readonly footer?: string | undefined
}

/** Posts a message that shows a card, once for each key, and returns the message's id. */
export type Show = (content: string, key: string) => Promise<string>

export class FeishuCard {
  readonly #api: Api
  readonly #style: CardStyle
  readonly id: string
  #sequence = Math.floor(Date.now() / 1000) - SEQUENCE_EPOCH_S
  #isStreamed: boolean
  #messageId: string

  private constructor(api: Api, style: CardStyle, id: string, messageId: string, isStreamed: boolean) {
    this.#api = api
    this.#style = style
    this.id = id
    this.#messageId = messageId
    this.#isStreamed = isStreamed
  }

  /** The message that shows it; empty before. */
  get messageId(): string {
    return this.#messageId
  }

  /** Makes a card that is not shown yet. */
  static async create(api: Api, style: CardStyle, text: string, isStreamed: boolean): Promise<FeishuCard> {
    const data = json(style, text, isStreamed)
    const made = await api.call(({ cardkit }) => cardkit.v1.card.create({ data: { type: 'card_json', data } }), true)
    return new FeishuCard(api, style, made.data?.card_id ?? '', '', isStreamed)
  }

  /** Shows it, once: an attempt whose answer was lost may be made again. */
  async show(show: Show): Promise<void> {
    if (this.#messageId !== '') return
    this.#messageId = await show(JSON.stringify({ type: 'card', data: { card_id: this.id } }), this.id)
  }

  /** Finds the card of a message, as after a restart. */
  static async of(api: Api, style: CardStyle, messageId: string): Promise<FeishuCard> {
    const found = await api.call(({ cardkit }) => cardkit.v1.card.idConvert({ data: { message_id: messageId } }))
    const id = found.data?.card_id
    if (id === undefined) throw new ResourceNotFoundError('feishu', 'card', messageId)
    return new FeishuCard(api, style, id, messageId, false)
  }

  /** Shows this text. */
  async write(text: string): Promise<void> {
    if (this.#isStreamed) {
      try {
        await this.#changed((sequence) =>
          this.#api.call(({ cardkit }) =>
            cardkit.v1.cardElement.content({
              path: { card_id: this.id, element_id: ELEMENT },
              data: { content: text, sequence },
            }),
          ),
        )
        return
      } catch (error) {
        if (!(error instanceof FeishuError && CLOSED.has(error.code))) throw error
        this.#isStreamed = false
      }
    }
    await this.#whole(text)
  }

  /** Shows the whole text, and that nothing follows. */
  async finish(text: string): Promise<void> {
    await this.write(text)
    if (!this.#isStreamed) return
    const settings = JSON.stringify({ config: { streaming_mode: false, summary: { content: summary(text) } } })
    await this.#changed((sequence) =>
      this.#api.call(
        ({ cardkit }) => cardkit.v1.card.settings({ path: { card_id: this.id }, data: { settings, sequence } }),
        true,
      ),
    )
    this.#isStreamed = false
  }

  async #whole(text: string): Promise<void> {
    const card = { type: 'card_json' as const, data: json(this.#style, text, false) }
    await this.#changed((sequence) =>
      this.#api.call(
        ({ cardkit }) => cardkit.v1.card.update({ path: { card_id: this.id }, data: { card, sequence } }),
        true,
      ),
    )
  }

  async #changed(change: (sequence: number) => Promise<unknown>): Promise<void> {
    try {
      await change(++this.#sequence)
    } catch (error) {
      if (!(error instanceof FeishuError && error.code === SEQUENCE)) throw error
      this.#sequence += SEQUENCE_LEAP
      await change(this.#sequence)
    }
  }
}

function json({ title, template = 'blue', footer }: CardStyle, text: string, isStreamed: boolean): string {
  const elements = [{ tag: 'markdown', element_id: ELEMENT, content: text }]
  if (footer !== undefined) elements.push({ tag: 'markdown', element_id: 'footer', content: footer })
  return JSON.stringify({
    schema: '2.0',
    config: { streaming_mode: isStreamed, update_multi: true, summary: { content: summary(text) } },
    ...(title !== undefined && { header: { title: { tag: 'plain_text', content: title }, template } }),
    body: { elements },
  })
}

/** What the list of chats shows of it. */
function summary(text: string): string {
  return [...text.replace(/\s+/g, ' ').trim()].slice(0, 50).join('')
}
