// A model that answers with the question, and goes on answering until it is let end: as the emulator's brain it keeps
// any number of replies in mid-stream.

import { once } from 'node:events'
import { createServer } from 'node:http'

/** An answer that pauses for a minute is broken off by the emulator. */
const PIECE_MS = 40_000

/** Starts the model. `settings` are the emulator's; `end` says the question once more in each answer, and ends it. */
export async function model() {
  const answers = new Set()
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request.setEncoding('utf8')) body += chunk
    const asked = JSON.parse(body).messages.at(-1).content
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const say = (content, finish_reason = null) => {
      response.write(`data: ${JSON.stringify({ choices: [{ delta: { content }, finish_reason }] })}\n\n`)
    }
    say(asked)
    const answer = {
      goOn: () => say(' …'),
      end() {
        say(` ${asked}`, 'stop')
        response.end('data: [DONE]\n\n')
      },
    }
    answers.add(answer)
    response.on('close', () => answers.delete(answer))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const going = setInterval(() => {
    for (const answer of answers) answer.goOn()
  }, PIECE_MS)
  const url = `http://127.0.0.1:${server.address().port}`
  return {
    settings: { brain: { openai: { url, model: 'repeats', context: 0, timeout: '3600s' } } },
    end() {
      clearInterval(going)
      for (const answer of answers) answer.end()
    },
    stop() {
      clearInterval(going)
      server.closeAllConnections()
      server.close()
    },
  }
}
