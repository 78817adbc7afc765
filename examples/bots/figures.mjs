// Prints what the bars measured as a table: node figures.mjs FILE, whose lines are objects of figures.

import { readFileSync } from 'node:fs'

const COLUMNS = [
  ['bot', ({ bot }) => bot],
  ['messages', ({ messages, people }) => `${messages} of ${people} people`],
  ['answered once, in order, to the one who asked', ({ messages, repeats }) => `${messages - repeats}`],
  ['shown twice', ({ repeats }) => `${repeats}`],
  ['time', ({ seconds }) => `${seconds.toFixed(1)} s`],
  ['kills', ({ kills }) => `${kills}`],
  ['calls of the platform', ({ calls }) => `${calls}`],
  ['most in a second', ({ perSecond }) => `${perSecond}`],
]

const lines = readFileSync(process.argv[2], 'utf8').trim().split('\n')
const rows = lines.map((line) => COLUMNS.map(([, cell]) => cell(JSON.parse(line))))
for (const cells of [COLUMNS.map(([name]) => name), COLUMNS.map(() => '---'), ...rows]) {
  console.log(`| ${cells.join(' | ')} |`)
}
