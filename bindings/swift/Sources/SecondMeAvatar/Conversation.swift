internal import SecondMeAvatarCore

/// A conversation with the avatar.
///
/// It continues when this is released: its events still reach ``AvatarClient/events``, and opening the visitor again
/// returns it again. It ends with ``close()``, or with the client.
public final class Conversation: Sendable {
    /// Whose conversation it is.
    public let client: AvatarClient
    private let core: CoreConversation
    private let delivery = Locked<Delivery?>(nil)

    init(_ core: CoreConversation, of client: AvatarClient) {
        self.core = core
        self.client = client
    }

    deinit {
        delivery.withLock { $0 }?.stop()
    }

    /// Sends a message and returns the whole reply, the avatar's or its owner's.
    ///
    /// Questions of one conversation are answered in order: a second one is sent when the first is answered. A task that
    /// is cancelled gives the question up. The reply comes as an event as well, before this returns: see ``Reply/asked``.
    ///
    /// - Parameters:
    ///   - deadline: the time limit until the reply is complete. Default: ``ClientOptions/askDeadline``.
    ///   - firstPieceDeadline: how long the first piece may take. Default: ``ClientOptions/firstPieceDeadline``.
    ///   - collect: waits for all messages of the avatar's turn, which is over when the avatar has been silent for so long.
    ///     The reply has their texts, each on a line of its own, and their parts, sources and speech in order. Without it
    ///     the first message is the answer, and the others come as events.
    ///   - messageID: the id under which the question goes out; ``newMessageID()`` makes one. A program that keeps it before
    ///     it asks finds out after a crash whether the service took the question: ``history(_:before:)`` has it under this
    ///     id. One of another form, or under which a message of this visitor has gone out or waits, is an error of kind
    ///     ``AvatarError/Kind-swift.enum/misuse``, and nothing is sent. Visitor Chat takes no ids: there it names the
    ///     message in this client only.
    public func ask(
        _ text: String, deadline: Duration? = nil, firstPieceDeadline: Duration? = nil, collect: Duration? = nil,
        messageID: String? = nil
    ) async throws -> Reply {
        let question = try question(text, deadline, firstPieceDeadline, collect, messageID)
        return Reply(try await cancellable { try await self.core.ask(question: question, cancel: $0) })
    }

    /// Sends a message now, and returns the reply piece by piece. Each piece has its author: the avatar, or its owner who
    /// takes over. Afterwards the whole reply is ``ReplyStream/reply``.
    ///
    /// ```swift
    /// for try await piece in chat.stream("Hello") { print(piece.text, terminator: "") }
    /// ```
    public func stream(
        _ text: String, deadline: Duration? = nil, firstPieceDeadline: Duration? = nil, collect: Duration? = nil,
        messageID: String? = nil
    ) -> ReplyStream {
        ReplyStream { core.stream(question: try question(text, deadline, firstPieceDeadline, collect, messageID)) }
    }

    /// Sends a message, and returns when the service has taken it.
    ///
    /// While the socket is down the message waits. A lost answer does not send it twice, unless
    /// ``ClientOptions/delivery-swift.property`` says so. A message that is given up comes back with the error.
    @discardableResult
    public func send(
        _ text: String, deadline: Duration? = nil, messageID: String? = nil
    ) async throws -> Sent {
        let message = CoreMessage(text: text, deadlineMs: try milliseconds(deadline), messageId: messageID)
        return Sent(try await cancellable { try await self.core.send(message: message, cancel: $0) })
    }

    /// Keeps a message in the client's ``ClientOptions/store`` until the service has taken it, and returns its id. Once
    /// this returns, the message survives the process, and is sent when it can be, once.
    ///
    /// That the service has it is told by ``Event/Kind-swift.enum/delivered(text:messageID:)``; a message that is
    /// given up comes back as ``Event/Kind-swift.enum/unsent(message:error:)``.
    @discardableResult
    public func sendDurable(
        _ text: String, deadline: Duration? = nil, messageID: String? = nil
    ) async throws -> String {
        let message = CoreMessage(text: text, deadlineMs: try milliseconds(deadline), messageId: messageID)
        return try await cancellable { try await self.core.sendDurable(message: message, cancel: $0) }
    }

    /// A new subscription to what happens in this conversation from now on.
    public var events: Events { events(raw: false) }

    /// A new subscription, whose events carry the JSON text of the frames they came from if `raw` is true.
    public func events(raw: Bool) -> Events {
        Events(core.events(raw: raw))
    }

