import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.takeWhile
import kotlinx.coroutines.runBlocking
import me.secondme.avatar.AvatarClient
import me.secondme.avatar.Event
import me.secondme.avatar.Visitor
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
