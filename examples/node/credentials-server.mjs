// A server that has the key, for an app that has none: each signed-in user gets the credentials of their own visitor.
//
//     SECONDME_API_KEY=sk-… PORT=8788 node credentials-server.mjs
//
// With Express it is `app.post('/avatar', credentialsHandler(avatar, visitorOf))`. The login here is a table of session
// tokens: put yours in its place.

import { createServer } from 'node:http'

import { AvatarClient, Visitor } from 'secondme-avatar'
import { credentialsHandler } from 'secondme-avatar/express'

const users = new Map([
  ['Bearer session-of-ada', 'ada'],
  ['Bearer session-of-bob', 'bob'],
])

const avatar = new AvatarClient()
const give = credentialsHandler(avatar, (request) => {
  const user = users.get(request.headers.authorization)
  return user && Visitor.forUser('myapp', user, { name: user })
})
const server = createServer((request, response) => {
  if (request.method === 'POST' && request.url === '/avatar') give(request, response)
  else response.writeHead(404).end()
})
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${server.address().port}/avatar`),
)
