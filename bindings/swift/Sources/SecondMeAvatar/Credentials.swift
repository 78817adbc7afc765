internal import SecondMeAvatarCore

/// What the service answers to an authentication: all that is needed to speak as one visitor, without the API key.
///
/// A server with the key gets them (``AvatarClient/authenticate(_:deadline:)``) and gives them to an app as JSON, which
/// speaks as that visitor and as no other. They are a secret: give each user their own alone, over TLS. Printed, they show
/// only whose they are.
public struct Credentials: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
    private let json: String
    /// The id of the visitor that they are of.
    public let visitorID: String

    /// Reads what ``toJSON()`` wrote.
    ///
    /// Throws an ``AvatarError`` of kind ``AvatarError/Kind-swift.enum/invalidAnswer`` where the text is anything else. The
    /// error does not repeat it.
    public init(json text: String) throws {
        let core = try failing { try parseCredentials(json: text) }
        (json, visitorID) = (core.json, core.visitorId)
    }

    /// One line of JSON, with the service's own names: `visitorId`, `visitorToken`, `visitorUserId`, `visitorMindId` (digits
    /// in a string), `avatarShareCode`, `avatarName` and `ownerUserId`.
    public func toJSON() -> String { json }

    /// The visitor that they are of, to be opened: a program that has none of its own learns here who it is.
    public func visitor() -> Visitor { Visitor(id: visitorID) }

    public var description: String { "Credentials(\(visitorID))" }

    public var customMirror: Mirror { Mirror(self, children: ["visitorID": visitorID]) }
}

/// What a function that gives visitors' credentials is asked for: see ``AvatarClient/withCredentials(options:credentials:)``.
public struct CredentialsRequest: Sendable, Hashable {
    /// Whose credentials are wanted: the ``Visitor/id`` that the conversation was opened for.
    public let visitorID: String
    /// The service has refused the credentials that were given last: the server has to get others.
    public let refused: Bool

    /// A request, for tests of a function of yours.
    public init(visitorID: String, refused: Bool) {
        self.visitorID = visitorID
        self.refused = refused
    }
}

extension AvatarClient {
    /// A client without an API key, for an app: `credentials` gives each visitor's ``Credentials``, which a server with the
    /// key gets with ``authenticate(_:deadline:)``. All the rest works as with a key. Nothing is sent yet.
    ///
    /// ```swift
    /// let client = try AvatarClient.withCredentials { try await backend.credentials(anew: $0.refused) }
    /// let chat = try await client.open(backend.credentials(anew: false).visitor())
    /// ```
    ///
    /// The visitor to open is the one that the credentials name: the server knows who its user is, and the app does not
    /// choose. Through the Avatar Open API only: Visitor Chat wants the key in every call.
    ///
    /// Throws an ``AvatarError`` of kind ``AvatarError/Kind-swift.enum/misuse`` where an option cannot be.
    ///
    /// - Parameter credentials: gives a visitor's credentials. It is asked once for each visitor of whom the client has none,
    ///   in its ``ClientOptions/store`` neither, and again when the service has refused them. Where it runs, its failures, its
    ///   time limit and its end are those of `token` in ``visitorChat(apiKey:options:token:)``. Credentials of another visitor
    ///   than the one asked for are an error of kind ``AvatarError/Kind-swift.enum/misuse``.
    public static func withCredentials(
        options: ClientOptions = ClientOptions(),
        credentials: @escaping @Sendable (CredentialsRequest) async throws -> Credentials
    ) throws -> AvatarClient {
        let client = try AvatarClient(options) {
            try CoreClient.withCredentials(options: options.core(apiKey: nil))
        }
        client.answerRequests {
            try await credentials(CredentialsRequest(visitorID: $0.visitorID, refused: $0.refused)).toJSON()
        }
        return client
    }

    /// Gets a visitor's ``Credentials``, for an app that must not have the key. Nothing is opened.
    ///
    /// Give them to the user whose visitor this is and to no other: derive the visitor from the login that your server has
    /// verified, never from the request. Each call counts in the key's quota, and waits for its slot.
    ///
    /// - Parameter deadline: the time limit, retries and waits included. Default: ``ClientOptions/openDeadline``.
    public func authenticate(_ visitor: Visitor, deadline: Duration? = nil) async throws -> Credentials {
        let deadline = try milliseconds(deadline)
        let json = try await cancellable { cancel in
            try await self.core.authenticate(visitor: visitor.core, deadlineMs: deadline, cancel: cancel)
        }
        return try Credentials(json: json)
    }

    /// Replaces the API key by another one of the same avatar, while conversations live. Later calls that show the key show
    /// this one; the visitors' tokens live on, and what was being said goes on. Set it first, and disable the earlier key
    /// then.
    ///
    /// Throws an ``AvatarError`` of kind ``AvatarError/Kind-swift.enum/misuse`` where the text cannot be a key, or where this
    /// client has none to replace.
    public func setAPIKey(_ apiKey: String) throws {
        try failing { try core.setApiKey(apiKey: apiKey) }
    }
}
