import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.runBlocking
import me.secondme.avatar.AvatarClient
import me.secondme.avatar.Visitor
import me.secondme.avatar.testing.AvatarEmulator
import java.io.File
import java.util.Locale
import kotlin.time.DurationUnit
import kotlin.time.measureTime

private val asks = System.getProperty("asks")?.toInt() ?: 1000

/** One question, one answer, one after the other: how long it takes, beside a client written by hand. */
fun ask(programs: File, report: Report) =
    AvatarEmulator.start(program = "$programs/secondme-avatar-emulator").use { emulator ->
        val settings = """{"reply-delay": "0ms", "piece-delay": "0ms", "quota-per-minute": 1000000, "journal": 0}"""
        emulator.post("settings", settings)
        runBlocking(Dispatchers.Default) {
            val client =
                AvatarClient(emulator.apiKey) {
                    baseUrl = emulator.baseUrl
                    quota = 1_000_000
                }
            val ours = client.open(Visitor.forUser("bench", "ours"))
            val theirs = ByHand(emulator.baseUrl, Visitor.forUser("bench", "hand").id).also { it.open(emulator.apiKey) }
            val (mine, hand) =
                List(runs + 1) { middle { ours.ask(it) } to middle { theirs.ask(it) } }.drop(1).unzip()
            val aside = "(%.3f ms, by hand %.3f ms)".format(Locale.ROOT, median(mine), median(hand))
            report.atMost("ask, round trip p50, of OkHttp by hand", ratio(mine, hand), 0.7, aside)
            theirs.close()
            client.close()
        }
    }

/** Milliseconds. */
private suspend fun middle(ask: suspend (String) -> Unit): Double =
    median(List(asks) { number -> measureTime { ask("question $number") }.toDouble(DurationUnit.MILLISECONDS) })
