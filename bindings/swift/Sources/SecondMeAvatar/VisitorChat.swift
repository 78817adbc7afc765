import Foundation
internal import SecondMeAvatarCore

/// What a function that gives users' tokens is asked for: see ``AvatarClient/visitorChat(apiKey:options:token:)``.
public struct TokenRequest: Sendable, Hashable {
    /// Whose token is wanted: the ``Visitor/id`` that the conversation was opened for. The service is not told it, since
    /// the token says who speaks.
    public let visitorID: String
    /// The service has refused the token that was given last: give another one, refreshed perhaps.
    public let refused: Bool

    /// A request, for tests of a function of yours.
    public init(visitorID: String, refused: Bool) {
        self.visitorID = visitorID
        self.refused = refused
    }
}

extension AvatarClient {
    /// A client that speaks through Visitor Chat for users of the service, each with a token of their own. This is the way
    /// for an app: neither a client secret nor anything that could make a token is in it.
    ///
    /// ```swift
    /// let client = try AvatarClient.visitorChat(apiKey: apiKey) { request in
    ///     request.refused ? try await backend.refreshToken() : try await backend.token()
    /// }
    /// ```
    ///
    /// Throws an ``AvatarError`` of kind ``AvatarError/Kind-swift.enum/misuse`` where the key or an option cannot be.
    ///
    /// - Parameters:
    ///   - apiKey: the avatar's API key; without it, `SECONDME_API_KEY`.
    ///   - token: gives the access token of a user (`lba_at_…`). It is asked once for each visitor, and again when the
    ///     service has refused that visitor's token. It runs in a task of its own, which is cancelled when the client is
    ///     closed or released, or when no call waits for the token any more. It has 20 s to answer: after that its task is
    ///     cancelled, and it is asked again within the deadlines of the calls that wait. What it throws is the error of
    ///     the calls that wait: an ``AvatarError`` keeps its kind, a `URLError` becomes one of kind
    ///     ``AvatarError/Kind-swift.enum/connectionFailed`` and is tried again within the deadlines of those calls, and
    ///     anything else becomes one of kind ``AvatarError/Kind-swift.enum/authentication``.
    public static func visitorChat(
        apiKey: String? = nil, options: ClientOptions = ClientOptions(),
        token: @escaping @Sendable (TokenRequest) async throws -> String
    ) throws -> AvatarClient {
        let client = try AvatarClient(options) {
            try CoreClient.visitorChatWithTokens(options: options.core(apiKey: apiKey))
        }
        client.answerRequests(with: token)
        return client
    }

    /// A client that speaks through Visitor Chat for an app that is registered with the service. It fetches the app's
    /// token, shares it among all visitors, and renews it.
    ///
    /// For servers only: the client secret must not leave your backend. An app that holds it gives it to everyone who
    /// unpacks the app. There, call ``visitorChat(apiKey:options:token:)``.
    ///
    /// Throws an ``AvatarError`` of kind ``AvatarError/Kind-swift.enum/misuse`` where one of the three or an option cannot
    /// be.
    ///
    /// - Parameter apiKey: the avatar's API key; without it, `SECONDME_API_KEY`.
    public static func visitorChat(
        clientID: String, clientSecret: String, apiKey: String? = nil, options: ClientOptions = ClientOptions()
    ) throws -> AvatarClient {
        try AvatarClient(options) {
            try CoreClient.visitorChat(
                clientId: clientID, clientSecret: clientSecret, options: options.core(apiKey: apiKey))
        }
    }

    /// The same with `SECONDME_CLIENT_ID`, `SECONDME_CLIENT_SECRET` and `SECONDME_API_KEY`. For servers only.
    ///
    /// Throws an ``AvatarError`` of kind ``AvatarError/Kind-swift.enum/misuse`` where one of them is not set or cannot be.
    public static func visitorChatFromEnvironment(options: ClientOptions = ClientOptions()) throws -> AvatarClient {
        try AvatarClient(options) { try CoreClient.visitorChatFromEnv(options: options.core(apiKey: nil)) }
    }
}

extension AvatarClient {
    /// Has the function asked for what the client wants of it.
    func answerRequests(with give: @escaping @Sendable (TokenRequest) async throws -> String) {
        if let tokens = core.tokens() {
            Task.detached { await tokens.answerAll(with: give) }
        }
    }
}

extension CoreTokens {
    /// Asks the program's function for each token that is wanted, each time in a task of its own, until there are no more
    /// requests. What still runs then is cancelled.
    func answerAll(with token: @escaping @Sendable (TokenRequest) async throws -> String) async {
        let running = Locked<[Int64: Task<Void, Never>]>([:])
        while await ready() {
            let batch = drain(max: batchSize)
            for request in batch.wanted {
                // Under the lock, so that a task that is over at once finds itself there.
                running.withLock { tasks in
                    tasks[request.ticket] = Task.detached {
                        await self.answer(request, with: token)
                        running.withLock { $0[request.ticket] = nil }
                    }
                }
            }
            for ticket in batch.takenBack { running.withLock { $0[ticket] }?.cancel() }
        }
        for task in running.withLock({ Array($0.values) }) { task.cancel() }
    }

    private func answer(
        _ request: CoreTokenRequest, with token: @Sendable (TokenRequest) async throws -> String
    ) async {
        do {
            let given = try await token(TokenRequest(visitorID: request.visitorId, refused: request.refused))
            answerToken(ticket: request.ticket, token: given)
        } catch {
            // Where its task was cancelled by this library, no call waits for it: this then does nothing.
            failToken(ticket: request.ticket, failure: CoreTokenFailure(error))
        }
    }
}

extension CoreTokenFailure {
    fileprivate init(_ error: any Error) {
        if let error = error as? AvatarError {
            self.init(kind: error.kind.rawValue, words: error.message, code: error.code, mayPass: false)
        } else {
            let said = (error as? any LocalizedError)?.errorDescription ?? String(describing: error)
            let words = "\(type(of: error)): \(said)"
            self.init(kind: nil, words: words, code: nil, mayPass: error is URLError)
        }
    }
}
