import custom.serve
import kotlinx.coroutines.runBlocking
import me.secondme.avatar.AvatarClient
import me.secondme.avatar.Visitor
import me.secondme.avatar.testing.AvatarEmulator
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Path
import java.util.concurrent.ConcurrentLinkedQueue

class CustomTest {
    @Test
    fun `each person is answered, goes on after a restart, and errors are kind`(@TempDir folder: Path) =
        AvatarEmulator.start().use { emulator ->
            fun run(vararg lines: String): (String) -> String {
                val told = ConcurrentLinkedQueue<Pair<String?, String>>()
                runBlocking {
                    val file = folder.resolve("avatar.db").toString()
                    val client =
                        AvatarClient(emulator.apiKey) {
                            baseUrl = emulator.baseUrl
                            store = file
                        }
                    client.use { serve(it, lines.asSequence()) { user, text -> told.add(user to text) } }
                }
                return { user -> told.filter { it.first == user }.joinToString("") { it.second } }
            }
            val first = run("ada Who are you?", "grace And I?")
            assertEquals("You said: Who are you?", first("ada"))
            assertEquals("You said: And I?", first("grace"))

            val grace = Visitor.forUser("custom", "grace").id
            val session = Regex(""""sessionId":"([^"]+)","takenOver":false,"visitorId":"$grace"""")
            val sessionId = checkNotNull(session.find(emulator.get("state"))).groupValues[1]
            emulator.post("owner/reply", """{"sessionId": "$sessionId", "text": "It is me"}""")
            emulator.post("owner/handback", """{"sessionId": "$sessionId"}""")
            emulator.post("faults", """{"at": "message/send", "do": {"fail": "some.code"}}""")
            val second = run("ada Hello", "grace /raw")
            assertEquals("Sorry, there is no answer just now.", second("ada"))
            assertTrue("It is me" in second("grace") && "messageId" in second("grace"), second("grace"))
        }
}
