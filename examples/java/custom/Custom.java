import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import me.secondme.avatar.java.AvatarClient;
import me.secondme.avatar.java.AvatarException;
import me.secondme.avatar.java.ClientOptions;
import me.secondme.avatar.java.Conversation;
import me.secondme.avatar.java.ConversationListener;
import me.secondme.avatar.java.Event;
import me.secondme.avatar.java.RequestOptions;
import me.secondme.avatar.java.Visitor;

// Any custom integration. Here the platform is a terminal: a line `USER TEXT` is what a person says.
// With a store, sessions go on after a restart.
public class Custom {
    public static void main(String[] args) {
        ClientOptions options = ClientOptions.builder().store("avatar.db").build();
        try (AvatarClient client = AvatarClient.create(options)) {
            Stream<String> lines = new BufferedReader(new InputStreamReader(System.in)).lines();
            serve(client, lines, (user, text) -> System.out.println(user + ": " + text));
        }
    }

    static void serve(AvatarClient client, Stream<String> lines, BiConsumer<String, String> tell) {
        client.listen(new ConversationListener() {
            @Override
            public void onEvent(Event event) {
                if (event.reply() == null || event.reply().asked()) return; // A question waits for it.
                tell.accept(event.tag(), event.reply().text());
            }
        });
        client.recoverAll(); // Also what was said since the last run.
        Executor threads = answer -> new Thread(answer).start(); // An answer blocks its thread.
        Map<String, CompletableFuture<Void>> last = new HashMap<>(); // Each person is answered in order.
        lines.forEach(line -> last.compute(line.split(" ")[0], (user, before) ->
                (before == null ? CompletableFuture.allOf() : before).thenRunAsync(() -> answer(client, line, tell), threads)));
        CompletableFuture.allOf(last.values().toArray(CompletableFuture[]::new)).join();
    }

    private static void answer(AvatarClient client, String line, BiConsumer<String, String> tell) {
        String[] said = (line + " ").split(" ", 2);
        try {
            Visitor visitor = Visitor.forUser("custom", said[0]).withTag(said[0]);
            Conversation chat = client.open(visitor);
            String path = "/rest/general/message/latest?sessionId=" + chat.sessionId(); // Has no method here.
            RequestOptions as = RequestOptions.builder().visitor(visitor).build();
            if (said[1].strip().equals("/raw")) tell.accept(said[0], client.request("GET", path, as));
            else chat.stream(said[1].strip()).forEach(piece -> tell.accept(said[0], piece.text()));
        } catch (AvatarException e) {
            tell.accept(said[0], "Sorry, there is no answer just now.");
        }
    }
}
