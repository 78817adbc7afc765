internal import SecondMeAvatarCore

/// How many events cross the language border at once.
let batchSize: UInt32 = 256

/// A subscription to events. It begins when it is made, and ends with the conversation or the client, with
/// ``finish()`` or ``cancel()``, or when it is released.
///
/// ```swift
/// for await event in chat.events {
///     switch event.kind {
///     case .ownerReply(let reply): print("in person:", reply.text)
///     default: break
///     }
/// }
/// ```
///
/// The queue behind it is bounded, and nothing is dropped: when it is full, the socket is read no further until there
/// is room again. So release a subscription that is no longer read, or cancel it.
///
/// No event is lost when a task that iterates is cancelled: the next iteration over the same subscription
/// gets the next event. Several may iterate over one subscription; each event then goes to one of them.
///
/// For a time limit use the argument `timeout`. A task group in which a sleep races with ``next(isolation:)`` may end with
/// the sleep in the moment in which the other task has taken an event, and drops what that task gives then.
public final class Events: AsyncSequence, Sendable {
    private let core: CoreEvents
    private let batch = Locked(ArraySlice<Event>())

    init(_ core: CoreEvents) {
        self.core = core
    }

    /// The next event; nil when there will be no more, or when the task is cancelled.
    ///
    /// Runs where it is called: an actor takes events that have come without leaving itself.
    public func next(isolation: isolated (any Actor)? = #isolation) async -> Event? {
        try? await next(until: nil, isolation: isolation)
    }

    /// The same, with a time limit: nil when there will be no more. An event that comes in the last moment is returned.
    ///
    /// Throws an ``AvatarError`` of kind ``AvatarError/Kind-swift.enum/deadline`` if nothing comes within `timeout`, and
    /// `CancellationError` if the task is cancelled; what comes later is the next one.
    public func next(
        timeout: Duration, isolation: isolated (any Actor)? = #isolation
    ) async throws -> Event? {
        try await next(until: TimeLimit(timeout), isolation: isolation)
    }

    /// What `pick` returns for the first event for which that is not nil; events before it are skipped.
    ///
    /// ```swift
    /// let events = chat.events
    /// try await chat.send("Is anybody there?")
    /// let answer = try await events.waitFor(timeout: .seconds(60)) { event in
    ///     if case .ownerReply(let reply) = event.kind { reply } else { nil }
    /// }
    /// ```
    ///
    /// - Parameter timeout: the time limit for all of it; nil: no limit.
    ///
    /// Throws an ``AvatarError`` of kind ``AvatarError/Kind-swift.enum/deadline`` if it does not come in this time, one of
    /// kind ``AvatarError/Kind-swift.enum/closed`` if the subscription ends before it comes, and `CancellationError` if
    /// the task is cancelled; except where it has ended, the subscription then goes on.
    public func waitFor<Picked>(
        timeout: Duration? = nil, isolation: isolated (any Actor)? = #isolation, _ pick: (Event) throws -> Picked?
    ) async throws -> Picked {
        let limit = try timeout.map(TimeLimit.init)
        while let event = try await next(until: limit, isolation: isolation) {
            if let picked = try pick(event) { return picked }
        }
        throw AvatarError(.closed, "the subscription ended before the event that is waited for came")
    }

    /// Ends the subscription and keeps what has come: it can still be iterated over. Once more does no harm.
    public func finish() {
        core.finish()
    }

    /// Ends the subscription now and drops what has come: an iteration over it has come to the end. Once more does no
    /// harm.
    public func cancel() {
        core.end()
        batch.withLock { $0 = [] }
    }

    /// For `for await`.
    public func makeAsyncIterator() -> Iterator { Iterator(events: self) }

    /// Iterates over a subscription. All iterators of one take from the same queue.
    public struct Iterator: AsyncIteratorProtocol, Sendable {
        fileprivate let events: Events

        /// The next event; nil when there will be no more, or when the task is cancelled.
        public func next() async -> Event? { await events.next() }

        /// The same, on the actor that iterates.
        public func next(isolation actor: isolated (any Actor)?) async -> Event? {
            await events.next(isolation: actor)
        }
    }

    /// An event that is taken is returned, whatever the time is and whether or not the task is cancelled then.
    private func next(until limit: TimeLimit?, isolation: isolated (any Actor)?) async throws -> Event? {
        while true {
            try Task.checkCancellation()
            if let event = take() { return event }
            if let limit, limit.isOver { throw AvatarError(.deadline, "no event came within \(limit.duration)") }
            guard await wait(until: limit) else { return take() }
        }
    }

    /// An event that has come. Nothing is awaited between taking it and handing it on: so none can be lost.
    private func take() -> Event? {
        batch.withLock { batch in
            if batch.isEmpty { batch = Event.all(of: core.drain(max: batchSize))[...] }
            return batch.popFirst()
        }
    }

    /// Waits until something may have come, or the time is over; false if nothing will come any more. A wait that is
    /// cancelled has taken nothing.
    private func wait(until limit: TimeLimit?) async -> Bool {
        let cancel = CoreCancel()
        let alarm = limit.map { limit in
            Task {
                try await limit.passes()
                cancel.cancel()
            }
        }
        defer { alarm?.cancel() }
        return await withTaskCancellationHandler {
            await core.ready(cancel: cancel)
        } onCancel: {
            cancel.cancel()
        }
    }
}

/// When a wait is to end.
private struct TimeLimit: Sendable {
    let duration: Duration
    private let end: ContinuousClock.Instant

    init(_ duration: Duration) throws {
        try refuseNegative(duration, "timeout")
        self.duration = duration
        // Instants have an end as well; no wait is that long.
        end = .now + min(duration, .seconds(3_000_000_000))
    }

    var isOver: Bool { ContinuousClock.now >= end }

    func passes() async throws { try await Task.sleep(until: end, clock: .continuous) }
}
