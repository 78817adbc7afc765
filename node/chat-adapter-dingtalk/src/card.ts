/** An AI card of DingTalk's: one message with a text, which may grow. */

import { randomUUID } from 'node:crypto'
import { NetworkError } from '@chat-adapter/shared'
import { type Api, DingTalkError } from './api.js'
import type { DingTalkThreadId } from './thread-id.js'

/** What the template shows of its state. */
const WRITING = '2'
const FINISHED = '3'

/** The AI card that DingTalk offers every app, as its SDK for Python names it. */
export const AI_MARKDOWN_CARD = '382e4302-551d-4880-bf29-a30acfab2e71.schema'

/** Which template a card has. */
export interface CardTemplate {
  readonly id: string
  /** The template's variable in which the text stands. */
  readonly key: string
}

/** Where cards are shown. */
export interface CardPlace extends DingTalkThreadId {
  readonly robotCode: string
}

export class DingTalkCard {
  readonly #api: Api
  readonly #template: CardTemplate
  /** The message's id: DingTalk knows a card by the id that the bot gives it. */
  readonly id: string
  #isOpen = false
  /** Whether the card may be there already. */
  #isUnsure: boolean

  /** With an id, the card may be one that an earlier process has made. */
  constructor(api: Api, template: CardTemplate, id?: string) {
    this.#api = api
    this.#template = template
    this.id = id ?? randomUUID()
    this.#isUnsure = id !== undefined
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /**
   * Makes the card and shows it, and returns whether it was there already. An attempt whose answer was lost may be made
   * again.
   */
  async open({ kind, id, robotCode }: CardPlace, text: string, isGrowing: boolean): Promise<'made' | 'there'> {
    if (this.#isOpen) return 'there'
    let found: 'made' | 'there' = 'made'
    let answer: unknown
    const isGroup = kind === 'g'
    try {
      answer = await this.#api.call('POST', '/v1.0/card/instances/createAndDeliver', true, {
        cardTemplateId: this.#template.id,
        outTrackId: this.id,
        callbackType: 'STREAM',
        ...this.#data(text, isGrowing ? WRITING : FINISHED),
        userIdType: 1,
        openSpaceId: `dtv1.card//${isGroup ? 'IM_GROUP' : 'IM_ROBOT'}.${id}`,
        imGroupOpenSpaceModel: { supportForward: true },
        imRobotOpenSpaceModel: { supportForward: true },
        ...(isGroup
          ? { imGroupOpenDeliverModel: { robotCode } }
          : { imRobotOpenDeliverModel: { spaceType: 'IM_ROBOT' } }),
      })
    } catch (error) {
      this.#isUnsure ||= error instanceof NetworkError
      // It was made by an earlier process, or by the attempt whose answer was lost.
      if (!(this.#isUnsure && error instanceof DingTalkError)) throw error
      found = 'there'
    }
    const refused = refusalOf(answer)
    if (refused !== undefined) throw new DingTalkError('notDelivered', refused)
    this.#isOpen = true
    return found
  }

  /** Shows this text, and that more follows. */
  async write(content: string): Promise<void> {
    const { key } = this.#template
    const state = { isFull: true, isFinalize: false, isError: false }
    const body = { outTrackId: this.id, guid: randomUUID(), key, content, ...state }
    await this.#api.call('PUT', '/v1.0/card/streaming', false, body)
  }

  /** Shows the whole text, and that nothing follows. It may be called again with another text. */
  async finish(text: string): Promise<void> {
    await this.#api.call('PUT', '/v1.0/card/instances', true, { outTrackId: this.id, ...this.#data(text, FINISHED) })
  }

  #data(text: string, flowStatus: string): { cardData: { cardParamMap: Record<string, string> } } {
    const { id, key } = this.#template
    const order = id === AI_MARKDOWN_CARD && {
      sys_full_json_obj: JSON.stringify({ order: ['msgTitle', 'msgContent'] }),
    }
    return { cardData: { cardParamMap: { [key]: text, flowStatus, ...order } } }
  }
}

/** Why a card is not shown though it was made, which an answer of status 200 says as well. */
function refusalOf(answer: unknown): string | undefined {
  const { result } = (answer ?? {}) as { result?: { deliverResults?: unknown } }
  const results = Array.isArray(result?.deliverResults) ? (result.deliverResults as unknown[]) : []
  for (const one of results) {
    const { success, errorMsg } = (one ?? {}) as { success?: unknown; errorMsg?: unknown }
    if (success === false) return typeof errorMsg === 'string' ? errorMsg : 'the card is not shown'
  }
  return undefined
}
