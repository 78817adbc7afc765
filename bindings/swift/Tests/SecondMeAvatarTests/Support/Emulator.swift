import Foundation
import SecondMeAvatar
import SecondMeAvatarTesting

typealias Emulator = AvatarEmulator

extension AvatarEmulator {
    /// A client of it.
    func client(_ options: ClientOptions = ClientOptions(), key: String? = nil) throws -> AvatarClient {
        var options = options
        options.baseURL = baseURL
        return try AvatarClient(apiKey: key ?? apiKey, options: options)
    }

    /// A call of its control API, with a body a `POST`.
    @discardableResult
    func call(_ name: String, _ body: Value? = nil) async throws -> Value {
        guard let body else { return try Value.parse(try await get(name)) }
        return try Value.parse(try await post(name, json: body.description))
    }

    /// Looks at its state until something is so.
    func until(_ what: String, _ isSo: (Value) -> Bool) async throws {
        try await SecondMeAvatarTests.until("it never came to this: \(what)") {
            isSo(try await call("state")) ? () : nil
        }
    }

    /// Cuts all sockets, and refuses connections until the faults are cleared.
    func disconnect() async throws {
        try await call("faults", ["at": "connect", "do": "refuse", "times": 1_000_000])
        try await call("sockets/close", ["abrupt": true])
    }
}
