package me.secondme.avatar.sample

import com.sun.net.httpserver.HttpServer
import kotlinx.coroutines.runBlocking
import me.secondme.avatar.AvatarClient
import me.secondme.avatar.Visitor
import me.secondme.avatar.testing.AvatarEmulator
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.Test
import java.io.File
import java.io.IOException
import java.io.RandomAccessFile
import java.net.InetAddress
import java.net.InetSocketAddress
import java.util.UUID
import java.util.concurrent.Executors

/** The app in a process of its own, with its server and the service in others: the key is in theirs alone. */
class KeylessTest {
    @Test
    fun `the app speaks, and the key is nowhere in its memory`() {
        assumeTrue(File("/proc/self/mem").exists(), "only Linux shows the memory of a process")
        val key = "sk-${UUID.randomUUID()}"
        AvatarEmulator.start("--api-key", key).use { emulator ->
            val given = mutableListOf<String>()
            withServer(key, emulator, given) { url ->
                val app = start(url, emulator.baseUrl, "session-of-ada")
                try {
                    assertEquals("You said: Hello", app.inputReader().readLine())
                    val token = checkNotNull(Regex("\"visitorToken\":\"([^\"]+)").find(given.single())).groupValues[1]
                    val memory = File("/proc/${app.pid()}")
                    assertTrue(memory.holds(token), "what is there is found")
                    assertFalse(memory.holds(key), "the key is in the app")
                } finally {
                    app.outputStream.close()
                    app.waitFor()
                }
                // One who is not signed in gets none.
                val stranger = start(url, emulator.baseUrl, "session-of-eve")
                assertTrue(stranger.inputReader().readLine().contains("not signed in"))
                stranger.outputStream.close()
                stranger.waitFor()
                assertEquals(1, given.size)
            }
        }
    }

    /** The app's server: it has the key, and knows who is signed in. */
    private fun withServer(key: String, emulator: AvatarEmulator, given: MutableList<String>, test: (String) -> Unit) {
        val client = AvatarClient(key) { baseUrl = emulator.baseUrl }
        val users = mapOf("Bearer session-of-ada" to Visitor.forUser("myapp", "ada", name = "Ada"))
        val server = HttpServer.create(InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0)
        server.executor = Executors.newCachedThreadPool()
        server.createContext("/avatar") { call ->
            val visitor = users[call.requestHeaders.getFirst("Authorization")]
            val answer = visitor?.let { runBlocking { client.authenticate(it) }.toJson() }
            answer?.let(given::add)
            val body = answer.orEmpty().encodeToByteArray()
            call.responseHeaders.add("Cache-Control", "no-store")
            call.sendResponseHeaders(if (answer == null) 401 else 200, body.size.toLong().takeIf { it > 0 } ?: -1)
            call.responseBody.use { it.write(body) }
        }
        server.start()
        try {
            test("http://127.0.0.1:${server.address.port}/avatar")
        } finally {
            server.stop(0)
            client.closeBlocking()
        }
    }

    private fun start(vararg arguments: String): Process {
        val classes = System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path")
        val java = File(System.getProperty("java.home"), "bin/java").path
        val natives = "-Djna.library.path=${System.getProperty("jna.library.path")}"
        val main = "me.secondme.avatar.sample.KeylessProgramKt"
        val command = listOf(java, natives, "-Xmx64m", "-XX:+UseSerialGC", "-cp", classes, main) + arguments
        return ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start()
    }

    /** Whether the memory of this process holds the text, as bytes or as Java's wide characters. */
    private fun File.holds(text: String): Boolean {
        val forms = listOf(Charsets.ISO_8859_1, Charsets.UTF_16LE).map {
            String(text.toByteArray(it), Charsets.ISO_8859_1)
        }
        RandomAccessFile(File(this, "mem"), "r").use { memory ->
            for (line in File(this, "maps").readLines()) {
                val (range, rights) = line.split(' ')
                val (from, to) = range.split('-').map { it.toULong(16).toLong() }
                // What the kernel keeps for itself cannot be read.
                if (rights[0] != 'r' || line.endsWith("[vvar]") || from < 0) continue
                if (memory.contains(from, to, forms)) return true
            }
        }
        return false
    }

    private fun RandomAccessFile.contains(from: Long, to: Long, forms: List<String>): Boolean {
        val longest = forms.maxOf { it.length }
        var at = from
        while (at < to) {
            val block = ByteArray(minOf(to - at, 1L shl 20).toInt())
            val read = try {
                seek(at)
                read(block)
            } catch (_: IOException) {
                return false // Nothing is behind this page.
            }
            if (read <= 0) return false
            val text = String(block, 0, read, Charsets.ISO_8859_1)
            if (forms.any { it in text }) return true
            at += if (at + read < to) (read - longest).coerceAtLeast(1) else read
        }
        return false
    }
}
