import Foundation
internal import SecondMeAvatarCore

/// A failure: what kind, the service's code, the step, and what is to be done.
///
/// ```swift
/// do {
///     reply = try await chat.ask(text)
/// } catch let error as AvatarError where error.kind == .rateLimited {
///     later(error.retryAfter)
/// }
/// ```
///
/// Neither its description nor its mirror holds a key, a token, an address of a socket or what anybody said. A call
/// whose task was cancelled throws `CancellationError` instead.
public struct AvatarError: LocalizedError, Sendable {
    /// What kind of failure: what a caller would branch on.
    public let kind: Kind
    /// A sentence for people, in English, which says what to do.
    public let message: String
    /// The service's own code, such as `open.api.key.not.found`.
    public let code: String?
    /// The step of the protocol at which it happened, such as `authenticate`.
    public let step: String?
    /// The HTTP status, where there was an answer.
    public let status: Int?
    /// Whether the same call may succeed later without anything else being changed.
    public let retryable: Bool
    /// How long to wait before the call can succeed, where that is known.
    public let retryAfter: Duration?
    /// The message that was given up, where the failure is about one.
    public let unsent: Unsent?
    /// What lay beneath it, each the cause of the one before.
    public let causes: [String]

    /// The kind and the ``message``.
    public var errorDescription: String? { description }
    /// The first of the ``causes``.
    public var failureReason: String? { causes.first }

    /// The kinds of failures.
    public enum Kind: String, Sendable, CaseIterable {
        /// The API key was refused: missing, unknown or disabled. Nothing helps but another key.
        case authentication
        /// The quota of the API key is used up. ``AvatarError/retryAfter`` says when to come back.
        case rateLimited = "rate_limited"
        /// The key's avatar does not exist (any more).
        case avatarNotFound = "avatar_not_found"
        /// The visitor id is not of the service's form.
        case invalidVisitorID = "invalid_visitor_id"
        /// Not a member of the session. The next `open` makes a new one.
        case notMember = "not_member"
        /// The conversation or the client is closed, or the service has ended the session.
        case closed
        /// The service could not be reached, or the connection broke.
        case connectionFailed = "connection_failed"
        /// The certificate of the service or of a proxy was refused. Trying again does not help; the message says what
        /// does.
        case certificate
        /// The service answered, but is not able to work.
        case unavailable
        /// The call's deadline passed first. The causes say what was in the way.
        case deadline
        /// The message was sent, but the avatar's owner has taken the conversation over and has not answered in time.
        /// What the owner says later comes as an event.
        case takenOver = "taken_over"
        /// The service refused with a code that stands for nothing above.
        case refused
        /// The answer was not of the service's form: a proxy's page, perhaps, or a wrong base URL.
        case invalidAnswer = "invalid_answer"
        /// The service does not offer this.
        case unsupported
        /// The store could not be read or written.
        case store
        /// The call was wrong, and nothing was sent. The message says what to do.
        case misuse
    }
}

/// A message that was given up, handed back so that nothing is lost.
public struct Unsent: Sendable, Equatable {
    /// What was to be said.
    public let text: String
    /// The id it was, or would have been, sent under.
    public let messageID: String
    /// Whether the service certainly never took it. If not, nobody can tell.
    public let certain: Bool
}

extension AvatarError: CustomStringConvertible, CustomReflectable {
    /// The kind's name, the same in every language, and the ``message``: `rate_limited: the quota is used up, …`.
    public var description: String { "\(kind.rawValue): \(message)" }
    /// Nothing that `description` does not say.
    public var customMirror: Mirror { Mirror(self, children: ["kind": kind, "message": message]) }
}

extension Unsent: CustomStringConvertible, CustomReflectable {
    /// How long it is, and whether it is certain that it was not sent.
    public var description: String { "Unsent(\(text.count) characters, certain: \(certain))" }
    /// Nothing that `description` does not say.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension AvatarError {
    init(_ failure: CoreFailure) {
        kind = Kind(failure.kind)
        message = failure.message
        code = failure.code
        step = failure.step
        status = failure.status.map(Int.init)
        retryable = failure.retryable
        retryAfter = failure.retryAfterMs.map { .milliseconds($0) }
        unsent = failure.unsent.map(Unsent.init)
        causes = failure.causes
    }

    init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
        (code, step, status, retryAfter, unsent) = (nil, nil, nil, nil, nil)
        (retryable, causes) = (false, [])
    }
}

extension Unsent {
    init(_ core: CoreUnsent) {
        self.init(text: core.text, messageID: core.messageId, certain: core.certain)
    }
}

extension AvatarError.Kind {
    init(_ core: CoreErrorKind) {
        self =
            switch core {
            case .authentication: .authentication
            case .rateLimited: .rateLimited
            case .avatarNotFound: .avatarNotFound
            case .invalidVisitorId: .invalidVisitorID
            case .notMember: .notMember
            case .closed: .closed
            case .connectionFailed: .connectionFailed
            case .certificate: .certificate
            case .unavailable: .unavailable
            case .deadline: .deadline
            case .takenOver: .takenOver
            case .refused: .refused
            case .invalidAnswer: .invalidAnswer
            case .unsupported: .unsupported
            case .store: .store
            case .misuse: .misuse
            }
    }
}
