internal import SecondMeAvatarCore

/// A reply, piece by piece. Pieces that have not been taken yet become one, so a slow reader holds up nothing.
///
/// A task that is cancelled while it waits, ``stop()``, or letting go of this gives the question up if it has not gone
/// out yet. If it has, what still comes of its reply are events like any, and the next question goes out at once. What
/// fails is thrown after the last piece, as an ``AvatarError``.
public final class ReplyStream: AsyncSequence, Sendable {
    private let core: CorePieces
    private let pieces = Locked(ArraySlice<String>())

    init(_ core: CorePieces) {
        self.core = core
    }

    /// The whole reply, once all its pieces have come; nil before, and after a failure.
    public var reply: Reply? { core.reply().map(Reply.init) }

    /// The next piece of the text; nil when the reply is complete.
    public func next(isolation: isolated (any Actor)? = #isolation) async throws -> String? {
        var isOver = false
        while true {
            try Task.checkCancellation()
            if let piece = try take() { return piece }
            if isOver { return nil }
            isOver = await !withTaskCancellationHandler {
                await core.ready()
            } onCancel: {
                core.finish()
            }
        }
    }

    /// Stops: the rest of the reply is not wanted. What has come can still be iterated over. The next question goes out
    /// at once, and gets its own answer. Once more does no harm.
    public func stop() {
        core.stop()
    }

    /// For `for try await`.
    public func makeAsyncIterator() -> Iterator { Iterator(stream: self) }

    /// Iterates over the pieces. All iterators of one stream take from the same queue.
    public struct Iterator: AsyncIteratorProtocol, Sendable {
        fileprivate let stream: ReplyStream

        /// The next piece of the text; nil when the reply is complete.
        public func next() async throws -> String? { try await stream.next() }

        /// The same, on the actor of whoever iterates.
        public func next(isolation actor: isolated (any Actor)?) async throws -> String? {
            try await stream.next(isolation: actor)
        }
    }

    private func take() throws -> String? {
        try pieces.withLock { pieces in
            if pieces.isEmpty {
                // A piece that is a card has no text: the whole reply has it.
                pieces = try failing { try core.drain() }.map(\.text).filter { !$0.isEmpty }[...]
            }
            return pieces.popFirst()
        }
    }
}
