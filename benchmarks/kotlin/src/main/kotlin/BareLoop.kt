import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.Response
import okhttp3.WebSocket
import okhttp3.WebSocketListener
import java.util.concurrent.CountDownLatch
import kotlin.time.Duration
import kotlin.time.TimeSource

/**
 * What one writes by hand: reads what a bot needs to tell who speaks in which conversation, puts replies together, and
 * acknowledges. The time from the first frame to the last.
 */
fun bareLoop(server: Server, replies: Int, acknowledge: Boolean): Duration {
    val done = CountDownLatch(1)
    var took = Duration.INFINITE
    val http = OkHttpClient()
    val opened = CountDownLatch(1)
    val listener =
        object : WebSocketListener() {
            private var started: TimeSource.Monotonic.ValueTimeMark? = null
            private var id = ""
            private val reply = StringBuilder()
            private var heard = 0
            private var length = 0L

            override fun onOpen(webSocket: WebSocket, response: Response) = opened.countDown()

            override fun onMessage(webSocket: WebSocket, text: String) {
                val start = started ?: TimeSource.Monotonic.markNow().also { started = it }
                val frame = frames.decodeFromString<Frame>(text)
                if (acknowledge) webSocket.send("""{"type":"ack","seqId":"${frame.seqId}","wsId":"ws:1"}""")
                val isOwner = frame.sender == "client" && frame.sendUserId != "del3p"
                check(frame.type == "msg" && !isOwner && frame.sessionId == "session-1")
                if (frame.messageId != id) {
                    id = frame.messageId
                    reply.clear()
                }
                frame.multipleData.forEach { reply.append(it.modal.answer) }
                if (frame.index == -1) {
                    length += reply.length
                    heard += 1
                    if (heard == replies) {
                        took = start.elapsedNow()
                        check(length > 0)
                        done.countDown()
                    }
                }
            }

            override fun onFailure(webSocket: WebSocket, t: Throwable, response: Response?) {
                if (done.count > 0) throw t
            }
        }
    val socket = http.newWebSocket(Request.Builder().url(server.socket()).build(), listener)
    opened.await()
    server.begin(replies)
    done.await()
    socket.cancel()
    http.dispatcher.executorService.shutdown()
    http.connectionPool.evictAll()
    return took
}
