/// Everything the pattern names is there. Lists are of equal length; `"*"` is anything at all.
func matches(_ pattern: Value, _ found: Value) -> Bool {
    switch (pattern, found) {
    case (.string("*"), _): found != .null
    case (.object(let fields), .object): fields.allSatisfy { matches($0.value, found[$0.key]) }
    case (.list(let items), .list(let others)):
        items.count == others.count && zip(items, others).allSatisfy { matches($0, $1) }
    default: pattern == found
    }
}

/// All patterns are met, in this order; others may stand between. Says where the last one was met; nil: not all were.
func inOrder(_ patterns: [Value], in found: some Sequence<Value>) -> Int? {
    var wanted = patterns[...]
    var end = 0
    for (at, value) in found.enumerated() {
        guard let next = wanted.first else { break }
        if matches(next, value) {
            wanted.removeFirst()
            end = at + 1
        }
    }
    return wanted.isEmpty ? end : nil
}
