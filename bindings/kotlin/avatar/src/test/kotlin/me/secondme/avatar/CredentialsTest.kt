package me.secondme.avatar

import me.secondme.avatar.testing.AvatarEmulator
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import java.util.Collections

class CredentialsTest {
    @Test
    fun `an app speaks without the key, and asks again once its token is refused`() = withEmulator { emulator ->
        val asked = Collections.synchronizedList(mutableListOf<CredentialsRequest>())
        emulator.server().use { server ->
            emulator.app { request ->
                asked += request
                Credentials.fromJson(server.authenticate(ada).toJson())
            }.use { app ->
                val me = server.authenticate(ada).visitor()
                assertEquals(ada.id, me.id)
                val chat = app.open(me)
                assertEquals("You said: Hello", chat.ask("Hello").text)
                emulator.post("faults", """{"at": "message/send", "do": "expired-token"}""")
                assertEquals("You said: Still there?", chat.ask("Still there?").text)
                assertEquals(listOf(ada.id to false, ada.id to true), asked.map { it.visitorId to it.refused })
                assertThrows<AvatarException.Misuse> { app.setApiKey("sk-other") }
                val without = assertThrows<AvatarException.Misuse> { app.authenticate(ada) }
                assertTrue(without.message!!.contains("no API key"), without.message)
                val other = assertThrows<AvatarException.Misuse> { app.open(Visitor.forUser("test", "bob")) }
                assertTrue(other.message!!.contains("open the visitor that the credentials name"), other.message)
            }
        }
    }

    @Test
    fun `credentials are shown by their visitor alone`() = withEmulator { emulator ->
        emulator.server().use { server ->
            val credentials = server.authenticate(ada)
            val json = credentials.toJson()
            val token = checkNotNull(Regex("\"visitorToken\":\"([^\"]+)").find(json)).groupValues[1]
            assertFalse(credentials.toString().contains(token))
            assertEquals(credentials, Credentials.fromJson(json))
            val broken = assertThrows<AvatarException.InvalidAnswer> {
                Credentials.fromJson(json.replace("visitorMindId", "another"))
            }
            assertFalse(broken.toString().contains(token), broken.toString())
        }
    }

    @Test
    fun `what the function throws is the error of the calls that wait`() = withEmulator { emulator ->
        emulator.app { error("not signed in, token=secret") }.use { app ->
            val refused = assertThrows<AvatarException.Authentication> { app.open(ada) }
            assertTrue(refused.message!!.contains("gives the visitors' credentials has failed"), refused.message)
            assertFalse(refused.message!!.contains("token=secret"), refused.message)
        }
    }

    @Test
    fun `a key is replaced while people talk`() = withEmulator { emulator ->
        val keys = { first: String ->
            """{"keys": [{"key": "${emulator.apiKey}", "share-code": "ebe251793d69"$first},
                {"key": "sk-second", "share-code": "ebe251793d69"}]}"""
        }
        emulator.post("settings", keys(""))
        emulator.server().use { client ->
            val chat = client.open(ada)
            client.setApiKey("sk-second")
            emulator.post("settings", keys(""", "disabled": true"""))
            emulator.post("faults", """{"at": "message/send", "do": "expired-token"}""")
            assertEquals("You said: Hello", chat.ask("Hello").text)
            assertEquals("You said: Hi", client.open(Visitor.forUser("test", "bob")).ask("Hi").text)
            assertThrows<AvatarException.Misuse> { client.setApiKey("pk-third") }
        }
    }

    private fun AvatarEmulator.server() = AvatarClient(apiKey) { baseUrl = this@server.baseUrl }

    private fun AvatarEmulator.app(credentials: suspend (CredentialsRequest) -> Credentials) =
        AvatarClient.withCredentials({ baseUrl = this@app.baseUrl }, credentials)
}
