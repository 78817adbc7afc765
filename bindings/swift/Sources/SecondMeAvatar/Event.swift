internal import SecondMeAvatarCore

/// Something that happened in one conversation.
public struct Event: Sendable {
    /// What happened.
    public let kind: Kind
    /// The visitor.
    public let visitorID: String
    /// The session, once the service has named it.
    public let sessionID: String?
    /// The visitor's ``Visitor/tag``.
    public let tag: String?
    /// Which conversation of this visitor, where it is one: ``Conversation/key``.
    public let conversation: Int?
    /// The JSON text of the frame it came from, where it came from one and the subscription asked for it; the last
    /// one, where it came from several.
    public let raw: String?

    /// The kinds of events.
    public enum Kind: Sendable {
        /// The conversation is open: messages can be sent. `resumed`: it goes on with a session that was there before.
        case opened(opening: String, resumed: Bool)
        /// The conversation's state is another one.
        case stateChanged(from: Conversation.State, to: Conversation.State)
        /// The next piece of the avatar's reply; empty where a piece is a card. A whole reply is one piece. `asked`: an
        /// `ask` or a `stream` receives it as well.
        case replyDelta(text: String, replyID: String?, inReplyTo: String?, asked: Bool)
        /// The avatar's reply is complete. One that an `ask` or a `stream` waits for comes as an event too, before that
        /// call returns: see ``Reply/asked``.
        case reply(Reply)
        /// The avatar's owner says something in person.
        case ownerReply(Reply)
        /// The avatar's owner has the conversation: the avatar may be silent from now on. Comes before the first
        /// ``ownerReply(_:)``.
        case takenOver
        /// The avatar speaks again: the owner has given the conversation back. Comes before what the avatar says.
        case handedBack
        /// The service has sent a visitor's message back: it stands in the conversation.
        case delivered(text: String, messageID: String?)
        /// A message is given up for which no call waits any more. Here it is back.
        case unsent(Unsent, AvatarError)
        /// A message of the service that is no reply.
        case notice(NoticeKind, text: String)
        /// The service says that something failed.
        case serviceError(ServiceError)
        /// A text that came without saying for which of the visitor's open conversations.
        case unattributed(author: Author, text: String)
        /// The socket is lost; it is connected again on its own, and not before that time. `cause`: why it was lost,
        /// or why the last attempt to connect again failed.
        case disconnected(retryIn: Duration, cause: AvatarError)
        /// The socket is back.
        case reconnected(gap: Gap)
        /// The quota of the API key is used up, and opening waits for it: so long, as it looks now.
        case waitingForQuota(Duration)
        /// The conversation is closed. No event follows this one.
        case closed(CloseReason)
        /// A frame that stands for nothing above: ``Event/raw``.
        case unknown
    }
}

/// What a notice is.
public enum NoticeKind: String, Sendable {
    /// A grey line in the conversation.
    case hint
    /// Something the visitor might ask next.
    case recommend
    /// A task of the avatar.
    case task
    /// A notification of the service.
    case notice
}

/// What became of the frames that came while the socket was down.
public enum Gap: Sendable, Equatable {
    /// There were some, and they have been handed on.
    case filled(frames: Int)
    /// There were none.
    case none
    /// The service could not be asked. Something may be missing: ``Conversation/history(_:before:)`` may have it.
    case unknown
}

/// Why a conversation closed.
public enum CloseReason: Sendable {
    /// The caller closed it.
    case requested
    /// The service ended the session. The next `open` makes a new one.
    case sessionEnded
    /// It could not be opened, or could not go on.
    case failed(AvatarError)
}

/// A failure that the service reports in a conversation.
public struct ServiceError: Sendable {
    /// The service's code, such as `session.openai.error`; empty where it gives none.
    public let code: String
    /// The service's own words.
    public let reason: String?
    /// What the service offers to do about it.
    public let actions: [JSON]
    /// The message it is about, where it is about one.
    public let messageID: String?
    /// Whether the same message may succeed later.
    public let retryable: Bool
}

extension Event {
    /// The whole reply, the avatar's or its owner's, where this is one: ``Reply/author``.
    public var reply: Reply? {
        switch kind {
        case .reply(let reply), .ownerReply(let reply): reply
        default: nil
        }
    }
}

