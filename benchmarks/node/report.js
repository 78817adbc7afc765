// Rows as the Rust benchmarks print them.

import { appendFileSync } from 'node:fs'
import { loadavg } from 'node:os'

const rows = []
let current = ''

/** The figures that follow belong to this row, such as `node/ask`. */
export function begin(row) {
  current = row
}

/** A figure that must not be above `bar`. */
export function atMost(what, figure, bar, aside) {
  rows.push({ what, figure, aside, bar: `≤ ${bar}`, met: figure <= bar })
  leave(what, figure, aside, { atMost: bar })
}

/** A figure that must not be below `bar`. */
export function atLeast(what, figure, bar, aside) {
  rows.push({ what, figure, aside, bar: `≥ ${bar}`, met: figure >= bar })
  leave(what, figure, aside, { atLeast: bar })
}

/** Prints them; whether each bar is met. */
export function print() {
  const width = Math.max(...rows.map(({ what }) => what.length))
  for (const { what, figure, aside, bar, met } of rows) {
    console.log(`${what.padEnd(width)}  ${figure.toFixed(2)}  ${aside}  (bar ${bar}: ${met ? 'met' : 'MISSED'})`)
  }
}

/** The middle of several runs: one disturbed run does not count. */
export function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]
}

/** A line for `make bench`, which keeps it: benchmarks/src/results.rs reads it. */
function leave(what, figure, aside, bar) {
  const path = process.env.BENCHMARK_LINES
  if (!path) return
  appendFileSync(path, `${JSON.stringify({ row: current, what, figure, aside, bar, load: loadavg()[0] })}\n`)
}
