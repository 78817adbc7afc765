import Foundation
import Testing

/// Plays `spec/scenarios/*.yaml`: the client against the emulator, over real sockets, with both clocks put forward by
/// hand. What the files may say stands in `spec/scenarios/README.md`; every language plays the same ones.
///
/// Swift has no YAML: `make test-swift` writes them down as JSON, in the file that SECONDME_AVATAR_SCENARIOS names.
@Suite(.serialized) struct ScenarioTests {
    @Test(arguments: try Scenario.all()) func isPlayed(_ scenario: Scenario) async throws {
        let stage = try await Stage(scenario.body)
        let steps = try spelledOut(scenario.body["steps"])
        for (number, step) in steps.enumerated() {
            do {
                try await stage.play(step)
            } catch {
                throw Failure("step \(number + 1), \(step): \(error)\n\(await stage.log())")
            }
        }
        try await stage.clear()
    }

    /// The steps, with those of each `repeat` as often as it says.
    private func spelledOut(_ steps: Value) throws -> [Value] {
        guard let steps = steps.list else { throw Failure("it has no steps") }
        return try steps.flatMap { step in
            let again = step["repeat"]
            guard let times = again["times"].number else { return [step] }
            let round = try spelledOut(again["steps"])
            return Array(repeating: round, count: Int(times)).flatMap { $0 }
        }
    }
}

struct Scenario: Sendable, CustomTestStringConvertible {
    let name: String
    let body: Value

    var testDescription: String { name }

    static func all() throws -> [Scenario] {
        let file = ProcessInfo.processInfo.environment["SECONDME_AVATAR_SCENARIOS"] ?? ".build/scenarios.json"
        let all = try Value.parse(try Data(contentsOf: URL(fileURLWithPath: file)))
        guard let scenarios = all.fields, !scenarios.isEmpty else { throw Failure("there are no scenarios in \(file)") }
        return scenarios.map { Scenario(name: $0.key, body: $0.value) }.sorted { $0.name < $1.name }
    }
}
