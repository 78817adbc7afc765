// What to do when a call fails: a wrong key, a full quota, a message that comes back.

import { AuthenticationError, AvatarClient, AvatarError, RateLimitedError } from 'secondme-avatar'

const client = new AvatarClient()

try {
  const chat = await client.open({ platform: 'web', userId: 'user-1' })
  await chat.send('The invoice is paid')
  console.log('sent')
} catch (error) {
  if (!(error instanceof AvatarError)) throw error
  if (error instanceof AuthenticationError) console.log('the key was refused: another one is needed')
  else if (error instanceof RateLimitedError) console.log(`too many new visitors: again in ${error.retryAfterMs} ms`)
  else console.log(error.message) // It says what happened, and what to do.
  if (error.unsent) console.log(error.unsent.certain ? 'not sent:' : 'perhaps sent:', error.unsent.text)
  if (error.retryable) console.log('it may work later')
} finally {
  await client.close()
}
