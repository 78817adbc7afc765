#if os(Linux)
    import Foundation
    import Glibc
    import SecondMeAvatar
    import SecondMeAvatarTesting
    import Testing

    /// The app in a process of its own, with its server and the service in others: the key is in theirs alone.
    @Suite struct KeylessTests {
        @Test func theAppSpeaksAndTheKeyIsNowhereInItsMemory() async throws {
            let key = "sk-\(UUID().uuidString)"
            let emulator = try await AvatarEmulator.start("--piece-delay", "1ms", "--api-key", key)
            var options = ClientOptions()
            options.baseURL = emulator.baseURL
            let client = try AvatarClient(apiKey: key, options: options)
            let given = try await client.authenticate(.forUser("myapp", "ada")).toJSON()
            let server = try Server(sessions: ["session-of-ada": given])

            let app = try App(server.url, emulator.baseURL, "session-of-ada")
            let said = try await app.line()
            #expect(said == "You said: Hello")
            let fields = try #require(JSONSerialization.jsonObject(with: Data(given.utf8)) as? [String: Any])
            #expect(try app.memoryHolds(#require(fields["visitorToken"] as? String)), "what is there is found")
            #expect(try !app.memoryHolds(key), "the key is in the app")
            app.end()

            let stranger = try App(server.url, emulator.baseURL, "session-of-eve")
            #expect(try await stranger.line() == "you are not signed in")
            stranger.end()
            await client.close()
        }
    }

    /// The process of the app.
    private final class App: Sendable {
        private let process = Process()
        private let (input, output) = (Pipe(), Pipe())

        init(_ arguments: String...) throws {
            process.executableURL =
                URL(fileURLWithPath: #filePath).appendingPathComponent("../../.build/debug/keyless").standardized
            process.arguments = arguments
            (process.standardInput, process.standardOutput) = (input, output)
            try process.run()
        }

        /// What it says.
        func line() async throws -> String {
            let output = output.fileHandleForReading
            let said = await Task.detached { output.availableData }.value
            return String(decoding: said, as: UTF8.self).trimmingCharacters(in: .newlines)
        }

        func end() {
            try? input.fileHandleForWriting.close()
            process.waitUntilExit()
        }

        /// Whether its memory holds the text.
        func memoryHolds(_ text: String) throws -> Bool {
            let folder = "/proc/\(process.processIdentifier)"
            let memory = open("\(folder)/mem", O_RDONLY)
            try #require(memory >= 0)
            defer { close(memory) }
            let wanted = Array(text.utf8)
            let maps = String(decoding: try Data(contentsOf: URL(fileURLWithPath: "\(folder)/maps")), as: UTF8.self)
            for line in maps.split(separator: "\n") {
                let fields = line.split(separator: " ")
                let range = fields[0].split(separator: "-").compactMap { Int($0, radix: 16) }
                guard range.count == 2, fields[1].first == "r" else { continue }
                var block = [UInt8](repeating: 0, count: range[1] - range[0])
                let read = pread(memory, &block, block.count, range[0])
                guard read > 0 else { continue }
                let found = block.withUnsafeBytes { bytes in
                    bytes.baseAddress.flatMap { memmem($0, read, wanted, wanted.count) } != nil
                }
                if found { return true }
            }
            return false
        }
    }

    /// The app's server, in its smallest form: it answers each session with what it has for it.
    private final class Server: Sendable {
        let url: String
        private let listening: Int32

        init(sessions: [String: String]) throws {
            let listening = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let port = try withUnsafeMutablePointer(to: &address) {
                try $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    try #require(bind(listening, $0, length) == 0 && listen(listening, 9) == 0)
                    try #require(getsockname(listening, $0, &length) == 0)
                }
                return UInt16(bigEndian: $0.pointee.sin_port)
            }
            self.listening = listening
            url = "http://127.0.0.1:\(port)/avatar"
            Thread.detachNewThread {
                while case let call = accept(listening, nil, nil), call >= 0 {
                    var block = [UInt8](repeating: 0, count: 65_536)
                    let received = recv(call, &block, block.count, 0)
                    let asked = String(decoding: block.prefix(max(0, received)), as: UTF8.self)
                    let body = sessions.first { asked.contains("Bearer \($0.key)\r\n") }?.value
                    let status = body == nil ? "401 Unauthorized" : "200 OK"
                    let head = "HTTP/1.1 \(status)\r\nConnection: close\r\nCache-Control: no-store\r\n"
                    let answer = head + "Content-Length: \(body?.utf8.count ?? 0)\r\n\r\n" + (body ?? "")
                    _ = Array(answer.utf8).withUnsafeBytes { send(call, $0.baseAddress, $0.count, 0) }
                    close(call)
                }
            }
        }

        deinit {
            shutdown(listening, Int32(SHUT_RDWR))
            close(listening)
        }
    }
#endif
