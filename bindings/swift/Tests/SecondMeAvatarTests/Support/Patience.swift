/// How long anything may take in real time, on a machine that has other things to do as well.
let patience = Duration.seconds(20)

struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// What comes to an end in time, or is given up.
func soon<Result: Sendable>(
    _ what: String = "it", _ operation: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask { try await operation() }
        group.addTask {
            try await Task.sleep(for: patience)
            return nil
        }
        defer { group.cancelAll() }
        guard let first = try await group.next(), let result = first else {
            throw Failure("\(what) has not come to an end")
        }
        return result
    }
}

/// Looks again until it is there, at things that give no sign of their own.
func until<Result>(_ what: @autoclosure () -> String, _ look: () async throws -> Result?) async throws -> Result {
    let end = ContinuousClock.now + patience
    while true {
        if let found = try await look() { return found }
        guard ContinuousClock.now < end else { throw Failure(what()) }
        try await Task.sleep(for: .milliseconds(2))
    }
}
