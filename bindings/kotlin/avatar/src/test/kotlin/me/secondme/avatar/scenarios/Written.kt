package me.secondme.avatar.scenarios

import me.secondme.avatar.AvatarException
import me.secondme.avatar.CloseReason
import me.secondme.avatar.Conversation
import me.secondme.avatar.Event
import me.secondme.avatar.Gap
import me.secondme.avatar.Message
import me.secondme.avatar.Part
import me.secondme.avatar.Reply
import me.secondme.avatar.Sent

/** Events, results and errors as scenarios write them. */
internal fun Event.written(): Map<String, Any?> = when (this) {
    is Event.Opened -> mapOf("type" to "opened", "opening" to opening, "resumed" to resumed)
    is Event.StateChanged -> mapOf("type" to "state_changed", "from" to from.written(), "to" to to.written())
    is Event.ReplyDelta -> mapOf("type" to "reply_delta", "text" to text, "asked" to asked)
    is Event.AvatarReply -> reply.written() + ("type" to "reply")
    is Event.OwnerReply -> reply.written() + ("type" to "owner_reply")
    is Event.TakenOver -> mapOf("type" to "taken_over")
    is Event.HandedBack -> mapOf("type" to "handed_back")
    is Event.Delivered -> mapOf("type" to "delivered", "text" to text)
    is Event.UnsentMessage ->
        mapOf(
            "type" to "unsent",
            "message" to mapOf("text" to message.text, "certain" to message.certain),
            "error" to error.written(),
        )
    is Event.Notice -> mapOf("type" to "notice", "kind" to kind.written(), "text" to text)
    is Event.ServiceError ->
        mapOf(
            "type" to "service_error",
            "code" to code,
            "reason" to reason,
            "actions" to actions.map(::parseJson),
            "retryable" to retryable,
            "message_id" to messageId,
        )
    is Event.Unattributed -> mapOf("type" to "unattributed", "author" to author.written(), "text" to text)
    is Event.Disconnected -> mapOf("type" to "disconnected", "cause" to cause.written())
    is Event.Reconnected ->
        when (val gap = gap) {
            is Gap.Filled -> mapOf("type" to "reconnected", "gap" to "filled", "frames" to gap.frames)
            is Gap.None -> mapOf("type" to "reconnected", "gap" to "none")
            is Gap.Unknown -> mapOf("type" to "reconnected", "gap" to "unknown")
        }
    is Event.WaitingForQuota -> mapOf("type" to "waiting_for_quota")
    is Event.Closed ->
        when (val reason = reason) {
            is CloseReason.Requested -> mapOf("type" to "closed", "reason" to "requested")
            is CloseReason.SessionEnded -> mapOf("type" to "closed", "reason" to "session_ended")
            is CloseReason.Failed -> mapOf(
                "type" to "closed",
                "reason" to "failed",
                "error" to reason.error.written(),
            )
        }
    is Event.Unknown -> mapOf("type" to "unknown", "raw" to raw)
}

internal fun Conversation.written(): Map<String, Any?> =
    mapOf("opening" to opening, "avatar_name" to avatarName, "visitor_id" to visitorId, "session_id" to sessionId)

internal fun Reply.written(): Map<String, Any?> = mapOf(
    "author" to author.written(),
    "text" to text,
    "ended" to ended.written(),
    "asked" to asked,
    "parts" to
        parts.map {
            when (it) {
                is Part.Text -> mapOf("text" to it.text)
                is Part.Card -> mapOf("card" to it.template, "params" to parseJson(it.params))
            }
        },
    "sources" to sources.map(::parseJson),
    "speech" to speech.map(::parseJson),
)

internal fun Sent.written(): Map<String, Any?> =
    mapOf("message_id" to messageId, "confirmed_by" to confirmedBy.written())

internal fun List<Message>.written(): Map<String, Any?> =
    mapOf("messages" to map { mapOf("author" to it.author.written(), "text" to it.text) })

internal fun AvatarException.written(): Map<String, Any?> = mapOf(
    "kind" to kind,
    "code" to code,
    "step" to step,
    "retryable" to retryable,
    "retry_after" to retryAfter?.inWholeSeconds,
    "unsent" to unsent?.let { mapOf("text" to it.text, "certain" to it.certain) },
)

internal fun Enum<*>.written(): String = name.lowercase()
