package me.secondme.avatar

import kotlinx.coroutines.runBlocking
import me.secondme.avatar.testing.AvatarEmulator
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assertions.fail
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.condition.EnabledOnOs
import org.junit.jupiter.api.condition.OS
import java.io.File
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicBoolean
import kotlin.concurrent.thread
import kotlin.system.exitProcess
import kotlin.time.Duration.Companion.minutes

class LifeTest {
    @Test
    @EnabledOnOs(OS.LINUX)
    fun `thousands of conversations come and go, and nothing grows`() =
        withClient(client = { quota = 1_000_000 }, patience = 5.minutes) { client, emulator ->
            emulator.post("settings", """{"quota-per-minute": 1000000, "journal": 0}""")
            nothingGrows(1000) {
                val chat = client.open(ada)
                chat.subscribe().use { chat.ask("Hello") }
                chat.close()
            }
        }

    @Test
    @EnabledOnOs(OS.LINUX)
    fun `hundreds of clients come and go, and nothing grows`() = withEmulator(patience = 5.minutes) { emulator ->
        emulator.post("settings", """{"quota-per-minute": 1000000, "journal": 0}""")
        nothingGrows(200) {
            val client = emulator.client()
            client.open(ada)
            client.close()
        }
    }

    @Test
    fun `a released conversation may be collected while its client is closed`() = withEmulator { emulator ->
        emulator.post("settings", """{"quota-per-minute": 1000000, "journal": 0}""")
        val isOver = AtomicBoolean()
        val collector = thread { while (!isOver.get()) System.gc() }
        try {
            repeat(40) {
                val client = emulator.client()
                client.open(ada)
                client.close()
            }
        } finally {
            isOver.set(true)
            collector.join()
        }
    }

    @Test
    fun `a program that closes nothing ends all the same`() {
        AvatarEmulator.start().use { emulator ->
            repeat(5) {
                val program = program(Forgetful::class.java.name, emulator.baseUrl, emulator.apiKey)
                assertTrue(program.waitFor(30, TimeUnit.SECONDS), "it does not end")
                assertEquals("You said: Hello", program.said().trim())
                assertEquals(0, program.exitValue())
            }
        }
    }

    @Test
    fun `where there is no library for the system, that is said`() {
        val nowhere = listOf("-Djna.library.path=", "-Djna.nounpack=true", "-Djna.nosys=true")
        val program = program(Forgetful::class.java.name, "-", "-", options = nowhere)
        val said = program.said()
        program.waitFor()
        assertTrue(said.contains("secondme-avatar") && said.contains("jna.library.path=FOLDER"), said)
    }

    /** What leaks grows with every round; what the JVM takes for itself, its compiler's memory above all, does not. */
    private suspend fun nothingGrows(count: Int, live: suspend () -> Unit) {
        val seen = mutableListOf<Used>()
        repeat(ROUNDS) {
            repeat(count) { live() }
            seen += Used.now()
            if (seen.size > 1 && !seen.last().isMoreThan(seen[seen.size - 2], count)) return
        }
        fail<Unit>("it grows with every $count: $seen")
    }

    /** Memory, open files and threads of this process, when what can be collected is. */
    private class Used(val kib: Long, val files: Int, val threads: Int) {
        fun isMoreThan(before: Used, count: Int) = kib - before.kib > count * KIB_EACH ||
            files > before.files + 5 || threads > before.threads + 5

        override fun toString() = "$kib KiB, $files files, $threads threads"

        companion object {
            /** Less than half of what a conversation holds while it lives. */
            const val KIB_EACH = 4

            fun now(): Used {
                repeat(3) { System.gc() }
                val status = File("/proc/self/status").readLines()
                fun value(name: String) = status.first { it.startsWith(name) }.filter(Char::isDigit).toLong()
                return Used(value("VmRSS:"), File("/proc/self/fd").list()!!.size, value("Threads:").toInt())
            }
        }
    }

    private companion object {
        const val ROUNDS = 6
    }
}

/** A program that opens a client, a conversation and a subscription, and closes none of them. */
internal object Forgetful {
    @JvmStatic
    fun main(arguments: Array<String>) {
        val (base, key) = arguments
        val reply =
            runBlocking {
                try {
                    val client = AvatarClient(key) { baseUrl = base }
                    client.subscribe()
                    client.open(Visitor.forUser("test", "ada")).ask("Hello").text
                } catch (missing: UnsatisfiedLinkError) {
                    println(missing.message)
                    exitProcess(1)
                }
            }
        println(reply)
    }
}
