package me.secondme.avatar

import kotlinx.coroutines.runBlocking
import me.secondme.avatar.testing.AvatarEmulator
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
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
    fun `2,500 conversations come and go, and nothing grows`() =
        withClient(client = { quota = 1_000_000 }, patience = 5.minutes) { client, emulator ->
            emulator.post("settings", """{"quota-per-minute": 1000000, "journal": 0}""")
            suspend fun live() {
                val chat = client.open(ada)
                chat.subscribe().use { chat.ask("Hello") }
                chat.close()
            }
            repeat(500) { live() }
            val before = Used.now()
            repeat(2000) { live() }
            val after = Used.now()
            // Less than half of what so many conversations hold while they live.
            assertTrue(after.kib - before.kib < 8 * 1024, "$before became $after")
            assertTrue(after.files <= before.files + 5 && after.threads <= before.threads + 5, "$before became $after")
        }

    @Test
    @EnabledOnOs(OS.LINUX)
    fun `hundreds of clients come and go, and nothing grows`() = withEmulator { emulator ->
        emulator.post("settings", """{"quota-per-minute": 1000000, "journal": 0}""")
        suspend fun live() {
            val client = emulator.client()
            client.open(ada)
            client.shutdown()
        }
        repeat(100) { live() }
        val before = Used.now()
        repeat(300) { live() }
        val after = Used.now()
        assertTrue(after.kib - before.kib < 8 * 1024, "$before became $after")
        assertTrue(after.files <= before.files + 5 && after.threads <= before.threads + 5, "$before became $after")
    }

    @Test
    fun `a conversation that nobody holds may be collected while its client is shut down`() = withEmulator { emulator ->
        emulator.post("settings", """{"quota-per-minute": 1000000, "journal": 0}""")
        val isOver = AtomicBoolean()
        val collector = thread { while (!isOver.get()) System.gc() }
        try {
            repeat(40) {
                val client = emulator.client()
                client.open(ada)
                client.shutdown()
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

    /** Memory, open files and threads of this process, when what can be collected is. */
    private class Used(val kib: Long, val files: Int, val threads: Int) {
        override fun toString() = "$kib KiB, $files files, $threads threads"

        companion object {
            fun now(): Used {
                repeat(3) { System.gc() }
                val status = File("/proc/self/status").readLines()
                fun value(name: String) = status.first { it.startsWith(name) }.filter(Char::isDigit).toLong()
                return Used(value("VmRSS:"), File("/proc/self/fd").list()!!.size, value("Threads:").toInt())
            }
        }
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
