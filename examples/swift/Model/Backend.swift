import Foundation
import SecondMeAvatar

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The app's own server. It has the API key and knows who is signed in, and so which visitor that is:
/// `examples/python/credentials_server.py` and `examples/node/credentials-server.mjs` are such servers. Neither the key nor
/// the choice of a visitor is in the app.
public actor Backend {
    private let url: String
    private let session: @Sendable () -> String
    private var asking: Task<Credentials, any Error>?

    /// - Parameter session: what the server knows the signed-in user by.
    public init(url: String, session: @escaping @Sendable () -> String) {
        self.url = url
        self.session = session
    }

    /// The credentials of the signed-in user's visitor; others where the service has refused those that there were.
    public func credentials(anew: Bool = false) async throws -> Credentials {
        if let asking, !anew { return try await asking.value }
        let asked = Task { try await fetch() }
        asking = asked
        do {
            return try await asked.value
        } catch {
            if asking == asked { asking = nil }
            throw error
        }
    }

    private func fetch() async throws -> Credentials {
        guard let url = URL(string: url) else { throw URLError(.badURL) }
        var request = URLRequest(url: url, timeoutInterval: 10)
        request.httpMethod = "POST"
        request.setValue("Bearer \(session())", forHTTPHeaderField: "Authorization")
        let (body, answer) = try await URLSession.shared.data(for: request)
        switch (answer as? HTTPURLResponse)?.statusCode {
        case 200: return try Credentials(json: String(decoding: body, as: UTF8.self))
        case 401: throw SignedOut()
        // Passes perhaps, so the client asks again within the deadline of its call.
        default: throw URLError(.badServerResponse)
        }
    }

    /// The server knows nothing of the session.
    public struct SignedOut: LocalizedError {
        public var errorDescription: String? { "you are not signed in" }
    }
}
