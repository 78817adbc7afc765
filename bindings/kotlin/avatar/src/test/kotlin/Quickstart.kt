import me.secondme.avatar.AvatarClient
import me.secondme.avatar.Visitor

suspend fun main() {
    AvatarClient().use { client ->                        // SECONDME_API_KEY, or AvatarClient("sk-…")
        val chat = client.open(Visitor.forUser("feishu", "ou_abc", name = "张三"))
        println(chat.opening)
        println(chat.ask("Hello, tell me about yourself").text)
        chat.stream("And what are you working on?").collect { piece -> print(piece.text) }
    }
}
