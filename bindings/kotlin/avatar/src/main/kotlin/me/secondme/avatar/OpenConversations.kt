package me.secondme.avatar

import java.util.WeakHashMap

/** A client's conversations, as long as anybody holds them: they are let go of with the client. */
internal class OpenConversations {
    private val all = WeakHashMap<Conversation, Unit>()

    fun add(conversation: Conversation) {
        synchronized(all) { all[conversation] = Unit }
    }

    fun releaseAll() {
        val released = mutableListOf<Conversation>()
        synchronized(all) {
            // One at a time: between a look at the size and the first step the collector may have taken them all.
            for (conversation in all.keys) released += conversation
            all.clear()
        }
        released.forEach(Conversation::release)
    }
}
