package me.secondme.avatar

import java.util.WeakHashMap

/** Something that a client has given out and that holds native code. It is released when the client is closed. */
internal fun interface Dependent {
    fun release()
}

/** A client's conversations and subscriptions, as long as the program holds them. */
internal class Dependents {
    private val all = WeakHashMap<Dependent, Unit>()
    private var isOver = false

    fun add(dependent: Dependent) {
        val isLate = synchronized(all) { isOver.also { if (!isOver) all[dependent] = Unit } }
        // It was made while the client was being closed.
        if (isLate) dependent.release()
    }

    fun releaseAll() {
        val released = mutableListOf<Dependent>()
        synchronized(all) {
            isOver = true
            // One at a time: between a look at the size and the first step the collector may have taken them all.
            for (dependent in all.keys) released += dependent
            all.clear()
        }
        released.forEach(Dependent::release)
    }
}
