import Foundation
internal import SecondMeAvatarCore

/// Who says something.
public enum Author: String, Sendable {
    /// The avatar: the AI.
    case avatar
    /// The avatar's owner, in person.
    case owner
    /// The visitor.
    case visitor
}

/// A whole reply, by the avatar or by its owner.
public struct Reply: Sendable, Equatable {
    /// Its id; the pieces of a streamed reply share it.
    public let id: String?
    /// Who says it.
    public let author: Author
    /// All its text.
    public let text: String
    /// Its text and its cards, in order.
    public let parts: [Part]
    /// What it draws on, as the service says it.
    public let sources: [JSON]
    /// Audio clips of it, as the service names them.
    public let speech: [JSON]
    /// The message that it answers, where that is certain: the service does not name it. Nil where another message, to
    /// which no answer has come, may be meant as well.
    public let inReplyTo: String?
    /// How its end was known.
    public let ended: Ended
    /// Whether an `ask` or a `stream` receives this reply as well: a program that reads events and asks hears it twice,
    /// and passes over the events that say so.
    public let asked: Bool

    /// How the end of a reply was known.
    public enum Ended: String, Sendable {
        /// It came whole.
        case whole
        /// By the service's end mark.
        case mark
        /// By silence: the end mark never came.
        case silence
        /// It was longer than is put together; what follows is another reply under the same id.
        case limit
    }
}

/// A part of a reply.
public enum Part: Sendable, Equatable {
    /// Text.
    case text(String)
    /// Something that an app shows otherwise than as text: its template, such as `StandardCard`, `image` or
    /// `citation`, and its parameters.
    case card(template: String, params: JSON)
}

/// A message of the past.
public struct HistoryMessage: Sendable, Equatable {
    /// Its id.
    public let id: String?
    /// The first of its frames; hand it to the next ``Conversation/history(_:before:)`` to get what came before.
    public let seqID: String?
    /// Who said it.
    public let author: Author
    /// What.
    public let text: String
    /// Text and cards, in order.
    public let parts: [Part]
    /// When, where the service says so.
    public let date: Date?
}

/// The service has taken a message.
public struct Sent: Sendable, Equatable {
    /// The message's id; a reply names it in ``Reply/inReplyTo``.
    public let messageID: String
    /// How it is known.
    public let confirmedBy: Confirmation

    /// How it is known that the service took a message.
    public enum Confirmation: String, Sendable {
        /// It answered so.
        case answer
        /// Its echo came over the socket.
        case echo
        /// It was found among the session's messages.
        case query
        /// The avatar answered it.
        case reply
    }
}

/// A piece of JSON, as the service wrote it.
public struct JSON: Sendable, Hashable {
    /// Its text.
    public let text: String

    init(_ text: String) {
        self.text = text
    }

    /// As a type of yours.
    public func decoded<Value: Decodable>(as type: Value.Type) throws -> Value {
        try JSONDecoder().decode(type, from: Data(text.utf8))
    }
}

// What somebody said does not reach a log by printing what it stands in.
extension Reply: CustomStringConvertible, CustomReflectable {
    /// By whom, and how long.
    public var description: String { "Reply(by: \(author.rawValue), \(text.count) characters)" }
    /// Nothing that `description` does not say.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Part: CustomStringConvertible, CustomReflectable {
    /// What part, and how long.
    public var description: String {
        switch self {
        case .text(let text): "Part.text(\(text.count) characters)"
        case .card(let template, _): "Part.card(\(template))"
        }
    }
    /// Nothing that `description` does not say.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension HistoryMessage: CustomStringConvertible, CustomReflectable {
    /// By whom, and how long.
    public var description: String { "HistoryMessage(by: \(author.rawValue), \(text.count) characters)" }
    /// Nothing that `description` does not say.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension JSON: CustomStringConvertible, CustomReflectable {
    /// How long.
    public var description: String { "JSON(\(text.count) characters)" }
    /// Nothing that `description` does not say.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Reply {
    init(_ core: CoreReply) {
        let ended: Ended =
            switch core.ended {
            case .whole: .whole
            case .mark: .mark
            case .silence: .silence
            case .limit: .limit
            }
        self.init(
            id: core.id, author: Author(core.author), text: core.text, parts: core.parts.map(Part.init),
            sources: core.sources.map(JSON.init), speech: core.speech.map(JSON.init), inReplyTo: core.inReplyTo,
            ended: ended, asked: core.asked)
    }
}

extension Author {
    init(_ core: CoreAuthor) {
        self =
            switch core {
            case .avatar: .avatar
            case .owner: .owner
            case .visitor: .visitor
            }
    }
}

extension Part {
    init(_ core: CorePart) {
        self =
            switch core {
            case .text(let text): .text(text)
            case .card(let template, let params): .card(template: template, params: JSON(params))
            }
    }
}

extension HistoryMessage {
    init(_ core: CoreMessage) {
        self.init(
            id: core.id, seqID: core.seqId, author: Author(core.author), text: core.text,
            parts: core.parts.map(Part.init),
            date: core.timestampMs.map { Date(timeIntervalSince1970: Double($0) / 1000) })
    }
}

extension Sent {
    init(_ core: CoreSent) {
        let confirmedBy: Confirmation =
            switch core.confirmedBy {
            case .answer: .answer
            case .echo: .echo
            case .query: .query
            case .reply: .reply
            }
        self.init(messageID: core.messageId, confirmedBy: confirmedBy)
    }
}
