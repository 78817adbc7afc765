internal import SecondMeAvatarCore

/// A client for one API key, that is for one avatar.
///
/// ```swift
/// let client = try AvatarClient(apiKey: "sk-…")
/// let chat = try await client.open(.forUser("ios", userID, name: "Ada"))
/// print(chat.opening)
/// print(try await chat.ask("Hello, tell me about yourself").text)
/// ```
///
/// This is the Avatar Open API. ``visitorChat(apiKey:options:token:)`` makes a client that speaks through the service's
/// other API; all that follows is the same.
///
/// When it and all its conversations are released, its work ends at once; ``close()`` first sends what is still to be
/// sent.
public final class AvatarClient: Sendable {
    /// The version of this library.
    public static let version = "0.1.0"

    let core: CoreClient
    private let reports: Task<Void, Never>?

    /// A client for this API key; without one, for the key in `SECONDME_API_KEY`. Nothing is sent yet.
    ///
    /// Throws an ``AvatarError`` where the key or an option cannot be.
    public convenience init(apiKey: String? = nil, options: ClientOptions = ClientOptions()) throws {
        try self.init(options) { try CoreClient(options: options.core(apiKey: apiKey)) }
    }

    init(_ options: ClientOptions, _ make: () throws -> CoreClient) throws {
        let core = try failing(make)
        self.core = core
        if let store = options.store { protect(store: store) }
        reports = options.onCall.map { told in
            let calls = core.calls()
            return Task.detached {
                repeat {
                    for call in calls.drain(max: batchSize).calls { told(CallReport(call)) }
                } while await calls.ready()
            }
        }
    }

    deinit {
        if reports != nil { core.calls().finish() }
        core.tokens()?.finish()
    }

    /// Opens the conversation of this visitor.
    ///
    /// A visitor who has one already gets the same one, and calls at the same time share one opening. A conversation
    /// that was closed goes on with the same session.
    ///
    /// - Parameter deadline: the time limit, retries and waits included. Default: ``ClientOptions/openDeadline``.
    public func open(_ visitor: Visitor, deadline: Duration? = nil) async throws -> Conversation {
        let deadline = try milliseconds(deadline)
        let opened = try await cancellable { cancel in
            try await self.core.open(visitor: visitor.core, deadlineMs: deadline, cancel: cancel)
        }
        return Conversation(opened, of: self)
    }

    /// Opens the conversation of every visitor for whom an earlier process left a durable message in the
    /// ``ClientOptions/store``, and returns their ids. A message that is given up comes as an
    /// ``Event/Kind-swift.enum/unsent(message:error:)`` event, so subscribe to ``events`` first.
    ///
    /// - Parameter all: opens every visitor of the store who has a session. What the avatar's owner says to them is
    ///   received from then on, and so is what was said since the last process ended. ``ClientOptions/maxLive`` limits how
    ///   many are open afterwards.
    @discardableResult
    public func recover(all: Bool = false) async throws -> [String] {
        try await cancellable { try await self.core.recover(all: all, cancel: $0) }
    }

    /// The visitors that the ``ClientOptions/store`` knows, with their names and tags; none without a store.
    public func known() async throws -> [Visitor] {
        try await cancellable { try await self.core.known(cancel: $0) }.map(Visitor.init)
    }

    /// Copies the ``ClientOptions/store`` to this file while it is in use. The copy is a whole store as of this moment, and
    /// replaces an earlier copy. Use only one of the two afterwards: messages that are still to be sent are in both. Do
    /// not copy a store's file by other means while it is open.
    ///
    /// Throws an ``AvatarError`` of kind ``AvatarError/Kind-swift.enum/unsupported`` without a store, and of kind
    /// ``AvatarError/Kind-swift.enum/store`` if the file cannot be written, is in use, or is anything else than a store.
    public func backup(to path: String) async throws {
        try await cancellable { try await self.core.backup(path: path, cancel: $0) }
    }

    /// A new subscription to the events of all conversations, those that are opened later too.
    public var events: Events { events(raw: false) }

    /// A new subscription, whose events carry the JSON text of the frames they came from if `raw` is true.
    public func events(raw: Bool) -> Events {
        Events(core.events(raw: raw))
    }

    /// What `pick` returns for the first event of any conversation, from now on, for which that is not nil: see
    /// ``Events/waitFor(isolation:_:)``.
    public func waitFor<Picked>(
        isolation: isolated (any Actor)? = #isolation, _ pick: (Event) throws -> Picked?
    ) async throws -> Picked {
        try await events.waitFor(isolation: isolation, pick)
    }

    /// Host and port of the proxy between this machine and the service; nil if the connection is direct.
    public var proxy: String? { core.proxy() }

    /// What has been counted so far.
    public var stats: Stats { Stats(core.stats()) }

    /// Moves the client's clock forward, for tests. Heartbeats, expiries, retries and deadlines in between are due at
    /// once, and have begun when this returns.
    public func advanceClock(by duration: Duration) {
        core.advanceClock(byMs: duration.milliseconds)
    }

    /// Closes all conversations, each after sending what is still to be sent, within ``ClientOptions/closeDeadline``. A
    /// message that could not be sent by then is given back to the call that waits for it; a durable message stays in the
    /// store. Closing twice is no error.
    ///
    /// A task that is cancelled closes all the same: this takes no longer than it is given.
    public func close() async {
        await close(milliseconds: nil)
    }

    /// ``close()`` with a deadline of its own. Throws an ``AvatarError`` of kind ``AvatarError/Kind-swift.enum/misuse``
    /// where that is negative.
    public func close(deadline: Duration) async throws {
        await close(milliseconds: try milliseconds(deadline))
    }

    private func close(milliseconds: UInt64?) async {
        // It fails only where it is cancelled, and nothing here does that.
        try? await core.shutdown(deadlineMs: milliseconds, cancel: nil)
    }
}
