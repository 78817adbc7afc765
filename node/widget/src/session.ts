import { Session } from './session/session.js'

export type { Session, SessionState } from './session/session.js'

const sessions = new Map<string, Session>()

/** The conversation with the server at this address, which has no slash at its end. */
export function sessionFor(server: string): Session {
  let session = sessions.get(server)
  if (session === undefined) {
    session = new Session(server)
    sessions.set(server, session)
  }
  return session
}
