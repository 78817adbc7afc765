import Foundation
import SecondMeAvatar

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The service on this machine: the real binary, in a process of its own.
final class Emulator: Sendable {
    let baseURL: String
    let apiKey: String
    private let control: String
    private let process: Process
    /// It ends with the tests, however they end.
    private let lifeline: Pipe

    /// Starts one. `SECONDME_AVATAR_EMULATOR` says where the binary is.
    init(_ options: String...) async throws {
        let process = Process()
        let (output, lifeline) = (Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: Self.binary)
        process.arguments = ["--json", "--until-stdin-ends"] + options
        process.standardInput = lifeline
        process.standardOutput = output
        try process.run()
        let ready = try Value.parse(try await firstLine(of: output.fileHandleForReading))
        guard let baseURL = ready["base_url"].string, let apiKey = ready["api_key"].string,
            let control = ready["control_url"].string
        else { throw Failure("the emulator says \(ready)") }
        (self.process, self.lifeline) = (process, lifeline)
        (self.baseURL, self.apiKey, self.control) = (baseURL, apiKey, control)
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
    }

    /// A client of it.
    func client(_ options: ClientOptions = ClientOptions(), key: String? = nil) throws -> AvatarClient {
        var options = options
        options.baseURL = baseURL
        return try AvatarClient(apiKey: key ?? apiKey, options: options)
    }

    /// A call of its control API.
    @discardableResult
    func call(_ name: String, _ body: Value? = nil, method: String? = nil) async throws -> Value {
        guard let url = URL(string: "\(control)/\(name)") else { throw Failure("no address: \(name)") }
        var request = URLRequest(url: url)
        request.httpMethod = method ?? (body == nil ? "GET" : "POST")
        if let body {
            request.httpBody = try JSONEncoder().encode(body)
            request.setValue("application/json", forHTTPHeaderField: "content-type")
        }
        let (data, answer) = try await URLSession.shared.data(for: request)
        guard let status = (answer as? HTTPURLResponse)?.statusCode, 200..<300 ~= status else {
            throw Failure("the emulator says \(String(decoding: data, as: UTF8.self))")
        }
        return try Value.parse(data)
    }

    /// Looks at its state until something is so.
    func until(_ what: String, _ isSo: (Value) -> Bool) async throws {
        try await SecondMeAvatarTests.until("it never came to this: \(what)") {
            isSo(try await call("state")) ? () : nil
        }
    }

    /// Cuts all sockets, and lets nobody connect until the faults are cleared.
    func disconnect() async throws {
        try await call("faults", ["at": "connect", "do": "refuse", "times": 1_000_000])
        try await call("sockets/close", ["abrupt": true])
    }

    private static var binary: String {
        if let path = ProcessInfo.processInfo.environment["SECONDME_AVATAR_EMULATOR"] { return path }
        let checkout = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../../../..").standardized
        return checkout.appendingPathComponent("target/debug/secondme-avatar-emulator").path
    }
}

/// Reads on a thread that may wait.
private func firstLine(of file: FileHandle) async throws -> Data {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async {
            var line = Data()
            while let byte = try? file.read(upToCount: 1), !byte.isEmpty {
                if byte == Data([0x0A]) { return continuation.resume(returning: line) }
                line += byte
            }
            continuation.resume(throwing: Failure("the emulator has ended before it was ready"))
        }
    }
}