// What somebody said does not reach a log by printing an event.
extension Event: CustomStringConvertible, CustomReflectable {
    /// What kind of event, and whose.
    public var description: String { "\(kind) of \(visitorID)" }
    /// Nothing that `description` does not say.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Event.Kind: CustomStringConvertible, CustomReflectable {
    /// The kind's name, the same in every language.
    public var description: String {
        switch self {
        case .opened: "opened"
        case .stateChanged(let from, let to): "state_changed from \(from) to \(to)"
        case .replyDelta: "reply_delta"
        case .reply: "reply"
        case .ownerReply: "owner_reply"
        case .takenOver: "taken_over"
        case .handedBack: "handed_back"
        case .delivered: "delivered"
        case .unsent(_, let error): "unsent (\(error))"
        case .notice: "notice"
        case .serviceError(let error): "service_error \(error.code)"
        case .unattributed: "unattributed"
        case .disconnected(_, let cause): "disconnected (\(cause))"
        case .reconnected(let gap): "reconnected, gap \(gap)"
        case .waitingForQuota(let wait): "waiting_for_quota for \(wait)"
        case .closed(let reason): "closed, \(reason)"
        case .unknown: "unknown"
        }
    }
    /// Nothing that `description` does not say.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension ServiceError: CustomStringConvertible, CustomReflectable {
    /// Its code.
    public var description: String { code }
    /// Nothing that `description` does not say.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Event {
    static func all(of batch: CoreBatch) -> [Event] {
        batch.events.map { event in
            let place = batch.places[Int(event.place)]
            return Event(
                kind: Kind(event.kind), visitorID: place.visitorId, sessionID: place.sessionId, tag: place.tag,
                conversation: place.conversation.map(Int.init), raw: event.raw)
        }
    }
}

extension Event.Kind {
    init(_ core: CoreEventKind) {
        self =
            switch core {
            case .opened(let opening, let resumed): .opened(opening: opening, resumed: resumed)
            case .stateChanged(let from, let to):
                .stateChanged(from: Conversation.State(from), to: Conversation.State(to))
            case .replyDelta(let replyID, let text, let inReplyTo, let asked):
                .replyDelta(text: text, replyID: replyID, inReplyTo: inReplyTo, asked: asked)
            case .reply(let reply): .reply(Reply(reply))
            case .ownerReply(let reply): .ownerReply(Reply(reply))
            case .takenOver: .takenOver
            case .handedBack: .handedBack
            case .delivered(let messageID, let text): .delivered(text: text, messageID: messageID)
            case .unsent(let message, let failure): .unsent(Unsent(message), AvatarError(failure))
            case .notice(let kind, let text): .notice(NoticeKind(kind), text: text)
            case .serviceError(let code, let reason, let actions, let messageID, let retryable):
                .serviceError(
                    ServiceError(
                        code: code, reason: reason, actions: actions.map(JSON.init), messageID: messageID,
                        retryable: retryable))
            case .unattributed(let author, let text): .unattributed(author: Author(author), text: text)
            case .disconnected(let retryIn, let cause):
                .disconnected(retryIn: .milliseconds(retryIn), cause: AvatarError(cause))
            case .reconnected(let gap): .reconnected(gap: Gap(gap))
            case .waitingForQuota(let wait): .waitingForQuota(.milliseconds(wait))
            case .closed(let reason): .closed(CloseReason(reason))
            case .unknown: .unknown
            }
    }
}

extension NoticeKind {
    init(_ core: CoreNoticeKind) {
        self =
            switch core {
            case .hint: .hint
            case .recommend: .recommend
            case .task: .task
            case .notice: .notice
            }
    }
}

extension Gap {
    init(_ core: CoreGap) {
        self =
            switch core {
            case .filled(let frames): .filled(frames: Int(frames))
            case .nothing: .none
            case .unknown: .unknown
            }
    }
}

extension CloseReason {
    init(_ core: CoreCloseReason) {
        self =
            switch core {
            case .requested: .requested
            case .sessionEnded: .sessionEnded
            case .failed(let failure): .failed(AvatarError(failure))
            }
    }
}
