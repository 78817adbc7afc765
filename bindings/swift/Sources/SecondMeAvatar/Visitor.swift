internal import SecondMeAvatarCore

/// A person who talks with the avatar: an id that stays, and a name that the owner sees.
public struct Visitor: Sendable, Hashable {
    /// `{platform}_{uuid}`, as it is sent.
    public let id: String
    /// A display name for the avatar's owner, such as `张三`.
    public var name: String?
    /// A channel, which the service appends to the name: `张三(ios)`.
    public var channel: String?
    /// A tag of the program's own, 1024 bytes at most: what the platform calls the person, the channel to answer in. It
    /// is never sent to the service. It is kept with the visitor, in the ``ClientOptions/store`` too, and stands on
    /// every event (``Event/tag``); a visitor opened without one keeps the one from before.
    public var tag: String?

    /// The visitor for a person of a platform, by the id that the platform has for them: the same person is always
    /// the same visitor, in every language and version, with no table to keep. The user id comes from a login that
    /// the program has verified. Where it can be guessed, as a phone number can, ``forUserWithSecret`` is right.
    public static func forUser(
        _ platform: String, _ userID: String, name: String? = nil, channel: String? = nil, tag: String? = nil
    ) throws -> Visitor {
        let id = try failing { try visitorIdForUser(platform: platform, userId: userID) }
        return Visitor(id: id, name: name, channel: channel, tag: tag)
    }

    /// The visitor for a person of a platform, with an id that only a program with the secret can make: HMAC-SHA256
    /// over platform and user id. The same three give the same visitor in every language; another secret gives others.
    /// A secret of fewer than 16 bytes in UTF-8 is an error of the kind ``AvatarError/Kind/invalidVisitorID``. The user
    /// id comes from a login that the program has verified, and the secret stays on a server.
    public static func forUserWithSecret(
        _ platform: String, _ userID: String, secret: String, name: String? = nil, channel: String? = nil,
        tag: String? = nil
    ) throws -> Visitor {
        let id = try failing {
            try visitorIdForUserWithSecret(platform: platform, userId: userID, secret: secret)
        }
        return Visitor(id: id, name: name, channel: channel, tag: tag)
    }

    /// The visitor with this `{platform}_{uuid}`.
    public static func parse(
        _ id: String, name: String? = nil, channel: String? = nil, tag: String? = nil
    ) throws -> Visitor {
        Visitor(id: try failing { try parseVisitorId(id: id) }, name: name, channel: channel, tag: tag)
    }

    /// A new visitor by the operating system's chance. Keep the id: it is the only way back to this visitor.
    public static func random(
        _ platform: String, name: String? = nil, channel: String? = nil, tag: String? = nil
    ) throws -> Visitor {
        let id = try failing { try randomVisitorId(platform: platform) }
        return Visitor(id: id, name: name, channel: channel, tag: tag)
    }

    var core: CoreVisitor { CoreVisitor(id: id, name: name, channel: channel, tag: tag) }
}

extension Visitor: CustomStringConvertible, CustomReflectable {
    /// The id alone: the name, the channel and the tag say who the person is.
    public var description: String { id }

    /// The members stay hidden from `dump` too.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Visitor {
    init(_ core: CoreVisitor) {
        self.init(id: core.id, name: core.name, channel: core.channel, tag: core.tag)
    }
}
