// Rows as the Rust benchmarks print them.

const rows = []

/** A figure that must not be above `bar`. */
export function atMost(what, figure, bar, aside) {
  rows.push({ what, figure, aside, bar: `≤ ${bar}`, met: figure <= bar })
}

/** A figure that must not be below `bar`. */
export function atLeast(what, figure, bar, aside) {
  rows.push({ what, figure, aside, bar: `≥ ${bar}`, met: figure >= bar })
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
