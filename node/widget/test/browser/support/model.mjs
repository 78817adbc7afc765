// What the avatar says slowly: each piece when a test wants it, so that nothing depends on how fast the machine is. The
// emulator asks it as it asks any model that speaks as OpenAI's do.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { PIECES } from './brain.mjs'

/** Says the first piece of what is asked for slowly, and the others when told to; all else it answers at once. */
export class SlowModel {
  #server = createServer((request, response) => this.#answer(request, response))
  #answers = new Set()
  #told = 1
  #isOver = false
  brain

  static async start(test) {
    const model = new SlowModel()
    const server = model.#server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    test.after(() => {
      server.closeAllConnections()
      server.close()
    })
    const url = `http://127.0.0.1:${server.address().port}`
    // It is silent for as long as the test likes.
    model.brain = { openai: { url, model: 'slow', context: 0, timeout: '3600s' } }
    return model
  }

  /** Says all pieces up to this one. */
  say(count) {
    this.#told = count
    for (const answer of this.#answers) this.#goOn(answer)
  }

  /** Says the rest, and ends. */
  finish() {
    this.#isOver = true
    this.say(PIECES.length)
  }

  async #answer(request, response) {
    let body = ''
    for await (const chunk of request.setEncoding('utf8')) body += chunk
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    if (!JSON.parse(body).messages.at(-1).content.includes('slowly')) {
      write(response, 'I have heard you.')
      return end(response)
    }
    const answer = { response, said: 0 }
    this.#answers.add(answer)
    response.on('close', () => this.#answers.delete(answer))
    this.#goOn(answer)
  }

  #goOn(answer) {
    while (answer.said < this.#told) write(answer.response, PIECES[answer.said++])
    if (this.#isOver && this.#answers.delete(answer)) end(answer.response)
  }
}

function write(response, content, finish_reason = null) {
  response.write(`data: ${JSON.stringify({ choices: [{ delta: { content }, finish_reason }] })}\n\n`)
}

function end(response) {
  write(response, '', 'stop')
  response.end('data: [DONE]\n\n')
}
