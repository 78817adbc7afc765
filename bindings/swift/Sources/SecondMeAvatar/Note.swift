internal import SecondMeAvatarCore

/// A small text that the program keeps with a visitor: see ``AvatarClient/setNote(_:_:_:lifetime:)``.
public struct Note: Sendable, Equatable {
    /// The visitor, with the name, channel and tag that the note was last written with.
    public let visitor: Visitor
    /// Under which it is found. A visitor has one note under a key.
    public let key: String
    /// The text.
    public let text: String

    init(_ core: CoreNote) {
        visitor = Visitor(core.visitor)
        key = core.key
        text = core.text
    }
}

extension Note: CustomStringConvertible, CustomReflectable {
    /// What it is, without its text and who the visitor is.
    public var description: String { "Note(\(visitor.id), \(key), \(text.count) characters)" }

    /// Nothing that `description` does not say.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// An id for a message, `{random}_____{milliseconds}` with the present time, for the parameter `messageID` of
/// ``Conversation/ask(_:deadline:firstPieceDeadline:collect:messageID:)``, of `stream`, `send` and `sendDurable`.
public func newMessageID() throws -> String {
    try failing { try newMessageId() }
}
