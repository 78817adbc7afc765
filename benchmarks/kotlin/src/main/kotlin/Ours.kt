import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.takeWhile
import kotlinx.coroutines.runBlocking
import me.secondme.avatar.AvatarClient
import me.secondme.avatar.Event
import me.secondme.avatar.Visitor
import me.secondme.avatar.listener.CoreBatch
import me.secondme.avatar.listener.CoreClient
import me.secondme.avatar.listener.CoreEventKind
import me.secondme.avatar.listener.CoreListener
import me.secondme.avatar.listener.CoreOptions
import me.secondme.avatar.listener.CoreVisitor
import java.util.concurrent.CountDownLatch
import kotlin.time.Duration
import kotlin.time.TimeSource

/** So long a queue that no two pieces become one: every frame is an event of its own. */
const val NEVER_MERGED = 1_000_000

/** The package: a Flow of events. The time from the first frame to the last. */
fun throughFlow(server: Server, replies: Int, acknowledge: Boolean, queue: Int): Duration =
    runBlocking(Dispatchers.Default) {
        val client =
            AvatarClient("sk-benchmark") {
                baseUrl = server.baseUrl
                this.acknowledge = acknowledge
                eventQueue = queue
            }
        val chat = client.open(Visitor.forUser("bench", "frames"))
        val events = chat.subscribe()
        server.begin(replies)
        var started: TimeSource.Monotonic.ValueTimeMark? = null
        var heard = 0
        var length = 0L
        events.events
            .takeWhile { event ->
                if (started == null) started = TimeSource.Monotonic.markNow()
                if (event is Event.ReplyDelta) length += event.text.length
                if (event is Event.Reply) {
                    length -= event.reply.text.length
                    heard += 1
                }
                heard < replies
            }.collect {}
        val took = started!!.elapsedNow()
        check(length == 0L) { "pieces and replies differ by $length characters" }
        client.close()
        took
    }

/** The way not taken: a listener that the core calls with each event. */
fun throughListener(server: Server, replies: Int): Duration = runBlocking {
    val options = CoreOptions(apiKey = "sk-benchmark", baseUrl = server.baseUrl, language = "kotlin/benchmark")
    val client = CoreClient(options)
    var started: TimeSource.Monotonic.ValueTimeMark? = null
    var heard = 0
    val done = CountDownLatch(1)
    client.open(CoreVisitor(Visitor.forUser("bench", "frames").id, null, null), null, null)
    client.listen(
        object : CoreListener {
            override fun onEvent(event: CoreBatch) {
                if (started == null) started = TimeSource.Monotonic.markNow()
                event.events.forEach { if (it.kind is CoreEventKind.Reply) heard += 1 }
                if (heard == replies) done.countDown()
            }
        },
    )
    server.begin(replies)
    done.await()
    val took = started!!.elapsedNow()
    client.shutdown(null, null)
    client.destroy()
    took
}
