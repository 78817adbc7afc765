/** What a server with the key hands to an app that has none. */

import { calledFrom, guarded } from './failures.js'
import { native } from './native.js'
import { Visitor } from './visitor.js'

/**
 * What the service answers to an authentication: all that is needed to speak as one visitor, without the API key.
 *
 * A server with the key gets them (`await client.authenticate(visitor)`) and gives them to an app as JSON, which speaks as
 * that visitor and as no other. They are a secret: give each user their own alone, over TLS. Printed, they show only whose
 * they are.
 */
export class Credentials {
  readonly #json: string
  /** The id of the visitor that they are of. */
  readonly visitorId: string

  private constructor(json: string) {
    this.#json = json
    this.visitorId = (JSON.parse(json) as { visitorId: string }).visitorId
  }

  /**
   * Reads what {@link toJson} wrote.
   *
   * @throws {@link InvalidAnswerError} if the text is anything else. The error does not repeat it.
   */
  static fromJson(text: string): Credentials {
    const site = calledFrom(Credentials.fromJson)
    return new Credentials(guarded(() => native().parseCredentials(text), site))
  }

  /** @internal What the core has written. */
  static known(json: string): Credentials {
    return new Credentials(json)
  }

  /**
   * Writes them as one line of JSON, with the service's own names: `visitorId`, `visitorToken`, `visitorUserId`,
   * `visitorMindId` (digits in a string), `avatarShareCode`, `avatarName` and `ownerUserId`.
   */
  toJson(): string {
    return this.#json
  }

  /** The visitor that they are of, to be opened: a program that has none of its own learns here who it is. */
  visitor(): Visitor {
    return Visitor.known({ id: this.visitorId })
  }
}
