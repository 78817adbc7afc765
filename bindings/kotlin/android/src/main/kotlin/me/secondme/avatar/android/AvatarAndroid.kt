package me.secondme.avatar.android

import android.content.Context
import android.net.ConnectivityManager
import android.net.Network
import kotlinx.coroutines.channels.awaitClose
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.callbackFlow
import kotlinx.coroutines.flow.conflate
import java.io.File

/** What Android wants beside the library itself. */
public object AvatarAndroid {
    init {
        System.loadLibrary("secondme_avatar_ffi")
    }

    /** Once, before the first client is made: in `Application.onCreate`. Certificates are checked by the system then. */
    public fun initialize(context: Context): Unit = initializeCore(context.applicationContext)

    /**
     * Where a client's [store][me.secondme.avatar.ClientOptions.store] belongs: a file in the app's `noBackupFilesDir`,
     * which goes into no backup and to no new device. It holds visitors' tokens and what they said.
     */
    public fun storePath(context: Context, name: String = "avatar.db"): String =
        File(context.noBackupFilesDir, name).path

    /** Emits when another network becomes the default: call `chat.networkChanged()` then. The first does not count. */
    public fun networkChanges(context: Context): Flow<Unit> = callbackFlow {
        val manager = context.getSystemService(Context.CONNECTIVITY_SERVICE) as ConnectivityManager
        val callback =
            object : ConnectivityManager.NetworkCallback() {
                private var current: Network? = null

                override fun onAvailable(network: Network) {
                    if (current != null && current != network) trySend(Unit)
                    current = network
                }
            }
        manager.registerDefaultNetworkCallback(callback)
        awaitClose { manager.unregisterNetworkCallback(callback) }
    }.conflate()

    /** In the library: `bindings/src/android.rs`. */
    @JvmStatic
    private external fun initializeCore(context: Context)
}
