internal import SecondMeAvatarCore

/// A reply, piece by piece. Pieces that have not been taken yet become one, so a slow reader holds up nothing.
///
/// A task that is cancelled while it waits, ``stop()``, or letting go of this gives the question up if it has not gone
/// out yet. If it has, what still comes of its reply are events like any, and the next question goes out at once. What
/// fails is thrown after the last piece, as an ``AvatarError``.
public final class ReplyStream: AsyncSequence, Sendable {
    /// Or why the question could not be asked.
    private let core: Result<CorePieces, any Error>
    private let pieces = Locked(ArraySlice<Piece>())

    init(_ ask: () throws -> CorePieces) {
        core = Result { try ask() }
    }

    /// The whole reply, once all its pieces have come; nil before, and after a failure.
    public var reply: Reply? { (try? core.get())?.reply().map { Reply($0) } }

    /// The next piece; nil when the reply is complete.
    public func next(isolation: isolated (any Actor)? = #isolation) async throws -> Piece? {
        let core = try core.get()
        var isOver = false
        while true {
            try Task.checkCancellation()
            if let piece = try take(from: core) { return piece }
            if isOver { return nil }
            isOver = await !withTaskCancellationHandler {
                await core.ready()
            } onCancel: {
                core.end()
            }
        }
    }

    /// Stops: the rest of the reply is not wanted. What has come can still be iterated over. The next question goes out
    /// at once, and gets its own answer. Once more does no harm.
    public func stop() {
        (try? core.get())?.stop()
    }

    /// For `for try await`.
    public func makeAsyncIterator() -> Iterator { Iterator(stream: self) }

    /// Iterates over the pieces. All iterators of one stream take from the same queue.
    public struct Iterator: AsyncIteratorProtocol, Sendable {
        fileprivate let stream: ReplyStream

        /// The next piece; nil when the reply is complete.
        public func next() async throws -> Piece? { try await stream.next() }

        /// The same, on the actor that iterates.
        public func next(isolation actor: isolated (any Actor)?) async throws -> Piece? {
            try await stream.next(isolation: actor)
        }
    }

    private func take(from core: CorePieces) throws -> Piece? {
        try pieces.withLock { pieces in
            if pieces.isEmpty { pieces = try failing { try core.drain(max: batchSize) }.map { Piece($0) }[...] }
            return pieces.popFirst()
        }
    }
}

/// A piece of a reply.
public struct Piece: Sendable, Equatable {
    /// Who says it: the avatar, or its owner in person.
    public let author: Author
    /// The next piece of the text; empty where a piece is a card.
    public let text: String
}

extension Piece: CustomStringConvertible, CustomReflectable {
    /// What it is, without what people say.
    public var description: String { "Piece(\(author.rawValue), \(text.count) characters)" }
    /// Nothing that `description` does not say.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Piece {
    init(_ core: CorePiece) {
        self.init(author: Author(core.author), text: core.text)
    }
}
