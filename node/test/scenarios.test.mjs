// Plays `spec/scenarios/*.yaml`; what the files may say stands in `spec/scenarios/README.md`.

import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { parse } from 'yaml'

import { Stage } from './scenarios/stage.mjs'

const folder = fileURLToPath(new URL('../../spec/scenarios/', import.meta.url))
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.yaml'))
  .sort()
if (files.length === 0) throw new Error(`there are no scenarios in ${folder}`)

/** The steps, with those of each `repeat` as often as it says. */
function spelledOut(steps) {
  return steps.flatMap((step) => {
    if (!step.repeat) return [step]
    const round = spelledOut(step.repeat.steps)
    return Array.from({ length: step.repeat.times }, () => round).flat()
  })
}

for (const file of files) {
  const scenario = parse(readFileSync(folder + file, 'utf8'))
  test(file.replace('.yaml', ''), async () => {
    const stage = await Stage.set(scenario)
    try {
      for (const [at, step] of spelledOut(scenario.steps).entries()) {
        try {
          await stage.play(step)
        } catch (why) {
          throw new Error(`step ${at + 1}, ${JSON.stringify(step)}: ${why.message}\n${stage.log()}`, { cause: why })
        }
      }
    } finally {
      await stage.clear()
    }
  })
}