    /// What `pick` returns for the first event, from now on, for which that is not nil: see
    /// ``Events/waitFor(timeout:isolation:_:)``. Where the event may happen at once, take ``events`` first and wait there.
    public func waitFor<Picked>(
        timeout: Duration? = nil, isolation: isolated (any Actor)? = #isolation, _ pick: (Event) throws -> Picked?
    ) async throws -> Picked {
        try await events.waitFor(timeout: timeout, isolation: isolation, pick)
    }

    /// The last `count` messages (1 to 1000), oldest first; with `before`, those before the message with that
    /// ``HistoryMessage/seqID``.
    ///
    /// Where the service does not offer it, that is an error of kind ``AvatarError/Kind-swift.enum/unsupported``.
    public func history(_ count: Int = 50, before: String? = nil) async throws -> [HistoryMessage] {
        let number = try SecondMeAvatar.count(count, "the number of messages", "1 to 1000") ?? 0
        let messages = try await cancellable { cancel in
            try await self.core.history(count: number, before: before, cancel: cancel)
        }
        return messages.map { HistoryMessage($0) }
    }

    /// Opens another conversation of the same visitor, with a session of its own, on the same socket.
    public func newSession() async throws -> Conversation {
        Conversation(try await cancellable { try await self.core.newSession(cancel: $0) }, of: client)
    }

    /// The avatar's opening line; may be empty.
    public var opening: String { core.opening() }
    /// The avatar's name; may be empty.
    public var avatarName: String { core.avatarName() }
    /// Who talks with the avatar here.
    public var visitorID: String { core.visitorId() }
    /// The visitor's ``Visitor/tag``.
    public var tag: String? { core.tag() }
    /// The session's id on the service.
    public var sessionID: String? { core.sessionId() }
    /// Which one of the visitor's conversations: ``Event/conversation``. The first is 0.
    public var key: Int { Int(core.key()) }
    /// Whether the avatar's owner has the conversation: has said something in person, and the avatar nothing since
    /// (``Event/Kind-swift.enum/takenOver``, ``Event/Kind-swift.enum/handedBack``).
    ///
    /// Questions are not held back meanwhile: the owner may answer several at once, or none. One that the owner does
    /// not answer in time fails with an error of kind ``AvatarError/Kind-swift.enum/takenOver``.
    public var takenOver: Bool { core.takenOver() }
    /// Where the conversation stands.
    public var state: State { State(core.state()) }

    /// Closes the socket and keeps the session, for an app that goes to the background. What is said meanwhile comes
    /// after ``resume()``. Other conversations of the visitor are paused with it.
    public func pause() async throws {
        try await cancellable(even: true) { try await self.core.pause(cancel: $0) }
    }

    /// Connects again after a ``pause()``. The next message does so too.
    public func resume() async throws {
        try await cancellable { try await self.core.resume(cancel: $0) }
    }

    /// Tells that the network has changed (from an `NWPathMonitor`, say): the socket is connected again now, and not when
    /// its silence is noticed.
    public func networkChanged() async throws {
        try await cancellable { try await self.core.networkChanged(cancel: $0) }
    }

    /// Closes the conversation after sending what is still to be sent, within ``ClientOptions/closeDeadline``.
    /// Opening the visitor again goes on with the same session. A task that is cancelled closes it, but does not wait.
    public func close() async throws {
        try await cancellable(even: true) { try await self.core.leave(cancel: $0) }
    }

    /// Closes the conversation and ends its session on the service, as far as that offers it: the next `open` begins
    /// a new one.
    public func end() async throws {
        try await cancellable(even: true) { try await self.core.end(cancel: $0) }
    }

    /// Is told what happens here from now on, as long as this conversation is held; held weakly.
    public var delegate: (any ConversationDelegate)? {
        get { delivery.withLock { $0 }?.delegate }
        set {
            let next = newValue.map { Delivery(events, of: self, to: $0) }
            delivery.exchange(for: next)?.stop()
        }
    }
}

/// A question as the core takes it.
private func question(
    _ text: String, _ deadline: Duration?, _ firstPiece: Duration?, _ collect: Duration?, _ messageID: String?
) throws -> CoreQuestion {
    CoreQuestion(
        text: text, deadlineMs: try milliseconds(deadline),
        firstPieceDeadlineMs: try milliseconds(firstPiece, "firstPieceDeadline"),
        collectMs: try milliseconds(collect, "collect"), messageId: messageID)
}
