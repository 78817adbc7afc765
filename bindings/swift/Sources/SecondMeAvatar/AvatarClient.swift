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

    /// Deletes everything that the ``ClientOptions/store`` holds of this visitor: ids and token, messages that are still to
    /// be sent, notes, claims. When it returns, nothing of it is in the store's files. A visitor of whom there is nothing is no
    /// error.
    ///
    /// An open conversation of the visitor is closed first, at once: what was still to be sent is not, and durable messages
    /// are deleted. Opening the visitor again begins a new session. This store only: nothing is deleted at the service, in
    /// backups, or in logs.
    ///
    /// The file is written anew, which takes a moment for each 10,000 visitors in it: to delete many, use
    /// ``forgetIdle(longerThan:)``.
    ///
    /// Throws an ``AvatarError`` of kind ``AvatarError/Kind-swift.enum/store`` if another client of the same store, in this
    /// process or in another one, has the visitor open or has messages of the visitor to send: then nothing is deleted, and
    /// the conversation here is closed all the same. So it does if the bytes cannot be removed, since another program reads
    /// the file or the disk is full: then call it again. A client without a store forgets what it has in memory.
    public func forget(_ visitor: Visitor) async throws {
        try await cancellable { try await self.core.forget(visitor: visitor.core, cancel: $0) }
    }

    /// Everything that the ``ClientOptions/store`` holds of this visitor, as a JSON text in which secrets are left out: for
    /// a person who asks what is kept. Of a visitor of whom there is nothing, `holds_data` is `false`.
    ///
    /// Throws an ``AvatarError`` of kind ``AvatarError/Kind-swift.enum/store`` if the store cannot be read, and of kind
    /// ``AvatarError/Kind-swift.enum/unsupported`` without a store.
    public func export(_ visitor: Visitor) async throws -> String {
        try await cancellable { try await self.core.export(visitor: visitor.core, cancel: $0) }
    }

    /// Forgets all visitors of whom nothing was written to the ``ClientOptions/store`` for longer than this, and returns how
    /// many. The option ``ClientOptions/retention`` does the same by itself. Visitors with an open conversation, in this
    /// client or in another one of the same store, and those with a durable message whose deadline has not passed, are not
    /// idle.
    ///
    /// Throws as ``forget(_:)`` does, except that visitors in use are passed over.
    @discardableResult
    public func forgetIdle(longerThan idle: Duration) async throws -> Int {
        let idle = try milliseconds(idle, "longerThan") ?? 0
        return Int(
            clamping: try await cancellable { try await self.core.forgetIdle(longerThanMs: idle, cancel: $0) })
    }

    /// Writes a note: a small text that the program keeps with this visitor, in place of the one under this key. When it
    /// returns, the note outlives the process.
    ///
    /// Notes are in the ``ClientOptions/store``: sealed where it is, in its copies and exports, and forgotten with the
    /// visitor. Without a store they are in memory until the client is closed. **Keys are not sealed:** put no secret and no
    /// word of a person into a key. Where a store does not know the API key yet, the visitor is authenticated first.
    ///
    /// Throws an ``AvatarError`` of kind ``AvatarError/Kind-swift.enum/misuse`` if a parameter is out of its bounds; then
    /// nothing is written.
    ///
    /// - Parameters:
    ///   - key: 1 to 200 bytes of UTF-8.
    ///   - text: at most 16 KiB of UTF-8.
    ///   - lifetime: after this time, more than zero, the note counts as deleted. Default: never.
    public func setNote(
        _ visitor: Visitor, _ key: String, _ text: String, lifetime: Duration? = nil
    ) async throws {
        let lifetime = try milliseconds(lifetime, "lifetime", "more than 0")
        try await cancellable {
            try await self.core.setNote(
                visitor: visitor.core, key: key, text: text, lifetimeMs: lifetime, cancel: $0)
        }
    }

    /// Writes a note unless there is one under this key that has not expired, and returns whether it was written. Of several
    /// that add the same note at the same time, one succeeds, also among the processes that use the same store file. The
    /// parameters are those of ``setNote(_:_:_:lifetime:)``.
    public func addNote(
        _ visitor: Visitor, _ key: String, _ text: String, lifetime: Duration? = nil
    ) async throws -> Bool {
        let lifetime = try milliseconds(lifetime, "lifetime", "more than 0")
        return try await cancellable {
            try await self.core.addNote(
                visitor: visitor.core, key: key, text: text, lifetimeMs: lifetime, cancel: $0)
        }
    }

    /// The text of the visitor's note under this key; nil where there is none, or it has expired.
    public func note(_ visitor: Visitor, _ key: String) async throws -> String? {
        try await cancellable { try await self.core.note(visitor: visitor.core, key: key, cancel: $0) }
    }

    /// Deletes the visitor's note under this key, and returns whether there was one that had not expired.
    @discardableResult
    public func deleteNote(_ visitor: Visitor, _ key: String) async throws -> Bool {
        try await cancellable { try await self.core.deleteNote(visitor: visitor.core, key: key, cancel: $0) }
    }

    /// The notes of all visitors whose keys begin so, and that have not expired. The one that was first written longest ago
    /// comes first; one that was replaced keeps its place. All notes, with an empty prefix.
    public func notes(_ prefix: String) async throws -> [Note] {
        try await cancellable { try await self.core.notes(prefix: prefix, cancel: $0) }.map { Note($0) }
    }

    /// Makes a call of the service that this library does not know, and returns the `data` of the answer's envelope as a
    /// JSON text, as the service wrote it; `null` in it where there is none.
    ///
    /// The path goes on after the base URL, such as `/rest/general/message/latest?sessionId=…`, and cannot lead elsewhere.
    /// Nothing is sent twice but after the visitor's token was refused. ``ClientOptions/onCall`` is told of calls with a
    /// visitor alone.
    ///
    /// Throws an ``AvatarError`` of kind ``AvatarError/Kind-swift.enum/misuse``, and nothing is sent, if the method is
    /// unknown, the path could lead to outside of the base URL, or the body is not JSON; of kind
    /// ``AvatarError/Kind-swift.enum/invalidAnswer`` if the answer is not the service's envelope, as a redirect.
    ///
    /// - Parameters:
    ///   - method: GET, POST, PUT, PATCH or DELETE.
    ///   - body: a JSON text, which goes out as it is.
    ///   - visitor: shows this visitor's token, renewed where it is refused. Default: the API key, with a slot of its quota.
    ///   - deadline: the time limit, with the wait for the quota. Default: ``ClientOptions/openDeadline``.
    public func request(
        _ method: String, _ path: String, body: String? = nil, visitor: Visitor? = nil, deadline: Duration? = nil
    ) async throws -> String {
        let deadline = try milliseconds(deadline)
        return try await cancellable {
            try await self.core.request(
                method: method, path: path, body: body, visitor: visitor?.core, deadlineMs: deadline, cancel: $0)
        }
    }

    /// A new subscription to the events of all conversations, those that are opened later too.
    public var events: Events { events(raw: false) }

    /// A new subscription, whose events carry the JSON text of the frames they came from if `raw` is true.
    public func events(raw: Bool) -> Events {
        Events(core.events(raw: raw))
    }

    /// What `pick` returns for the first event of any conversation, from now on, for which that is not nil: see
    /// ``Events/waitFor(timeout:isolation:_:)``.
    public func waitFor<Picked>(
        timeout: Duration? = nil, isolation: isolated (any Actor)? = #isolation, _ pick: (Event) throws -> Picked?
    ) async throws -> Picked {
        try await events.waitFor(timeout: timeout, isolation: isolation, pick)
    }

    /// Host and port of the proxy between this machine and the service; nil if the connection is direct.
    public var proxy: String? { core.proxy() }

    /// What has been counted so far.
    public var stats: Stats { Stats(core.stats()) }

    /// Moves the client's clock forward, for tests. Heartbeats, expiries, retries and deadlines in between are due at
    /// once, and have begun when this returns. Calls that are under way get their answers first, except those that
    /// take more than 0.1 s of real time.
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
