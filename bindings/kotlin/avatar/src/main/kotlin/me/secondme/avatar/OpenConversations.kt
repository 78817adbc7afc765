package me.secondme.avatar

import java.util.Collections
import java.util.WeakHashMap

/** A client's conversations, as long as anybody holds them: they are let go of with the client. */
internal class OpenConversations {
    private val all: MutableSet<Conversation> =
        Collections.newSetFromMap(Collections.synchronizedMap(WeakHashMap<Conversation, Boolean>()))

    fun add(conversation: Conversation) {
        all += conversation
    }

    fun releaseAll() {
        val released = synchronized(all) { all.toList().also { all.clear() } }
        released.forEach(Conversation::release)
    }
}
