import android.content.Context
import android.net.ConnectivityManager
import android.net.Network
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import me.secondme.avatar.AvatarClient
import me.secondme.avatar.Event
import me.secondme.avatar.Visitor
import me.secondme.avatar.android.AvatarAndroid
import me.secondme.avatar.testing.AvatarEmulator
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowNetwork
import java.io.File

@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], manifest = Config.NONE)
class AvatarAndroidTest {
    private val context: Context get() = RuntimeEnvironment.getApplication()
    private val connectivity get() = context.getSystemService(Context.CONNECTIVITY_SERVICE) as ConnectivityManager

    @Test
    fun `the store goes into no backup`() {
        val path = AvatarAndroid.storePath(context)
        assertEquals(context.noBackupFilesDir, File(path).parentFile)
        assertFalse(path.startsWith(context.filesDir.path))
    }

    @Test
    fun `the first network is no change, the same one is none, another one is`() = runBlocking {
        var changes = 0
        val collecting =
            launch(start = CoroutineStart.UNDISPATCHED) { AvatarAndroid.networkChanges(context).collect { changes += 1 } }
        val wifi = ShadowNetwork.newInstance(1)
        val mobile = ShadowNetwork.newInstance(2)
        for ((network, expected) in listOf(wifi to 0, wifi to 0, mobile to 1, mobile to 1, wifi to 2)) {
            becomesDefault(network)
            // What was emitted has been collected when this coroutine is the only one that is left to run.
            repeat(10) { kotlinx.coroutines.yield() }
            assertEquals(expected, changes)
        }
        collecting.cancel()
        collecting.join()
        assertTrue("the callback is taken back", shadowOf(connectivity).networkCallbacks.isEmpty())
    }

    @Test
    fun `a conversation with its store in the app's folder moves to another network at once`() {
        AvatarEmulator.start("--reply-delay", "0ms", "--piece-delay", "0ms").use { emulator ->
            val client =
                AvatarClient(emulator.apiKey) {
                    baseUrl = emulator.baseUrl
                    store = AvatarAndroid.storePath(context)
                }
            runBlocking {
                val chat = client.open(Visitor.forUser("android", "ada"))
                assertEquals("You said: one", chat.ask("one").text)
                becomesDefault(ShadowNetwork.newInstance(1))
                val changes =
                    launch(start = CoroutineStart.UNDISPATCHED) {
                        AvatarAndroid.networkChanges(context).collect { chat.networkChanged() }
                    }
                chat.subscribe().use { events ->
                    becomesDefault(ShadowNetwork.newInstance(2))
                    becomesDefault(ShadowNetwork.newInstance(3))
                    withTimeout(30_000) { async { events.waitFor<Event.Reconnected>() }.await() }
                }
                changes.cancel()
                assertEquals("You said: two", chat.ask("two").text)
            }
            client.closeBlocking()
            assertTrue(File(AvatarAndroid.storePath(context)).length() > 0)
        }
    }

    private fun becomesDefault(network: Network) {
        for (callback in shadowOf(connectivity).networkCallbacks) callback.onAvailable(network)
    }
}
