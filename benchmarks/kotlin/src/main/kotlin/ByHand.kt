import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.suspendCancellableCoroutine
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonObjectBuilder
import kotlinx.serialization.json.add
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.put
import kotlinx.serialization.json.putJsonArray
import kotlinx.serialization.json.putJsonObject
import okhttp3.Call
import okhttp3.Callback
import okhttp3.MediaType.Companion.toMediaType
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.RequestBody.Companion.toRequestBody
import okhttp3.Response
import okhttp3.WebSocket
import okhttp3.WebSocketListener
import java.io.IOException
import java.util.concurrent.ConcurrentLinkedQueue
import kotlin.concurrent.fixedRateTimer
import kotlin.coroutines.resume
import kotlin.coroutines.resumeWithException
import kotlin.random.Random

private val JSON_BODY = "application/json".toMediaType()

/**
 * What a user would write by hand after reading the vendor's page, with OkHttp and kotlinx.serialization, and with the
 * care that it asks for: connections that are kept, answers parsed once. One visitor's conversation: the page's steps 0
 * to 5 in its order, a ping every 15 s, replies put together.
 */
class ByHand(private val baseUrl: String, private val visitor: String) : AutoCloseable {
    private val http = OkHttpClient()
    private val waiting = ConcurrentLinkedQueue<CompletableDeferred<String>>()
    private lateinit var token: String
    private lateinit var userId: String
    private lateinit var mindId: JsonElement
    private lateinit var sessionId: String
    private lateinit var wsId: String
    private lateinit var socket: WebSocket
    private val beat = fixedRateTimer(daemon = true, initialDelay = 15_000, period = 15_000) { socket.send(ping()) }

    suspend fun open(key: String) {
        val auth = call("/rest/open/avatar/auth", "Authorization" to "Bearer $key") { put("visitorId", visitor) }
        token = auth.text("visitorToken")
        userId = auth.text("visitorUserId")
        val shareCode = auth.text("avatarShareCode")
        mindId = post("/rest/os/avatar/chat/init") { put("shareCode", shareCode) }.getValue("mindId")
        val created =
            post("/rest/general/ws/create") {
                put("userId", userId)
                putJsonArray("channel") { add("ALL") }
                put("apiVersion", "1.3.0")
                put("sdkVersion", "1.0.0")
            }
        wsId = created.text("wsId")
        sessionId =
            post("/rest/general/session/create") {
                put("mindId", auth.text("visitorMindId").toLong())
                put("mindType", "shadow")
                put("mode", "PERSONAL")
                put("sessionType", "SHARE")
                putJsonArray("memberUserIds") { add(auth.text("ownerUserId")) }
            }.text("sessionId")
        val avatar = call("/rest/os/avatar/public/$shareCode", "token" to token)
        post("/rest/os/avatar/chat/start") {
            put("avatarId", avatar.getValue("id"))
            put("sessionId", sessionId)
        }
        val opened = CompletableDeferred<Unit>()
        socket = http.newWebSocket(Request.Builder().url(created.text("address")).build(), Frames(opened))
        opened.await()
    }

    suspend fun ask(text: String) {
        val reply = CompletableDeferred<String>().also(waiting::add)
        val now = System.currentTimeMillis()
        val message = "${Random.nextLong(Long.MAX_VALUE)}_____$now"
        post("/rest/general/message/send") {
            put("timestamp", now)
            put("seqId", message)
            put("messageId", message)
            put("sessionId", sessionId)
            put("userId", userId)
            put("sendUserId", userId)
            put("mindId", mindId)
            put("wsId", wsId)
            put("index", 0)
            put("dataType", "text")
            put("sender", "client")
            put("type", "msg")
            putJsonObject("data") { put("content", text) }
        }
        check(reply.await().isNotEmpty())
    }

    override fun close() {
        beat.cancel()
        socket.cancel()
        http.dispatcher.executorService.shutdown()
        http.connectionPool.evictAll()
    }

    private fun ping() = """{"type":"ping","wsId":"$wsId"}"""

    private suspend fun post(path: String, body: JsonObjectBuilder.() -> Unit) = call(path, "token" to token, body)

    private suspend fun call(
        path: String,
        header: Pair<String, String>,
        body: (JsonObjectBuilder.() -> Unit)? = null,
    ): JsonObject {
        val request = Request.Builder().url(baseUrl + path).header("Fp", visitor).header(header.first, header.second)
        if (body != null) request.post(buildJsonObject(body).toString().toRequestBody(JSON_BODY))
        val answer = Json.parseToJsonElement(http.newCall(request.build()).text()).jsonObject
        check(answer.getValue("code").jsonPrimitive.int == 0) { "$path: $answer" }
        return answer["data"] as? JsonObject ?: JsonObject(emptyMap())
    }

    private inner class Frames(private val opened: CompletableDeferred<Unit>) : WebSocketListener() {
        private val text = StringBuilder()

        override fun onOpen(webSocket: WebSocket, response: Response) {
            opened.complete(Unit)
        }

        override fun onMessage(webSocket: WebSocket, text: String) {
            val frame = frames.decodeFromString<Frame>(text)
            if (frame.type != "msg") return
            webSocket.send("""{"type":"ack","seqId":"${frame.seqId}","wsId":"$wsId"}""")
            val isEcho = frame.sender == "client" && frame.sendUserId == userId
            if (isEcho || frame.sessionId != sessionId) return
            frame.multipleData.forEach { this.text.append(it.modal.answer) }
            if (frame.index == -1) {
                waiting.poll()?.complete(this.text.toString())
                this.text.clear()
            }
        }

        override fun onFailure(webSocket: WebSocket, t: Throwable, response: Response?) {
            opened.completeExceptionally(t)
        }
    }
}

private fun JsonObject.text(name: String) = getValue(name).jsonPrimitive.content

/** The body of the answer. */
private suspend fun Call.text(): String = suspendCancellableCoroutine { waiting ->
    waiting.invokeOnCancellation { cancel() }
    enqueue(
        object : Callback {
            override fun onResponse(call: Call, response: Response) = waiting.resume(response.use { it.body.string() })

            override fun onFailure(call: Call, e: IOException) = waiting.resumeWithException(e)
        },
    )
}
