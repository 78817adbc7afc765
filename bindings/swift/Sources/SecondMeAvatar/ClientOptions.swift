import Foundation
internal import SecondMeAvatarCore

/// What an ``AvatarClient`` is like. Whatever is left nil is as the library has it.
///
/// ```swift
/// var options = ClientOptions()
/// options.askDeadline = .seconds(60)
/// options.store = URL.applicationSupportDirectory.appending(path: "avatar.db").path
/// ```
public struct ClientOptions: Sendable {
    /// Where the service is; `SECONDME_BASE_URL`, or production.
    public var baseURL: String?
    /// Takes plain `http` and `ws` to other machines too. The API key then travels in the open.
    public var allowInsecure = false
    /// The proxy for HTTP and for the socket.
    public var proxy = Proxy.environment
    /// The path of a PEM file whose certificates are trusted as well as those that the platform trusts.
    public var caFile: String?
    /// Whether Mozilla's root certificates, built in, are trusted where the machine has none.
    public var builtinRoots = true
    /// Between two pings: 5 s to 15 s, which it is.
    public var heartbeat: Duration?
    /// Whether frames are acknowledged; they are.
    public var acknowledge: Bool?
    /// The silence that ends a reply whose end mark never comes: 3 s.
    public var replyIdle: Duration?
    /// What becomes of a message of which nobody can tell whether the service took it.
    public var delivery = Delivery.atMostOnce
    /// How many events a subscription holds before the socket is read no further: 1024.
    public var eventQueue: Int?
    /// How many authentications the API key has in a minute: 60.
    public var quota: Int?
    /// How many visitors may hold a socket at a time; as many as there are.
    public var maxLive: Int?
    /// After how long an idle visitor gives up the socket; never.
    public var idleAfter: Duration?
    /// The path of the SQLite file in which visitors and durable messages outlive the process; nothing does.
    public var store: String?
    /// The whole time of an `open`: 30 s.
    public var openDeadline: Duration?
    /// The whole time of a `send`: 15 s.
    public var sendDeadline: Duration?
    /// How long a durable message may wait, over all the processes that try: 24 h.
    public var durableDeadline: Duration?
    /// The whole time of a `history`: 30 s.
    public var historyDeadline: Duration?
    /// How long closing waits for what is still to be sent: 5 s.
    public var closeDeadline: Duration?
    /// The whole time of an `ask` or a `stream`: 120 s.
    public var askDeadline: Duration?
    /// How long the first piece of a reply may take: 60 s.
    public var firstPieceDeadline: Duration?
    /// Is told of every call to the service and every handshake of a socket when it is over, one after the other.
    public var onCall: (@Sendable (CallReport) -> Void)?

    /// As the library has it.
    public init() {}

    /// Which proxy.
    public enum Proxy: Sendable, Equatable {
        /// As `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
        case environment
        /// None, whatever the environment says.
        case direct
        /// This one, `http://` or `https://`, with user name and password if it wants them.
        case url(String)
    }

    /// What becomes of a message of which nobody can tell whether the service took it.
    public enum Delivery: Sendable {
        /// It comes back: ``AvatarError/unsent``.
        case atMostOnce
        /// It is sent again under the same id.
        case atLeastOnce
    }

    func core(apiKey: String?) throws -> CoreOptions {
        let url: String? = if case .url(let url) = proxy { url } else { nil }
        return try CoreOptions(
            apiKey: apiKey, baseUrl: baseURL, language: "swift/6", allowInsecure: allowInsecure, proxy: url,
            noProxy: proxy == .direct, caFile: caFile, builtinRoots: builtinRoots,
            heartbeatMs: time(heartbeat, "heartbeat"),
            acknowledge: acknowledge, replyIdleMs: time(replyIdle, "replyIdle"),
            delivery: delivery == .atLeastOnce ? .atLeastOnce : .atMostOnce,
            eventQueue: count(eventQueue, "eventQueue"), quota: count(quota, "quota"),
            maxLive: count(maxLive, "maxLive"), idleAfterMs: time(idleAfter, "idleAfter"), store: store,
            openDeadlineMs: time(openDeadline, "openDeadline"), sendDeadlineMs: time(sendDeadline, "sendDeadline"),
            durableDeadlineMs: time(durableDeadline, "durableDeadline"),
            historyDeadlineMs: time(historyDeadline, "historyDeadline"),
            closeDeadlineMs: time(closeDeadline, "closeDeadline"), askDeadlineMs: time(askDeadline, "askDeadline"),
            firstPieceDeadlineMs: time(firstPieceDeadline, "firstPieceDeadline"), reportCalls: onCall != nil)
    }
}

extension ClientOptions.Proxy: CustomStringConvertible, CustomReflectable {
    /// Without the password, which may stand in an address.
    public var description: String {
        switch self {
        case .environment: "as the environment says"
        case .direct: "none"
        case .url: "an address"
        }
    }
    /// Nothing that `description` does not say.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// A time, as the core takes it.
private func time(_ duration: Duration?, _ what: String) throws -> UInt64? {
    guard let duration else { return nil }
    guard duration >= .zero else { throw AvatarError(.misuse, "\(what) cannot be \(duration): choose 0 or more") }
    return duration.milliseconds
}

/// A number of things, as the core takes it.
func count(_ number: Int?, _ what: String) throws -> UInt32? {
    guard let number else { return nil }
    guard let count = UInt32(exactly: number) else {
        throw AvatarError(.misuse, "\(what) cannot be \(number): choose 0 to \(UInt32.max)")
    }
    return count
}
