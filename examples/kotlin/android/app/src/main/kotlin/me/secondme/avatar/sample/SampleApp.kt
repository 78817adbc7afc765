package me.secondme.avatar.sample

import android.app.Application
import android.util.Log
import me.secondme.avatar.AvatarClient
import me.secondme.avatar.AvatarLog
import me.secondme.avatar.Visitor
import me.secondme.avatar.android.AvatarAndroid
import java.io.File
import java.util.UUID

/** One client for the whole process; it lives as long as that does. */
class SampleApp : Application() {
    lateinit var client: AvatarClient
        private set

    /** This installation is one visitor, for good. */
    val visitor: Visitor by lazy {
        val kept = getSharedPreferences("visitor", MODE_PRIVATE)
        val id =
            kept.getString("id", null) ?: UUID.randomUUID().toString().also { kept.edit().putString("id", it).apply() }
        Visitor.forUser("android", id, name = "Android")
    }

    override fun onCreate() {
        super.onCreate()
        AvatarAndroid.initialize(this)
        AvatarLog.handler = { Log.i("avatar", it.toString()) }
        client =
            AvatarClient(BuildConfig.API_KEY) {
                store = File(filesDir, "avatar.db").path
            }
    }
}
