// People who ask, each one question after the other, as OpenAI's SDKs do it.

import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'

import { TOKEN } from './cluster.mjs'

/** How long a question is asked at all, in milliseconds. */
const GIVES_UP = 120_000

/** What a gateway answers where asking again should not help. */
const REFUSALS = [400, 401, 403, 404]

/** Asks the plan's questions, and returns all of them with what became of each, when the last one has its answer. */
export async function askAll(address, plan, random) {
  const ends = plan.minutes ? Date.now() + plan.minutes * 60_000 : Number.POSITIVE_INFINITY
  const people = Array.from({ length: plan.visitors }, (_, visitor) => person(address, plan, random, visitor, ends))
  return (await Promise.all(people)).flat()
}

async function person(address, plan, random, visitor, ends) {
  const pause = plan.pause * 1000
  const asked = []
  await wait(random() * pause)
  for (let number = 1; number <= (plan.questions ?? Number.POSITIVE_INFINITY) && Date.now() < ends; number += 1) {
    asked.push(await ask(address, plan, random, { visitor, number, text: `v${visitor} q${number}` }))
    if (pause) await wait(pause / 2 + random() * pause)
  }
  return asked
}

/** Asks until there is an answer. Adds to the question when it was asked and answered, and how often. */
async function ask(address, plan, random, question) {
  const request = {
    method: 'POST',
    headers: {
      authorization: `Bearer ${TOKEN}`,
      'content-type': 'application/json',
      'idempotency-key': randomUUID(),
      'x-avatar-visitor': `visitor-${question.visitor}`,
    },
    body: JSON.stringify({
      model: 'avatar',
      messages: [{ role: 'user', content: question.text }],
    }),
  }
  question.asked = Date.now()
  for (question.again = 0; ; question.again += 1) {
    request.headers['x-stainless-retry-count'] = String(question.again)
    try {
      const signal = AbortSignal.timeout(plan.patience * 1000)
      const answer = await fetch(`${address}/v1/chat/completions`, { ...request, signal })
      const said = await answer.json()
      if (REFUSALS.includes(answer.status)) question.refused = said.error?.message
      if (answer.ok) {
        question.answered = Date.now()
        question.answer = said.choices[0].message.content
        return question
      }
    } catch {
      // Cut off, or too late: it is asked again.
    }
    if (Date.now() - question.asked > GIVES_UP) return question
    await wait(300 + random() * 400)
  }
}
