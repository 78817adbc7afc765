// What the package costs beside what a user would write by hand: `make bench ROW=node`. Every row is a ratio of two
// things measured in one run on one machine. `node main.js events` measures one row.

import { ask, delay } from './ask.js'
import { events } from './events.js'
import { memory } from './memory.js'
import { begin, print } from './report.js'
import { widget } from './widget.js'

const rows = { events, ask, delay, memory, widget }
const wanted = process.argv.slice(2)
for (const name of wanted.length > 0 ? wanted : Object.keys(rows)) {
  begin(`node/${name}`)
  await rows[name]()
}
print()
