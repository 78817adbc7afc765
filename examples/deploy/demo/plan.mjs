// What a run is: one of plans.json, with what the environment says in its place.

import { readFileSync } from 'node:fs'

const NUMBERS = {
  PROCESSES: 'processes',
  VISITORS: 'visitors',
  QUESTIONS: 'questions',
  MINUTES: 'minutes',
  PAUSE: 'pause',
  PATIENCE: 'patience',
}

/** The plan that the environment asks for. Throws what is wrong with it, in words. */
export function planOf(env) {
  const plans = JSON.parse(readFileSync(new URL('plans.json', import.meta.url), 'utf8'))
  const name = env.PLAN ?? (env.MINUTES ? 'long' : 'short')
  if (!plans[name]) throw new Error(`PLAN=${name} is not in plans.json: choose ${Object.keys(plans).join(', ')}`)
  const plan = { ...plans[name], name, seed: number('SEED', env.SEED ?? '1') }
  for (const [variable, field] of Object.entries(NUMBERS)) {
    if (env[variable]) plan[field] = number(variable, env[variable])
  }
  if (env.MINUTES) delete plan.questions
  else if (env.QUESTIONS) delete plan.minutes
  if (env.FAULTS) plan.faults = [json('FAULTS', env.FAULTS)].flat()
  if (env.EMULATOR) plan.emulator = { ...plan.emulator, ...json('EMULATOR', env.EMULATOR) }
  if (env.BALANCE) plan.balance = env.BALANCE
  if (![undefined, 'turn', 'visitor'].includes(plan.balance)) throw new Error('BALANCE is turn or visitor')
  if (env.KILL_EVERY) {
    const every = number('KILL_EVERY', env.KILL_EVERY)
    plan.steps = [...plan.steps.filter((step) => !step.every), ...(every ? [{ every, kill: 'any', for: 3 }] : [])]
  }
  const named = Math.max(0, ...plan.steps.map((step) => step.kill ?? step.freeze).filter(Number.isInteger))
  if (plan.processes < Math.max(1, named)) throw new Error(`this plan needs ${named || 1} processes: set PROCESSES`)
  return plan
}

function json(variable, text) {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error(`${variable}=${text} is not JSON: write it as in plans.json`)
  }
}

function number(variable, text) {
  const value = Number(text)
  if (!(value >= 0)) throw new Error(`${variable}=${text} is not a number: give it as in ${variable}=5`)
  return value
}

/** The same numbers between 0 and 1 for the same seed (mulberry32). */
export function chance(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
