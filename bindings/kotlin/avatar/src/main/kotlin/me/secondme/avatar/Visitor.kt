package me.secondme.avatar

import me.secondme.avatar.core.CoreVisitor
import me.secondme.avatar.core.parseVisitorId
import me.secondme.avatar.core.randomVisitorId
import me.secondme.avatar.core.visitorIdForUser

/**
 * A person who talks with the avatar.
 *
 * @property id `{platform}_{uuid}`: the same id is the same visitor, who finds earlier sessions again.
 * @property name a display name for the avatar's owner, such as `张三`.
 * @property channel what the service appends to the name: `张三(feishu)`.
 */
public class Visitor private constructor(
    public val id: String,
    public val name: String?,
    public val channel: String?,
) {
    public companion object {
        /**
         * The visitor for a person of a platform, by the id that the platform has for them. The same person is always
         * the same visitor, in every language and version, with no table to keep.
         */
        public fun forUser(platform: String, userId: String, name: String? = null, channel: String? = null): Visitor =
            Visitor(guarded { visitorIdForUser(platform, userId) }, name, channel)

        /** The visitor with this id. */
        public fun parse(id: String, name: String? = null, channel: String? = null): Visitor =
            Visitor(guarded { parseVisitorId(id) }, name, channel)

        /** A new visitor. Keep the id: it is the only way back to them. */
        public fun random(platform: String, name: String? = null, channel: String? = null): Visitor =
            Visitor(guarded { randomVisitorId(platform) }, name, channel)
    }

    internal fun toCore() = CoreVisitor(id, name, channel)

    override fun equals(other: Any?): Boolean =
        other is Visitor && id == other.id && name == other.name && channel == other.channel

    override fun hashCode(): Int = id.hashCode()

    override fun toString(): String = id
}
