package me.secondme.avatar.sample

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.runInterruptible
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import me.secondme.avatar.Credentials
import java.io.IOException
import java.net.HttpURLConnection
import java.net.URI

/**
 * The app's own server. It has the API key and knows who is signed in, and so which visitor that is:
 * `examples/python/credentials_server.py` and `examples/node/credentials-server.mjs` are such servers. Neither the key nor
 * the choice of a visitor is in the app.
 */
class Backend(private val url: String, private val session: () -> String) {
    private val asking = Mutex()
    private var kept: Credentials? = null

    /** The credentials of the signed-in user's visitor; others where the service has refused those that there were. */
    suspend fun credentials(anew: Boolean = false): Credentials = asking.withLock {
        kept?.takeUnless { anew } ?: runInterruptible(Dispatchers.IO) { fetch() }.also { kept = it }
    }

    private fun fetch(): Credentials {
        val call = URI(url).toURL().openConnection() as HttpURLConnection
        try {
            call.requestMethod = "POST"
            call.connectTimeout = 10_000
            call.readTimeout = 10_000
            call.setRequestProperty("Authorization", "Bearer ${session()}")
            return when (val status = call.responseCode) {
                200 -> Credentials.fromJson(call.inputStream.reader().readText())
                401 -> error("you are not signed in")
                // Passes perhaps, so the client asks again within the deadline of its call.
                else -> throw IOException("the app's server has answered $status")
            }
        } finally {
            call.disconnect()
        }
    }
}
