// What became of the questions: by what the clients know, and by what the emulator has heard.

import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'

/** A socket that ends within this time of a kill, without a word, was that process's. In milliseconds. */
const AT_ONCE = 1000

/** Compares what was asked with what the avatar has heard, in which order. */
export function compare(asked, sessions) {
  const [visitors, said, answers] = [new Map(), new Map(), new Map()]
  for (const { visitorId, messages } of sessions) {
    for (const { text, timestamp } of messages) {
      const [, visitor, number] = /^v(\d+) q(\d+)$/.exec(text) ?? []
      if (number) {
        said.set(visitorId, [...(said.get(visitorId) ?? []), { text, timestamp, number: Number(number) }])
        visitors.set(Number(visitor), visitorId)
      }
      const [, answered] = /^You said: (v\d+ q\d+)$/.exec(text) ?? []
      if (answered) answers.set(answered, (answers.get(answered) ?? 0) + 1)
    }
  }
  const heard = new Map()
  const outOfOrder = []
  for (const questions of said.values()) {
    let last = 0
    for (const { text, number } of questions.sort((one, other) => one.timestamp - other.timestamp)) {
      const times = heard.get(text) ?? 0
      heard.set(text, times + 1)
      // A second time it is counted as such.
      if (times === 0 && number < last) outOfOrder.push(text)
      last = Math.max(last, number)
    }
  }
  const again = new Set(asked.filter((question) => question.again > 0).map(({ text }) => text))
  const twice = [...heard].filter(([, times]) => times > 1).map(([text]) => text)
  return {
    visitors,
    heard,
    outOfOrder,
    again,
    lost: asked.filter(({ text }) => !heard.has(text)).map(({ text }) => text),
    twice,
    unanswered: asked.filter(({ answered }) => !answered).map(({ text }) => text),
    wrong: asked.filter(isWrong).map(({ text, answer }) => `${text} (“${answer}”)`),
    more: asked.filter((question) => question.answered && !isWrong(question) && question.answer !== own(question)),
    answeredTwice: [...answers].filter(([, times]) => times > 1).map(([text]) => text),
  }
}

const own = ({ text }) => `You said: ${text}`
const isWrong = (question) => question.answered && !question.answer.includes(own(question))

/** When sockets began and ended, by visitor, as the emulator's journal in a file has it. */
export async function readSockets(file) {
  const visitors = new Map()
  let lost = 0
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (!/"what":"(connect|close|lost)"/.test(line)) continue
    const entry = JSON.parse(line)
    if (entry.what === 'lost') lost += entry.entries
    const began = entry.what === 'connect' && entry.status === 101 && !entry.delivery
    const left = entry.what === 'close' && entry.by === 'client'
    if (!began && !left) continue
    if (!visitors.has(entry.visitorId)) visitors.set(entry.visitorId, [])
    visitors.get(entry.visitorId).push({ began, at: entry.atMs })
  }
  return { visitors, lost }
}

/**
 * The visitors whose process was killed while a question waited, or who asked before another one had them: for how long
 * each had no socket, and how long the answer took, both from the kill, or from the question if it came later.
 */
export function moves(done, asked, sockets, visitors) {
  const questions = new Map()
  for (const question of asked) {
    const id = visitors.get(question.visitor)
    questions.set(id, [...(questions.get(id) ?? []), question])
  }
  const found = []
  for (const kill of done.filter(({ what }) => what === 'kill')) {
    for (const [visitor, happened] of sockets) {
      const left = happened.findIndex(({ began, at }) => !began && at >= kill.at - 50 && at <= kill.at + AT_ONCE)
      const back = left < 0 ? undefined : happened.slice(left).find(({ began }) => began)
      const waits = (questions.get(visitor) ?? []).find(({ answered }) => answered > kill.at)
      if (!back || !waits || waits.asked >= back.at) continue
      const from = Math.max(kill.at, waits.asked)
      const others = done.filter((one) => one !== kill && one.at < waits.answered && (one.until ?? one.at) > kill.at)
      found.push({
        socket: back.at - from,
        answer: waits.answered - from,
        alone: !others.some((one) => one.at > kill.at || one.what === 'cut'),
      })
    }
  }
  return found
}

/** The middle, the 95th of a hundred, and the longest, of times in milliseconds. */
export function spread(times) {
  if (times.length === 0) return 'none'
  const sorted = times.toSorted((one, other) => one - other)
  const at = (part) => `${(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] / 1000).toFixed(2)} s`
  return `median ${at(0.5)}, 95 % ${at(0.95)}, longest ${at(1)}`
}
