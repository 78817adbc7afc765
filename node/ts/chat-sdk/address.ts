/** Where to answer in Chat SDK, as a text. */

/** A place to answer. */
export interface Place {
  readonly thread: string
  /** Slack streams to a person of a workspace. */
  readonly user?: string | undefined
  readonly team?: string | undefined
}

export function addressOf({ thread, user, team }: Place): string {
  return JSON.stringify({ thread, user, team })
}

export function placeOf(address: string): Place {
  return JSON.parse(address) as Place
}
