package me.secondme.avatar

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import me.secondme.avatar.testing.AvatarEmulator
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** An emulator that answers without delay, and what a test does with it. What waits too long has failed. */
internal fun withEmulator(
    vararg options: String,
    patience: Duration = 1.minutes,
    test: suspend TestScope.(AvatarEmulator) -> Unit,
) = AvatarEmulator.start(*options).use { emulator ->
    runTest(timeout = patience) { test(emulator) }
}

/** The same, with a client that is closed afterwards. */
internal fun withClient(
    vararg options: String,
    client: ClientOptions.() -> Unit = {},
    patience: Duration = 1.minutes,
    test: suspend TestScope.(AvatarClient, AvatarEmulator) -> Unit,
) = withEmulator(*options, patience = patience) { emulator ->
    val made = emulator.client(client)
    try {
        test(made, emulator)
    } finally {
        made.close()
    }
}

internal fun AvatarEmulator.client(options: ClientOptions.() -> Unit = {}) = AvatarClient(apiKey) {
    baseUrl = this@client.baseUrl
    options()
}

internal fun AvatarEmulator.push(chat: Conversation, hint: String) =
    post("push", """{"sessionId": "${chat.sessionId}", "hint": "$hint"}""")

internal val ada = Visitor.forUser("test", "ada")

/** Waits in real time until it is so. */
internal suspend fun eventually(isSo: () -> Boolean) = withContext(Dispatchers.Default) {
    withTimeout(10.seconds) {
        while (!isSo()) delay(2.milliseconds)
    }
}

/** The next event of this type. */
internal suspend inline fun <reified T : Event> Subscription.await(): T {
    while (true) {
        val event = checkNotNull(next()) { "there was no ${T::class.simpleName}" }
        if (event is T) return event
    }
}
