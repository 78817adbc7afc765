/** Stops a fake with its test. */
export function ended(t, fake) {
  t.after(() => fake.stop())
  return fake
}

/** What came, in order; `next()` waits for the next one. */
export function collected() {
  const waiting = []
  const there = []
  return {
    add(value) {
      if (waiting.length) waiting.shift()(value)
      else there.push(value)
    },
    next() {
      return there.length ? Promise.resolve(there.shift()) : new Promise((found) => waiting.push(found))
    },
  }
}
