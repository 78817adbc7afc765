package me.secondme.avatar

import me.secondme.avatar.core.CoreCredentials
import me.secondme.avatar.core.parseCredentials

/**
 * What the service answers to an authentication: all that is needed to speak as one visitor, without the API key.
 *
 * A server with the key gets them ([AvatarClient.authenticate]) and gives them to an app as JSON, which speaks as that
 * visitor and as no other. They are a secret: give each user their own alone, over TLS. Printed, they show only whose they
 * are.
 */
public class Credentials private constructor(private val core: CoreCredentials) {
    /** The id of the visitor that they are of. */
    public val visitorId: String get() = core.visitorId

    /**
     * One line of JSON, with the service's own names: `visitorId`, `visitorToken`, `visitorUserId`, `visitorMindId` (digits
     * in a string), `avatarShareCode`, `avatarName` and `ownerUserId`.
     */
    public fun toJson(): String = core.json

    /** The visitor that they are of, to be opened: a program that has none of its own learns here who it is. */
    public fun visitor(): Visitor = Visitor.parse(visitorId)

    override fun equals(other: Any?): Boolean = other is Credentials && core.json == other.core.json

    override fun hashCode(): Int = core.json.hashCode()

    override fun toString(): String = "Credentials($visitorId)"

    public companion object {
        /**
         * Reads what [toJson] wrote.
         *
         * @throws AvatarException.InvalidAnswer if the text is anything else. The error does not repeat it.
         */
        @JvmStatic
        public fun fromJson(text: String): Credentials =
            Credentials(guarded { parseCredentials(text.whole("text of credentials")) })
    }
}

/**
 * What a function that gives visitors' credentials is asked for: see [AvatarClient.withCredentials].
 *
 * @property visitorId whose credentials are wanted: the [Visitor.id] that the conversation was opened for.
 * @property refused the service has refused the credentials that were given last: the server has to get others.
 */
public class CredentialsRequest(public val visitorId: String, public val refused: Boolean) {
    override fun toString(): String = "CredentialsRequest($visitorId, ${if (refused) "refused" else "first"})"
}
