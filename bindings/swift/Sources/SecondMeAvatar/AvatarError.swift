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
/// Neither its description nor its mirror holds a key, a token, an address of a socket or what people say. A call whose
/// task was cancelled throws `CancellationError` instead.
public struct AvatarError: LocalizedError, Sendable {
    /// What kind of failure: what a caller would branch on.
    public let kind: Kind
    /// A sentence for people, in English, which says what to do.
    public let message: String
    /// The service's own code, such as `open.api.key.not.found`.
    public let code: String?
    /// The step of the protocol at which it happened.
    public let step: Step?
    /// The HTTP status, where there was an answer.
    public let status: Int?
    /// Whether the same call may succeed later without anything else being changed.
    public let retryable: Bool
    /// How long to wait before the call can succeed, where that is known.
    public let retryAfter: Duration?
    /// The message that was given up, where the failure is about one.
    public let unsent: UnsentMessage?
    /// What lay beneath it, each the cause of the one before.
    public let causes: [String]

    /// The kind and the ``message``.
    public var errorDescription: String? { description }
    /// The first of the ``causes``.
    public var failureReason: String? { causes.first }
}

extension AvatarError: CustomStringConvertible, CustomReflectable {
    /// The kind's name and the ``message``: `rate_limited: the quota is used up, …`.
    public var description: String { "\(kind.rawValue): \(message)" }
    /// Nothing that `description` does not say.
    public var customMirror: Mirror { Mirror(self, children: ["kind": kind, "message": message]) }
}

extension AvatarError {
    init(_ failure: CoreFailure) {
        kind = Kind(failure.kind)
        message = failure.message
        code = failure.code
        step = failure.step.map { Step($0) }
        status = failure.status.map(Int.init)
        retryable = failure.retryable
        retryAfter = failure.retryAfterMs.map { .milliseconds($0) }
        unsent = failure.unsent.map { UnsentMessage($0) }
        causes = failure.causes
    }

    init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
        (code, step, status, retryAfter, unsent) = (nil, nil, nil, nil, nil)
        (retryable, causes) = (false, [])
    }
}
