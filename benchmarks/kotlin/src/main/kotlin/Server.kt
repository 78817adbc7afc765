import java.net.HttpURLConnection
import java.net.URI

/** A service that writes frames as fast as they are read: `benchmarks serve`. It ends with this. */
class Server(program: String) : AutoCloseable {
    private val process = ProcessBuilder(program, "serve").redirectError(ProcessBuilder.Redirect.INHERIT).start()
    val baseUrl: String
    val framesPerReply: Int

    init {
        val ready = process.inputReader().readLine()
        baseUrl = Regex("\"base_url\":\"([^\"]+)\"").find(ready)!!.groupValues[1]
        framesPerReply = Regex("\"frames_per_reply\":(\\d+)").find(ready)!!.groupValues[1].toInt()
    }

    /** Writes so many streamed replies to everyone who is connected. */
    fun begin(replies: Int) {
        post("/_bench/begin", """{"replies": $replies}""")
    }

    /** The address of its socket. */
    fun socket(): String =
        Regex("\"address\":\"([^\"]+)\"").find(post("/rest/general/ws/create", "{}"))!!.groupValues[1]

    private fun post(path: String, body: String): String {
        val connection = URI("$baseUrl$path").toURL().openConnection() as HttpURLConnection
        connection.requestMethod = "POST"
        connection.doOutput = true
        connection.setRequestProperty("Content-Type", "application/json")
        connection.outputStream.use { it.write(body.toByteArray()) }
        return connection.inputStream.use { it.readBytes().decodeToString() }
    }

    override fun close() {
        process.outputStream.close()
        process.waitFor()
    }
}
