// Whether something is what a scenario says.

/** Everything the pattern names is there. Lists are of equal length; `"*"` is anything at all. */
export function matches(pattern, found) {
  const nothing = found === undefined || found === null
  if (pattern === '*') return !nothing
  if (pattern === null || pattern === undefined) return nothing
  if (Array.isArray(pattern)) {
    return (
      Array.isArray(found) && pattern.length === found.length && pattern.every((item, at) => matches(item, found[at]))
    )
  }
  if (typeof pattern === 'object') {
    return (
      typeof found === 'object' &&
      !nothing &&
      Object.entries(pattern).every(([name, field]) => matches(field, found[name]))
    )
  }
  return pattern === found
}

/** All patterns are met, in this order; others may stand between. Says where the last one was met, or which was not. */
export function inOrder(patterns, found) {
  let wanted = 0
  let end = 0
  found.forEach((item, at) => {
    if (wanted < patterns.length && matches(patterns[wanted], item)) {
      wanted += 1
      end = at + 1
    }
  })
  return wanted === patterns.length ? { end } : { missed: patterns[wanted] }
}
