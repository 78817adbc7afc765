package me.secondme.avatar.sample

import android.app.Application
import android.util.Log
import me.secondme.avatar.AvatarClient
import me.secondme.avatar.AvatarLog
import me.secondme.avatar.android.AvatarAndroid
import java.io.File

/** One client for the whole process; it lives as long as that does. */
class SampleApp : Application() {
    lateinit var client: AvatarClient
        private set

    /** Has the key, which this app has not, and says who is signed in. */
    val backend = Backend(BuildConfig.CREDENTIALS_URL) { BuildConfig.SESSION }

    override fun onCreate() {
        super.onCreate()
        AvatarAndroid.initialize(this)
        AvatarLog.handler = { Log.i("avatar", it.toString()) }
        client =
            AvatarClient.withCredentials({ store = File(filesDir, "avatar.db").path }) { request ->
                backend.credentials(anew = request.refused)
            }
    }
}
