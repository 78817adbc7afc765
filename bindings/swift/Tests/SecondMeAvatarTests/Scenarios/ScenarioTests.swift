import Foundation
import Testing

/// Plays `spec/scenarios/*.yaml`: the client against the emulator, over real sockets, with both clocks put forward by
/// hand. What the files may say stands in `spec/scenarios/README.md`; every language plays the same ones.
///
/// Swift has no YAML: `make test-swift` writes them down as JSON, in the file that SECONDME_AVATAR_SCENARIOS names.
@Suite(.serialized) struct ScenarioTests {
    @Test(arguments: try Scenario.all()) func isPlayed(_ scenario: Scenario) async throws {
        let stage = try await Stage(scenario.body)
        guard let steps = scenario.body["steps"].list else { throw Failure("it has no steps") }
        for (number, step) in steps.enumerated() {
            do {
                try await stage.play(step)
            } catch {
                throw Failure("step \(number + 1), \(step): \(error)\n\(await stage.log())")
            }
        }
        try await stage.clear()
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
