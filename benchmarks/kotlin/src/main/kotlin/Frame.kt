import kotlinx.serialization.Serializable
import kotlinx.serialization.json.Json

/** What a bot reads of a frame. */
@Serializable
class Frame(
    val type: String,
    val sender: String = "",
    val sendUserId: String? = null,
    val sessionId: String = "",
    val messageId: String = "",
    val seqId: String = "",
    val index: Int = -1,
    val multipleData: List<Entry> = emptyList(),
)

@Serializable
class Entry(val modal: Modal)

@Serializable
class Modal(val answer: String = "")

val frames = Json { ignoreUnknownKeys = true }
