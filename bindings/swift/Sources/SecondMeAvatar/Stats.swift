internal import SecondMeAvatarCore

/// What a client has counted, over all its conversations.
public struct Stats: Sendable, Equatable {
    /// Visitors with a conversation that is not closed.
    public let visitors: Int
    /// Sockets that are connected.
    public let connected: Int
    /// Visitors who hold a socket or are on their way to one: these count against ``ClientOptions/maxLive``.
    public let live: Int
    /// Visitors who have given up their sockets, and wake by themselves.
    public let paused: Int
    /// Visitors who wait for one of the places of ``ClientOptions/maxLive``.
    public let waitingForSlot: Int
    /// Visitors who wait for the API key's quota.
    public let waitingForQuota: Int
    /// How long the last one of them will wait, as it looks now; zero where nobody waits.
    public let longestQuotaWait: Duration
    /// Visitors of whom the ``ClientOptions/store`` keeps something; 0 without a store.
    public let storedVisitors: Int
    /// Durable messages in the store that are still to be sent; 0 without a store.
    public let storedMessages: Int
    /// Events handed on.
    public let events: Int
    /// Frames that came.
    public let frames: Int
    /// Frames dropped because they had come before.
    public let duplicates: Int
    /// Frames dropped because they named another socket.
    public let foreign: Int
    /// Frames that were not JSON objects.
    public let malformed: Int
    /// Frames of a session that is not open here.
    public let unrouted: Int
    /// Pings sent.
    public let pings: Int
    /// Messages that the service took.
    public let sent: Int
    /// Replies that were handed on, by the avatar or by its owner.
    public let replies: Int
    /// Times that a socket was lost.
    public let lost: Int
    /// HTTP calls made.
    public let calls: Int
    /// Times that a visitor was authenticated.
    public let authentications: Int
}

/// One call to the service, or one handshake of a socket, when it is over. It holds no secret and nothing that
/// anybody says.
public struct CallReport: Sendable {
    /// Whose call it was.
    public let visitorID: String
    /// Which step of the protocol, such as `authenticate`.
    public let step: String
    /// How long it took.
    public let took: Duration
    /// What went wrong, if anything did.
    public let error: AvatarError?
}

extension Stats {
    init(_ core: CoreStats) {
        let count = { (number: UInt64) in Int(clamping: number) }
        self.init(
            visitors: count(core.visitors), connected: count(core.connected), live: count(core.live),
            paused: count(core.paused), waitingForSlot: count(core.waitingForSlot),
            waitingForQuota: count(core.waitingForQuota),
            longestQuotaWait: .milliseconds(core.longestQuotaWaitMs), storedVisitors: count(core.storedVisitors),
            storedMessages: count(core.storedMessages), events: count(core.events),
            frames: count(core.frames), duplicates: count(core.duplicates), foreign: count(core.foreign),
            malformed: count(core.malformed), unrouted: count(core.unrouted), pings: count(core.pings),
            sent: count(core.sent), replies: count(core.replies), lost: count(core.lost),
            calls: count(core.calls), authentications: count(core.authentications))
    }
}

extension CallReport {
    init(_ core: CoreCall) {
        self.init(
            visitorID: core.visitorId, step: core.step, took: .milliseconds(core.tookMs),
            error: core.failure.map(AvatarError.init))
    }
}
