package me.secondme.avatar.testing

import java.io.IOException
import java.io.UncheckedIOException
import java.net.HttpURLConnection
import java.net.URI
import kotlin.concurrent.thread

/**
 * The SecondMe avatar service on this machine, for tests:
 *
 * ```
 * AvatarEmulator.start().use { emulator ->
 *     val client = AvatarClient(emulator.apiKey) { baseUrl = emulator.baseUrl }
 * }
 * ```
 *
 * It is the program `secondme-avatar-emulator`, which is in this library's jar, and whose README says all that it can do. It
 * ends with this object, and with the process that started it, however that ends. What fails is unchecked: an
 * [IllegalStateException] where the emulator refuses, and an [UncheckedIOException] where it is not there.
 */
public class AvatarEmulator private constructor(private val process: Process, ready: String) : AutoCloseable {
    /** Where it is. */
    @get:JvmName("baseUrl")
    public val baseUrl: String = ready.field("base_url")

    /** The API key that it takes. */
    @get:JvmName("apiKey")
    public val apiKey: String = ready.field("api_key")

    /** Where its Visitor Chat is. */
    @get:JvmName("labBaseUrl")
    public val labBaseUrl: String = ready.field("lab_base_url")

    /** The id of the app that its Visitor Chat knows. */
    @get:JvmName("clientId")
    public val clientId: String = ready.field("client_id")

    /** That app's secret. */
    @get:JvmName("clientSecret")
    public val clientSecret: String = ready.field("client_secret")

    /** Where it is told what to do. */
    @get:JvmName("controlUrl")
    public val controlUrl: String = ready.field("control_url")

    /**
     * A `POST` of the control API, with a JSON body: `post("owner/reply", """{"sessionId": …, "text": "Hi"}""")`.
     *
     * @throws IllegalStateException if the emulator refuses it; the text has the emulator's answer.
     * @throws UncheckedIOException if the emulator is not there any more.
     */
    @JvmOverloads
    public fun post(call: String, json: String = "{}"): String = request("POST", call, json)

    /**
     * A `GET` of the control API: `state`, `journal`, `settings`, `faults`.
     *
     * @throws IllegalStateException if the emulator refuses it; the text has the emulator's answer.
     * @throws UncheckedIOException if the emulator is not there any more.
     */
    public fun get(call: String): String = request("GET", call, null)

    /**
     * Ends it, and waits until it has ended. A thread that is interrupted does not wait, and stays marked as interrupted.
     */
    override fun close() {
        try {
            process.outputStream.close()
        } catch (_: IOException) {
            // It has ended before.
        }
        try {
            process.waitFor()
        } catch (_: InterruptedException) {
            Thread.currentThread().interrupt()
        }
    }

    private fun request(method: String, call: String, json: String?): String {
        val (status, text) =
            try {
                answer(method, call, json)
            } catch (failed: IOException) {
                val what = "the emulator does not answer $method $call: it has ended, or was closed. Start another one"
                throw UncheckedIOException(what, failed)
            }
        check(status in 200..299) { "the emulator refuses $method $call with $status: $text" }
        return text
    }

    private fun answer(method: String, call: String, json: String?): Pair<Int, String> {
        val connection = URI("$controlUrl/$call").toURL().openConnection(java.net.Proxy.NO_PROXY) as HttpURLConnection
        connection.requestMethod = method
        if (json != null) {
            connection.doOutput = true
            connection.setRequestProperty("Content-Type", "application/json")
            connection.outputStream.use { it.write(json.toByteArray()) }
        }
        val status = connection.responseCode
        val answer = if (status in 200..299) connection.inputStream else connection.errorStream
        return status to answer?.use { it.readBytes() }?.decodeToString().orEmpty()
    }

    public companion object {
        /**
         * Starts one, on a free port.
         *
         * @param options of the command line, such as `--brain`, `demo`.
         * @param program where it is; else the system property `secondme.avatar.emulator`. Without both it is the program in
         * this library's jar; where that has none for this system, the one that was built in the checkout in which the
         * tests run; else it is looked for in `PATH`.
         * @throws IllegalStateException if it ends at once, as with an option that it does not know; the text has what it
         * says.
         * @throws UncheckedIOException if there is no such program, or it cannot be run.
         */
        @JvmStatic
        @JvmOverloads
        public fun start(vararg options: String, program: String? = null): AvatarEmulator {
            val named = program ?: System.getProperty("secondme.avatar.emulator")
            val command = named ?: unpacked()
            val builder = ProcessBuilder(command, "--json", "--until-stdin-ends", *options)
            val process =
                try {
                    builder.start()
                } catch (failed: IOException) {
                    throw UncheckedIOException(
                        "the emulator of the SecondMe service cannot be started: $command. This jar has none for " +
                            "${EmulatorProgram.system}, or its folder holds no code that may run: say where the " +
                            "program is with -Dsecondme.avatar.emulator=PATH.",
                        failed,
                    )
                }
            val said = Said(process)
            val ready = process.inputReader().readLine()
            checkNotNull(ready) { "the emulator has ended at once ($command): ${said.all()}" }
            said.pass()
            return AvatarEmulator(process, ready)
        }

        private fun unpacked() = try {
            EmulatorProgram.path
        } catch (failed: IOException) {
            val what = "the emulator of this jar cannot be laid into the folder for temporary files"
            throw UncheckedIOException("$what: name another one with -Djava.io.tmpdir=PATH", failed)
        }
    }
}

/** What the program says on its error stream: kept until it is ready, and from then on passed to this process's. */
private class Said(process: Process) {
    private val kept = StringBuffer()

    @Volatile
    private var isReady = false

    private val reader =
        thread(isDaemon = true, name = "secondme-avatar-emulator") {
            process.errorReader().forEachLine { line ->
                kept.append(line).append('\n')
                if (isReady) pass()
            }
        }

    /** Passes on what was kept, and all that follows. */
    fun pass() {
        isReady = true
        synchronized(kept) {
            System.err.print(kept)
            kept.setLength(0)
        }
    }

    /** All that it has said, once it has ended. */
    fun all(): String {
        reader.join()
        return kept.trim().toString().ifEmpty { "it has said nothing" }
    }
}

/** The emulator's line is its own, and these fields need no escapes. */
private fun String.field(name: String): String = checkNotNull(Regex("\"$name\":\"([^\"]*)\"").find(this)) {
    "the program that was started is no emulator of this version: no $name in $this"
}.groupValues[1]
