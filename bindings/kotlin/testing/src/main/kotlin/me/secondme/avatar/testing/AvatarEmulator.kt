package me.secondme.avatar.testing

import java.io.IOException
import java.net.HttpURLConnection
import java.net.URI

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
 * ends with this object, and
 * with the process that started it, however that ends.
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

    /** A `POST` of the control API, with a JSON body: `post("owner/reply", """{"sessionId": …, "text": "Hi"}""")`. */
    @JvmOverloads
    public fun post(call: String, json: String = "{}"): String = request("POST", call, json)

    /** A `GET` of the control API: `state`, `journal`, `settings`, `faults`. */
    public fun get(call: String): String = request("GET", call, null)

    override fun close() {
        process.outputStream.close()
        process.waitFor()
    }

    private fun request(method: String, call: String, json: String?): String {
        val connection = URI("$controlUrl/$call").toURL().openConnection(java.net.Proxy.NO_PROXY) as HttpURLConnection
        connection.requestMethod = method
        if (json != null) {
            connection.doOutput = true
            connection.setRequestProperty("Content-Type", "application/json")
            connection.outputStream.use { it.write(json.toByteArray()) }
        }
        val isGood = connection.responseCode in 200..299
        val answer = (if (isGood) connection.inputStream else connection.errorStream)?.use { it.readBytes() }
        val text = answer?.decodeToString().orEmpty()
        if (!isGood) throw IOException("$method $call: ${connection.responseCode} $text")
        return text
    }

    public companion object {
        /**
         * Starts one, on a free port.
         *
         * @param options of the command line, such as `--brain`, `demo`.
         * @param program where it is; else the system property `secondme.avatar.emulator`. Without both it is the program in
         * this library's jar; where that has none for this system, the one that was built in the checkout in which the
         * tests run; else it is looked for in `PATH`.
         */
        @JvmStatic
        @JvmOverloads
        public fun start(vararg options: String, program: String? = null): AvatarEmulator {
            val named = program ?: System.getProperty("secondme.avatar.emulator")
            val command = named ?: EmulatorProgram.path
            val builder = ProcessBuilder(command, "--json", "--until-stdin-ends", *options)
            val process =
                try {
                    builder.redirectError(ProcessBuilder.Redirect.INHERIT).start()
                } catch (failed: IOException) {
                    throw IOException(
                        "the emulator of the SecondMe service cannot be started: $command. This jar has none for " +
                            "${EmulatorProgram.system}, or its folder holds no code that may run: say where the " +
                            "program is with -Dsecondme.avatar.emulator=PATH.",
                        failed,
                    )
                }
            val ready = process.inputReader().readLine() ?: throw IOException("$command has ended at once")
            return AvatarEmulator(process, ready)
        }
    }
}

/** The emulator's line is its own, and these fields need no escapes. */
private fun String.field(name: String): String =
    Regex("\"$name\":\"([^\"]*)\"").find(this)?.groupValues?.get(1) ?: throw IOException("no $name in: $this")
