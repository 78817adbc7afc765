import kotlinx.coroutines.runBlocking
import me.secondme.avatar.Visitor
import me.secondme.avatar.listener.CoreBatch
import me.secondme.avatar.listener.CoreCancel
import me.secondme.avatar.listener.CoreClient
import me.secondme.avatar.listener.CoreEventKind
import me.secondme.avatar.listener.CoreListener
import me.secondme.avatar.listener.CoreOptions
import me.secondme.avatar.listener.CoreVisitor
import java.util.concurrent.CountDownLatch
import kotlin.time.Duration
import kotlin.time.TimeSource

/** The way not taken: a listener that the core calls with each event. */
fun throughListener(server: Server, replies: Int): Duration = runBlocking {
    val options = CoreOptions(apiKey = "sk-benchmark", baseUrl = server.baseUrl, language = "kotlin/benchmark")
    val client = CoreClient(options)
    var started: TimeSource.Monotonic.ValueTimeMark? = null
    var heard = 0
    val done = CountDownLatch(1)
    client.open(CoreVisitor(Visitor.forUser("bench", "frames").id, null, null, null), null, CoreCancel())
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
