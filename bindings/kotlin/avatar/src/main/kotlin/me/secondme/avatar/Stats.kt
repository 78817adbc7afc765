package me.secondme.avatar

import me.secondme.avatar.core.CoreStats
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

/**
 * What a client has counted, over all its conversations.
 *
 * @property visitors visitors with a conversation that is not closed.
 * @property connected sockets that are connected.
 * @property live visitors who hold a socket or are on their way to one: these count against `maxLive`.
 * @property paused visitors who have given up their sockets.
 * @property waitingForSlot visitors who wait for one of the places of `maxLive`.
 * @property waitingForQuota visitors who wait for the API key's quota.
 * @property longestQuotaWait how long the last one of them will wait, as it looks now.
 * @property storedVisitors visitors of whom the store keeps something; 0 without a store.
 * @property storedMessages durable messages in the store that are still to be sent; 0 without a store.
 * @property events events handed on.
 * @property frames frames that came.
 * @property duplicates frames dropped because they had come before.
 * @property foreign frames dropped because they named another socket.
 * @property malformed frames that were not JSON objects.
 * @property unrouted frames of a session that is not open here.
 * @property pings pings sent.
 * @property sent messages that the service took.
 * @property replies replies that were handed on, by the avatar or by its owner.
 * @property lost times that a socket was lost.
 * @property calls HTTP calls made.
 * @property authentications times that a visitor was authenticated.
 */
public class Stats internal constructor(
    public val visitors: Long,
    public val connected: Long,
    public val live: Long,
    public val paused: Long,
    public val waitingForSlot: Long,
    public val waitingForQuota: Long,
    public val longestQuotaWait: Duration,
    public val storedVisitors: Long,
    public val storedMessages: Long,
    public val events: Long,
    public val frames: Long,
    public val duplicates: Long,
    public val foreign: Long,
    public val malformed: Long,
    public val unrouted: Long,
    public val pings: Long,
    public val sent: Long,
    public val replies: Long,
    public val lost: Long,
    public val calls: Long,
    public val authentications: Long,
)

internal fun CoreStats.toStats() = Stats(
    visitors = visitors.toLong(),
    connected = connected.toLong(),
    live = live.toLong(),
    paused = paused.toLong(),
    waitingForSlot = waitingForSlot.toLong(),
    waitingForQuota = waitingForQuota.toLong(),
    longestQuotaWait = longestQuotaWaitMs.toLong().milliseconds,
    storedVisitors = storedVisitors.toLong(),
    storedMessages = storedMessages.toLong(),
    events = events.toLong(),
    frames = frames.toLong(),
    duplicates = duplicates.toLong(),
    foreign = foreign.toLong(),
    malformed = malformed.toLong(),
    unrouted = unrouted.toLong(),
    pings = pings.toLong(),
    sent = sent.toLong(),
    replies = replies.toLong(),
    lost = lost.toLong(),
    calls = calls.toLong(),
    authentications = authentications.toLong(),
)
