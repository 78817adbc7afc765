package me.secondme.avatar.sample

import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import me.secondme.avatar.Author
import me.secondme.avatar.AvatarClient
import me.secondme.avatar.AvatarException
import me.secondme.avatar.Conversation
import me.secondme.avatar.Event
import me.secondme.avatar.Gap
import me.secondme.avatar.State
import me.secondme.avatar.Visitor

/** A line of the conversation on the screen. [isUnfinished]: its reply is still being said. */
data class Line(val author: Author, val text: String, val id: String? = null, val isUnfinished: Boolean = false)

/** All that the screen shows. */
data class ChatState(
    val avatarName: String = "",
    val lines: List<Line> = emptyList(),
    val connection: State = State.OPENING,
    /** What went wrong last, for people. */
    val problem: String? = null,
    /** A message that came back, to stand in the input field again. */
    val draft: String = "",
)

/**
 * The conversation behind a screen. It knows nothing of Android: the app gives it a scope that lives as long as the
 * screen's state (`viewModelScope`), says who the visitor is (its server knows), and tells it what happens to the app.
 */
class ChatModel(
    private val client: AvatarClient,
    private val scope: CoroutineScope,
    private val visitor: suspend () -> Visitor,
) {
    private val state = MutableStateFlow(ChatState())
    private var chat: Conversation? = null
    private var opening: Job? = null
    private var isVisible = true

    val screen: StateFlow<ChatState> = state.asStateFlow()

    init {
        open()
    }

    /** The visitor says something. It is on the screen at once, and comes back as a draft if it cannot be sent. */
    fun say(text: String) {
        val said = text.trim()
        if (said.isEmpty()) return
        val line = Line(Author.VISITOR, said)
        state.update { it.copy(lines = it.lines + line, problem = null, draft = "") }
        scope.launch {
            val failure = attempt { (chat ?: opened()).send(said) } ?: return@launch
            state.update {
                it.copy(
                    lines = it.lines.filterNot { shown -> shown === line },
                    draft =
                    (failure as? AvatarException)?.unsent?.text ?: said,
                )
            }
        }
    }

    /** The app goes to the background: the socket is given up, and everything else is kept. */
    fun onBackground() {
        isVisible = false
        scope.launch { attempt { chat?.pause() } }
    }

    /** The app comes back: what was said meanwhile comes then. */
    fun onForeground() {
        isVisible = true
        if (chat == null) open() else scope.launch { attempt { chat?.resume() } }
    }

    /** Another network: Wi-Fi instead of mobile, or back. */
    fun onNetworkChanged() {
        if (isVisible) scope.launch { attempt { chat?.networkChanged() } }
    }

    private fun open() {
        if (opening?.isActive == true) return
        opening = scope.launch { attempt { opened() } }
    }

    private suspend fun opened(): Conversation {
        val chat = client.open(visitor())
        if (this.chat != null) return chat
        this.chat = chat
        // Subscribed before anything else can happen; collected as long as the screen's state lives.
        val events = chat.subscribe()
        scope.launch { events.use { it.events.collect(::show) } }
        state.update {
            val greeting = listOf(Line(Author.AVATAR, chat.opening)).filter { line -> line.text.isNotEmpty() }
            it.copy(avatarName = chat.avatarName, connection = chat.state, lines = greeting + it.lines)
        }
        return chat
    }

    private fun show(event: Event) {
        when (event) {
            is Event.StateChanged -> state.update { it.copy(connection = event.to) }
            is Event.ReplyDelta -> state.update { it.copy(lines = it.lines.appended(event)) }
            is Event.Reply -> state.update {
                it.copy(lines = it.lines.finished(event.reply.id, event.reply.text))
            }
            is Event.OwnerReply -> state.update { it.copy(lines = it.lines + Line(Author.OWNER, event.reply.text)) }
            is Event.ServiceError -> state.update {
                it.copy(problem = event.serviceError.reason ?: event.serviceError.code)
            }
            is Event.Reconnected ->
                if (event.gap is Gap.Unknown) {
                    state.update { it.copy(problem = "Something may have been missed while the connection was lost.") }
                }
            is Event.Unsent -> state.update {
                it.copy(draft = event.message.text, problem = event.error.message)
            }
            else -> {}
        }
    }

    /** Does it; a failure is shown, and handed back. */
    private suspend fun attempt(action: suspend () -> Unit): Exception? = try {
        action()
        null
    } catch (cancelled: CancellationException) {
        throw cancelled
    } catch (failure: Exception) {
        state.update { it.copy(problem = failure.message) }
        failure
    }
}

private fun List<Line>.appended(piece: Event.ReplyDelta): List<Line> {
    val at = indexOfLast { it.isUnfinished && it.id == piece.replyId }
    if (at < 0) return this + Line(Author.AVATAR, piece.text, piece.replyId, isUnfinished = true)
    return toMutableList().also { it[at] = it[at].copy(text = it[at].text + piece.text) }
}

private fun List<Line>.finished(id: String?, text: String): List<Line> {
    val whole = Line(Author.AVATAR, text, id)
    val at = indexOfLast { it.isUnfinished && it.id == id }
    return if (at < 0) this + whole else toMutableList().also { it[at] = whole }
}
