package androidx.test.platform.app

import android.app.Instrumentation
import android.os.Bundle

/** Robolectric tells it what it has made. Google's own is in an archive that is in Google's repository alone. */
object InstrumentationRegistry {
    private var instrumentation: Instrumentation? = null
    private var arguments: Bundle? = null

    @JvmStatic
    fun registerInstance(made: Instrumentation?, with: Bundle?) {
        instrumentation = made
        arguments = with
    }

    @JvmStatic
    fun getInstrumentation(): Instrumentation = checkNotNull(instrumentation)

    @JvmStatic
    fun getArguments(): Bundle = checkNotNull(arguments)
}
