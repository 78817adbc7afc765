package me.secondme.avatar

import me.secondme.avatar.core.CoreVisitor
import me.secondme.avatar.core.parseVisitorId
import me.secondme.avatar.core.randomVisitorId
import me.secondme.avatar.core.visitorIdForUser
import me.secondme.avatar.core.visitorIdForUserWithSecret

/**
 * A person who talks with the avatar.
 *
 * @property id `{platform}_{uuid}`: the same id is the same visitor, who finds earlier sessions again.
 * @property name a display name for the avatar's owner, such as `张三`.
 * @property channel what the service appends to the name: `张三(feishu)`.
 * @property tag a tag of the program's own, 1024 bytes at most: what the platform calls the person, the channel to answer
 * in. It is never sent to the service. It is kept with the visitor, in the [store][ClientOptions.store] too, and stands
 * on [every event][Event.tag]; a visitor opened without one keeps the one from before.
 */
public class Visitor private constructor(
    public val id: String,
    public val name: String?,
    public val channel: String?,
    public val tag: String?,
) {
    public companion object {
        /**
         * The visitor for a person of a platform, by the id that the platform has for them. The same person is always
         * the same visitor, in every language and version, with no table to keep. The user id comes from a login that
         * the program has verified. Where it can be guessed, as a phone number can, [forUserWithSecret] is right.
         */
        @JvmStatic
        @JvmOverloads
        public fun forUser(
            platform: String,
            userId: String,
            name: String? = null,
            channel: String? = null,
            tag: String? = null,
        ): Visitor {
            val id = guarded { visitorIdForUser(platform.whole("platform"), userId.whole("user id")) }
            return Visitor(id, name, channel, tag)
        }

        /**
         * The visitor for a person of a platform, with an id that only a program with the [secret] can make:
         * HMAC-SHA256 over platform and user id. The same three give the same visitor in every language; another secret
         * gives others. A secret of fewer than 16 bytes in UTF-8 is an [AvatarException.InvalidVisitorId]. The user id
         * comes from a login that the program has verified, and the secret stays on a server.
         */
        @JvmStatic
        @JvmOverloads
        public fun forUserWithSecret(
            platform: String,
            userId: String,
            secret: String,
            name: String? = null,
            channel: String? = null,
            tag: String? = null,
        ): Visitor {
            val id = guarded {
                visitorIdForUserWithSecret(
                    platform.whole("platform"),
                    userId.whole("user id"),
                    secret.whole("secret"),
                )
            }
            return Visitor(id, name, channel, tag)
        }

        /** The visitor with this id. */
        @JvmStatic
        @JvmOverloads
        public fun parse(id: String, name: String? = null, channel: String? = null, tag: String? = null): Visitor =
            Visitor(guarded { parseVisitorId(id.whole("visitor id")) }, name, channel, tag)

        /** A new visitor. Keep the id: it is the only way back to them. */
        @JvmStatic
        @JvmOverloads
        public fun random(
            platform: String,
            name: String? = null,
            channel: String? = null,
            tag: String? = null,
        ): Visitor {
            val id = guarded { randomVisitorId(platform.whole("platform")) }
            return Visitor(id, name, channel, tag)
        }

        internal fun of(core: CoreVisitor) = Visitor(core.id, core.name, core.channel, core.tag)
    }

    internal fun toCore() =
        CoreVisitor(id, name?.whole("visitor's name"), channel?.whole("channel"), tag?.whole("visitor's tag"))

    override fun equals(other: Any?): Boolean = other is Visitor && id == other.id && name == other.name &&
        channel == other.channel && tag == other.tag

    override fun hashCode(): Int = id.hashCode()

    override fun toString(): String = id
}
