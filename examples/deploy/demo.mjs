// Gateways behind nginx, one Redis, and people who ask, while gateways are killed, frozen or cut off from Redis.
// Then it is counted what was said and answered, in which order and how often, at the emulator and at the clients.
//
// PLAN=long AVATAR=target/debug/avatar node examples/deploy/demo.mjs
// demo/plans.json has the plans; PROCESSES, VISITORS, QUESTIONS, MINUTES, KILL_EVERY, PAUSE, PATIENCE, BALANCE, FAULTS and
// SEED stand in place of what they say.

import { availableParallelism, loadavg } from 'node:os'

import { Cluster } from './demo/cluster.mjs'
import { compare, moves, readSockets, spread } from './demo/count.mjs'
import { chance, planOf } from './demo/plan.mjs'
import { Steps } from './demo/steps.mjs'
import { askAll } from './demo/visitors.mjs'

/** Within this time another process has the visitors of one that was killed, in milliseconds. */
const MOVES = 10_000

let plan
try {
  plan = planOf(process.env)
} catch (error) {
  console.error(error.message)
  process.exit(1)
}
const random = chance(plan.seed)
const cluster = await Cluster.start(process.env.AVATAR ?? 'target/debug/avatar', plan)

const began = Date.now()
const told = (text) => console.log(`${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  ${text}`)
const length = plan.minutes ? `${plan.minutes} minutes` : `${plan.questions} questions each`
told(`${plan.visitors} visitors, ${length}; ${plan.processes} gateways behind nginx, one Redis (plan ${plan.name})`)

if (plan.faults?.length) await cluster.control('faults', plan.faults)
const REDIS = { memory: 'used_memory', commands: 'total_commands_processed', letters: 'cmdstat_xadd' }
const redis = () => Object.entries(REDIS).map(([name, figure]) => [name, cluster.redisSays(figure)])
const redisBefore = Object.fromEntries(redis())
const before = cluster.processorTimes()
const steps = new Steps(cluster, random, told)
steps.begin(plan.steps)
const asking = askAll(cluster.address, plan, random)
const load = []
const watch = setInterval(() => load.push(loadavg()[0]), 5000)
if (plan.minutes) setTimeout(() => steps.end(), plan.minutes * 60_000).unref()
const asked = await asking
clearInterval(watch)
await steps.end()
told('all have their answers, or have given up')

const after = cluster.processorTimes()
const inRedis = Object.fromEntries(redis().map(([name, figure]) => [name, figure - redisBefore[name]]))
const { sessions, calls } = await cluster.control('state')
const faults = plan.faults?.length ? (await cluster.control('faults')).faults : []
await cluster.endService()

const found = compare(asked, sessions)
found.refused = asked.filter(({ refused }) => refused).map(({ text, refused }) => `${text} (${refused})`)
const waits = asked.filter(({ answered }) => answered).map((one) => ({ ...one, took: one.answered - one.asked }))
const took = (some) => spread([...some].map((one) => one.took))
/** The questions that were open between a step and its end, or until visitors have moved. */
const during = ({ at, until }) => {
  const end = Math.max(until ?? at, at + MOVES)
  return waits.filter(({ asked, answered }) => answered >= at && asked <= end)
}
const times = Object.entries(after).map(([of, time]) => {
  return `${of} ${(((time - before[of]) / asked.length) * 1000).toFixed(2)} ms`
})
const lines = [
  ['asked', asked.length],
  ['reached the avatar', found.heard.size],
  ['lost', found.lost.length],
  ['said twice', found.twice.length],
  ['out of order', found.outOfOrder.length],
  [
    'answered',
    `${waits.length}; ${found.wrong.length} not with the answer, ${found.more.length} with what was said before as well`,
  ],
  ['asked again', `${found.again.size} questions (a client does so after ${plan.patience} s, or when it is cut off)`],
  ['sessions', `${sessions.length}, of ${plan.visitors} visitors; ${calls.auth} authentications`],
  ['answers', took(waits)],
]
for (const [what, name] of Object.entries({
  kill: 'at a kill',
  freeze: 'while one was frozen',
  cut: 'without Redis',
})) {
  const those = steps.done.filter((step) => step.what === what)
  if (those.length > 0) lines.push([name, `${those.length} times; ${took(new Set(those.flatMap(during)))}`])
}
if (steps.done.some(({ what }) => what === 'kill')) {
  const sockets = await readSockets(cluster.journal)
  const moved = moves(steps.done, asked, sockets.visitors, found.visitors)
  const alone = moved.filter((one) => one.alone)
  lines.push(['moved, and waited', `${moved.length} times; ${alone.length} with nothing else going on`])
  lines.push(['  until a socket', spread(alone.map((one) => one.socket))])
  lines.push(['  until the answer', spread(alone.map((one) => one.answer))])
  lines.push(['  all of them', spread(moved.map((one) => one.answer))])
  if (sockets.lost) lines.push(['the journal lacks', `${sockets.lost} entries`])
}
if (faults.length > 0) lines.push(['faults met', faults.reduce((sum, { met }) => sum + met, 0)])
const [memory, commands, letters] = [
  (inRedis.memory / plan.visitors / 1024).toFixed(1),
  (inRedis.commands / asked.length).toFixed(0),
  (inRedis.letters / asked.length).toFixed(1),
]
lines.push(['Redis', `${memory} KiB a visitor; a question: ${commands} commands, ${letters} letters between processes`])
lines.push(['processor time', `a question: ${times.join(', ')}`])
lines.push(['load', `${spreadOfLoad(load)}, on ${availableParallelism()} processors`])
console.log(`\n${lines.map(([name, value]) => `  ${name.padEnd(22)}${value}`).join('\n')}`)
const slow = waits.filter(({ took }) => took > 12_000).sort((one, other) => other.took - one.took)
const at = (time) => ((time - began) / 1000).toFixed(1)
for (const { text, asked, answered, again } of slow.slice(0, 10)) {
  console.log(`  slow: ${text}, from ${at(asked)} s to ${at(answered)} s${again ? `, asked ${again + 1} times` : ''}`)
}
for (const name of ['lost', 'twice', 'outOfOrder', 'unanswered', 'refused', 'wrong']) {
  if (found[name].length > 0) console.log(`  ${name}: ${found[name].slice(0, 20).join(', ')}`)
}
const amiss = ['lost', 'twice', 'outOfOrder', 'unanswered', 'refused', 'wrong'].some((name) => found[name].length > 0)
process.exit(amiss ? 1 : 0)

function spreadOfLoad(some) {
  return some.length > 0
    ? `${Math.min(...some).toFixed(1)} to ${Math.max(...some).toFixed(1)}`
    : loadavg()[0].toFixed(1)
}
