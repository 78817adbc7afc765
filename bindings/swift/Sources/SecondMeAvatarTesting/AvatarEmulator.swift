// Where processes can be started.
#if os(macOS) || os(Linux) || os(Windows)
    import Foundation

    #if canImport(FoundationNetworking)
        import FoundationNetworking
    #endif

    /// The SecondMe avatar service on this machine, for tests:
    ///
    /// ```swift
    /// let emulator = try await AvatarEmulator.start()
    /// var options = ClientOptions()
    /// options.baseURL = emulator.baseURL
    /// let client = try AvatarClient(apiKey: emulator.apiKey, options: options)
    /// ```
    ///
    /// It is the program `secondme-avatar-emulator`, whose README says all that it can do. It ends with this object, and
    /// with the process that started it.
    public final class AvatarEmulator: Sendable {
        /// Where it is.
        public let baseURL: String
        /// The API key that it takes.
        public let apiKey: String
        /// Where its Visitor Chat is.
        public let labBaseURL: String
        /// The id of the app that its Visitor Chat knows.
        public let clientID: String
        /// That app's secret.
        public let clientSecret: String
        /// Where it is told what to do.
        public let controlURL: String
        private let process: Process
        /// While this is open, it lives.
        private let input: Pipe

        /// Starts one, on a free port.
        ///
        /// - Parameters:
        ///   - options: of the command line, such as `"--brain", "demo"`.
        ///   - program: where it is; else as `SECONDME_AVATAR_EMULATOR` says, else it is looked for in `PATH`.
        public static func start(_ options: String..., program: String? = nil) async throws -> AvatarEmulator {
            let named = program ?? ProcessInfo.processInfo.environment["SECONDME_AVATAR_EMULATOR"]
            let (process, input, output) = (Process(), Pipe(), Pipe())
            process.executableURL = URL(fileURLWithPath: named ?? "/usr/bin/env")
            process.arguments =
                (named == nil ? ["secondme-avatar-emulator"] : []) + ["--json", "--until-stdin-ends"] + options
            (process.standardInput, process.standardOutput) = (input, output)
            try process.run()
            let line = try await firstLine(of: output.fileHandleForReading)
            return AvatarEmulator(process, input, try JSONDecoder().decode(Ready.self, from: line))
        }

        private struct Ready: Decodable {
            let base_url, api_key, control_url, lab_base_url, client_id, client_secret: String
        }

        private init(_ process: Process, _ input: Pipe, _ ready: Ready) {
            (self.process, self.input) = (process, input)
            (baseURL, apiKey, controlURL) = (ready.base_url, ready.api_key, ready.control_url)
            (labBaseURL, clientID, clientSecret) = (ready.lab_base_url, ready.client_id, ready.client_secret)
        }

        deinit {
            process.terminate()
        }

        /// A `POST` of the control API, with a JSON body: `owner/reply` and `{"sessionId": …, "text": "Hi"}`.
        @discardableResult
        public func post(_ call: String, json: String = "{}") async throws -> Data {
            try await request("POST", call, json)
        }

        /// A `GET` of the control API: `state`, `journal`, `settings`, `faults`.
        public func get(_ call: String) async throws -> Data {
            try await request("GET", call, nil)
        }

        /// The emulator did not start, or refused a call.
        public struct Failure: LocalizedError {
            /// What it said.
            public let errorDescription: String?
        }

        private func request(_ method: String, _ call: String, _ json: String?) async throws -> Data {
            guard let url = URL(string: "\(controlURL)/\(call)") else {
                throw Failure(errorDescription: "no call: \(call)")
            }
            var request = URLRequest(url: url)
            request.httpMethod = method
            if let json {
                request.httpBody = Data(json.utf8)
                request.setValue("application/json", forHTTPHeaderField: "content-type")
            }
            let (data, answer) = try await URLSession.shared.data(for: request)
            guard let status = (answer as? HTTPURLResponse)?.statusCode, 200..<300 ~= status else {
                throw Failure(errorDescription: "\(method) \(call): \(String(decoding: data, as: UTF8.self))")
            }
            return data
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
                let failure = AvatarEmulator.Failure(errorDescription: "the emulator has ended before it was ready")
                continuation.resume(throwing: failure)
            }
        }
    }
#endif
