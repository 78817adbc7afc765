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
/// When it and all its conversations are let go of, its work ends at once; ``close(within:)`` first sends what is
/// still to be sent.
public final class AvatarClient: Sendable {
    let core: CoreClient
    private let reports: Task<Void, Never>?

    /// A client for this API key; without one, for the key in `SECONDME_API_KEY`. Nothing is sent yet.
    ///
    /// Throws an ``AvatarError`` where the key or an option cannot be.
    public init(apiKey: String? = nil, options: ClientOptions = ClientOptions()) throws {
        let core = try failing { try CoreClient(options: options.core(apiKey: apiKey)) }
        self.core = core
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
    }

    /// Opens the conversation of this visitor.
    ///
    /// A visitor who has one already gets the same one, and whoever opens it at the same time joins. A visitor
    /// whose conversation was closed goes on with the same session.
    ///
    /// - Parameter deadline: the whole time for it, retries and waits included;
    ///   ``ClientOptions/openDeadline`` if not said otherwise.
    public func open(_ visitor: Visitor, deadline: Duration? = nil) async throws -> Conversation {
        let opened = try await cancellable { cancel in
            try await self.core.open(
                visitor: visitor.core, deadlineMs: deadline?.milliseconds, cancel: cancel)
        }
        return Conversation(opened, of: self)
    }

    /// Takes up what earlier processes left behind in the ``ClientOptions/store``: opens the conversation of every
    /// visitor to whom a durable message is still to be sent, and says who they are. What is given up comes as an
    /// ``Event/Kind-swift.enum/unsent(_:_:)`` event, so subscribe to ``events`` first.
    @discardableResult
    public func recover() async throws -> [String] {
        try await cancellable { try await self.core.recover(cancel: $0) }
    }

    /// A new subscription to the events of all conversations, those that are opened later too.
    public var events: Events { events(raw: false) }

    /// A new subscription, whose events carry the JSON text of the frames they came from if `raw` is true.
    public func events(raw: Bool) -> Events {
        Events(core.events(raw: raw))
    }

    /// Host and port of the proxy between this machine and the service; nil if they are spoken to directly.
    public var proxy: String? { core.proxy() }

    /// What has been counted so far.
    public var stats: Stats { Stats(core.stats()) }

    /// Puts the client's clock forward, for tests: heartbeats, expiries, retries and deadlines that lie on the way
    /// are due at once, and what they are for is begun when this returns.
    public func advanceClock(by duration: Duration) {
        core.advanceClock(byMs: duration.milliseconds)
    }

    /// Closes all conversations, each after sending what is still to be sent. What could not be sent by then is
    /// handed back to whoever waits for it; a durable message stays in the store. Closing twice is no error.
    ///
    /// A task that is cancelled closes all the same: this takes no longer than it is given.
    ///
    /// - Parameter deadline: ``ClientOptions/closeDeadline``, 5 s, if not said otherwise.
    public func close(within deadline: Duration? = nil) async {
        // It fails where it is given up, and nobody can do that here.
        try? await core.shutdown(deadlineMs: deadline?.milliseconds, cancel: nil)
    }
}
