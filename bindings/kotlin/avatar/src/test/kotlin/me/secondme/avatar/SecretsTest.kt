package me.secondme.avatar

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Path
import java.util.Collections
import kotlin.io.path.div

/**
 * What others say is repeated without the secrets that it holds, in all that a program can print. The secrets look like
 * plain words, so that only knowing them helps.
 */
class SecretsTest {
    /** All that a program gets to see, printed. */
    private class Seen {
        private val shown = Collections.synchronizedList(mutableListOf<String>())

        fun add(value: Any?) {
            shown += value.toString()
            when (value) {
                is Throwable -> {
                    shown += value.stackTraceToString()
                    shown += "${value.localizedMessage} ${(value as? AvatarException)?.code}"
                }
                is CallReport -> value.error?.let(::add)
                is Event.Disconnected -> {
                    shown += "${value.closeReason}"
                    add(value.cause)
                }
                is Event.ServiceError -> shown += "${value.serviceError.code} ${value.serviceError.reason}"
                is Event.Closed -> (value.reason as? CloseReason.Failed)?.let { add(it.error) }
                is Event.Unsent -> add(value.error)
            }
        }

        fun hides(vararg secrets: String, quoted: String) {
            val all = synchronized(shown) { shown.toList() }
            assertTrue(all.any { quoted in it }, "no `$quoted` in $all")
            for (line in all) for (secret in secrets) assertFalse(secret in line, "$secret in $line")
        }
    }

    private fun listening(test: (Seen) -> Unit) {
        val seen = Seen()
        AvatarLog.filter = "secondme_avatar=trace"
        AvatarLog.handler = seen::add
        try {
            test(seen)
        } finally {
            AvatarLog.handler = null
        }
    }

    @Test
    fun `what the service repeats of the key`() = listening { seen ->
        withEmulator("--api-key", KEY) { emulator ->
            emulator.client { onCall = seen::add }.use { client ->
                val heard = client.subscribe(raw = true)
                val listening = async(Dispatchers.Default) { heard.events.collect(seen::add) }
                val repeats = """{"code": "bad.$KEY", "reason": "the key $KEY is unknown"}"""
                emulator.post("faults", """{"at": "auth", "do": {"fail": $repeats}}""")
                seen.add(assertThrows<AvatarException> { client.open(ada) })
                emulator.post("faults", """{"at": "auth", "do": {"status": 418, "body": "{\"code\": \"$KEY\"}"}}""")
                seen.add(assertThrows<AvatarException> { client.open(ada) })
                val chat = client.open(ada)
                seen.add(chat)
                emulator.post("faults", """{"at": "reply", "do": {"fail": $repeats}}""")
                seen.add(assertThrows<AvatarException> { chat.ask("Hello") })
                emulator.post("sockets/close", """{"code": 4001, "reason": "closed for $KEY"}""")
                client.waitForReconnection(chat)
                seen.add(client)
                seen.add(client.stats())
                client.close()
                listening.await()
            }
        }
        seen.hides(KEY, quoted = "the key … is unknown")
        seen.hides(quoted = "closed for …")
    }

    @Test
    fun `what a function that gives credentials throws`() = listening { seen ->
        withEmulator { emulator ->
            emulator.client().use { server ->
                val json = server.authenticate(ada).toJson()
                val token = checkNotNull(Regex("\"visitorToken\":\"([^\"]+)").find(json)).groupValues[1]
                val given = { base: String -> { options: ClientOptions -> options.baseUrl = base } }(emulator.baseUrl)
                AvatarClient.withCredentials({ given(this) }) { request ->
                    seen.add(request)
                    check(!request.refused) { "the server has refused $json with $token, Bearer $OTHER" }
                    Credentials.fromJson(json).also(seen::add)
                }.use { app ->
                    val chat = app.open(ada)
                    emulator.post("faults", """{"at": "message/send", "do": "expired-token"}""")
                    seen.add(assertThrows<AvatarException.Authentication> { chat.ask("Hello") })
                    seen.add(app)
                }
                seen.hides(token, OTHER, quoted = "has failed: IllegalStateException: the server has refused")
                // Before it has given any, no token is known: it shows in the form of the text alone.
                AvatarClient.withCredentials({ given(this) }) {
                    throw IllegalArgumentException("cannot read $json", IllegalStateException(json))
                }.use { app -> seen.add(assertThrows<AvatarException.Authentication> { app.open(ada) }) }
                seen.hides(token, OTHER, quoted = "IllegalArgumentException: cannot read")
            }
        }
    }

    @Test
    fun `what a seal throws`(@TempDir folder: Path) = listening { seen ->
        val sealing = object : Seal {
            override fun seal(bytes: ByteArray) = error("no key in $KEY, password=$OTHER")

            override fun unseal(sealed: ByteArray) = error("no key in $KEY, password=$OTHER")
        }
        withEmulator("--api-key", KEY) { emulator ->
            val client = emulator.client {
                store = (folder / "avatar.db").toString()
                seal = sealing
                seen.add(this)
            }
            seen.add(assertThrows<AvatarException.Store> { client.open(ada).sendDurable("Hello") })
            client.close()
        }
        seen.hides(KEY, OTHER, quoted = "IllegalStateException: no key in …")
    }

    @Test
    fun `a client that cannot be made`() {
        val seen = Seen()
        val proxied: ClientOptions.() -> Unit = {
            proxy = "socks5://ada:$OTHER@proxy.example.com:1080"
            seen.add(this)
        }
        seen.add(assertThrows<AvatarException.Misuse> { AvatarClient(KEY, proxied) })
        seen.add(assertThrows<AvatarException.Misuse> { AvatarClient("a key $KEY") })
        seen.add(assertThrows<AvatarException.Misuse> { AvatarClient.visitorChat("app", APP_SECRET, KEY, proxied) })
        seen.add(assertThrows<AvatarException.Misuse> { AvatarClient.withCredentials(proxied) { error("") } })
        seen.hides(KEY, OTHER, APP_SECRET, quoted = "SOCKS")
    }

    private suspend fun AvatarClient.waitForReconnection(chat: Conversation) {
        eventually { stats().lost > 0 && chat.state == State.LIVE }
    }

    private companion object {
        const val KEY = "sk-horse"
        const val OTHER = "purple-monkey"
        const val APP_SECRET = "dish-washer"
    }
}
