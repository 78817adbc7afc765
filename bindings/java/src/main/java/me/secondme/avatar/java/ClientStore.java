package me.secondme.avatar.java;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Those calls of a client that are about what it keeps of its visitors. */
abstract sealed class ClientStore extends ClientEvents permits AvatarClient {
    ClientStore(me.secondme.avatar.AvatarClient core) {
        super(core);
    }

    /**
     * Opens the conversation of every visitor for whom an earlier process left a durable message in
     * the {@linkplain ClientOptions.Builder#store(String) store}, and returns their ids. A message
     * that is given up comes as an {@link Event.Unsent}, so subscribe to {@link
     * AvatarClient#events} first.
     */
    public List<String> recover() {
        return ClientCalls.recover(core, false).await();
    }

    /** The future of {@link #recover()}. */
    public CompletableFuture<List<String>> recoverAsync() {
        return ClientCalls.recover(core, false).start();
    }

    /**
     * Opens every visitor of the store who has a session, and returns their ids. What the avatar's
     * owner says to them is received from then on, and so is what was said since the last process
     * ended. The option {@code maxLive} limits how many are open afterwards.
     */
    public List<String> recoverAll() {
        return ClientCalls.recover(core, true).await();
    }

    /** The future of {@link #recoverAll()}. */
    public CompletableFuture<List<String>> recoverAllAsync() {
        return ClientCalls.recover(core, true).start();
    }

    /** The visitors that the store knows, with their names and tags; none without a store. */
    public List<Visitor> known() {
        return ClientCalls.known(core)
                .then(visitors -> visitors.stream().map(Visitor::new).toList())
                .await();
    }

    /** The future of {@link #known()}. */
    public CompletableFuture<List<Visitor>> knownAsync() {
        return ClientCalls.known(core)
                .then(visitors -> visitors.stream().map(Visitor::new).toList())
                .start();
    }

    /**
     * Copies the store to this file while it is in use. The copy is a whole store as of this
     * moment, and replaces an earlier copy. Use only one of the two afterwards: messages that are
     * still to be sent are in both. Do not copy a store's file by other means while it is open.
     *
     * @throws AvatarException.Unsupported without a store.
     * @throws AvatarException.Store if the file cannot be written, is in use, or is anything else
     *     than a store.
     */
    public void backup(Path path) {
        ClientCalls.backup(core, requireNonNull(path, "path").toString()).await();
    }

    /** The future of {@link #backup(Path)}. */
    public CompletableFuture<Void> backupAsync(Path path) {
        return ClientCalls.backup(core, requireNonNull(path, "path").toString()).start();
    }

    /**
     * Deletes everything that the store holds of this visitor: ids and token, messages that are
     * still to be sent, notes, claims. When it returns, nothing of it is in the store's files. A
     * visitor of whom there is nothing is no error.
     *
     * <p>An open conversation of the visitor is closed first, at once: what was still to be sent is
     * not, and durable messages are deleted. Opening the visitor again begins a new session. This
     * store only: nothing is deleted at the service, in {@linkplain #backup backups}, or in logs.
     *
     * <p>The file is written anew, which takes a moment for each 10,000 visitors in it: to delete
     * many, use {@link #forgetIdle}. A client without a store forgets what it has in memory.
     *
     * @throws AvatarException.Store if another client of the same store, in this process or in
     *     another one, has the visitor open or has messages of the visitor to send: then nothing is
     *     deleted, and the conversation here is closed all the same. So it does if the bytes cannot
     *     be removed, since another program reads the file or the disk is full: then call it again.
     */
    public void forget(Visitor visitor) {
        ClientCalls.forget(core, requireNonNull(visitor, "visitor").core).await();
    }

    /** The future of {@link #forget(Visitor)}. */
    public CompletableFuture<Void> forgetAsync(Visitor visitor) {
        return ClientCalls.forget(core, requireNonNull(visitor, "visitor").core).start();
    }

    /**
     * Everything that the store holds of this visitor, as a JSON text in which secrets are left
     * out: for a person who asks what is kept. Of a visitor of whom there is nothing, {@code
     * holds_data} is {@code false}.
     *
     * @throws AvatarException.Store if the store cannot be read.
     * @throws AvatarException.Unsupported without a store.
     */
    public String export(Visitor visitor) {
        return ClientCalls.export(core, requireNonNull(visitor, "visitor").core).await();
    }

    /** The future of {@link #export(Visitor)}. */
    public CompletableFuture<String> exportAsync(Visitor visitor) {
        return ClientCalls.export(core, requireNonNull(visitor, "visitor").core).start();
    }

    /**
     * Forgets all visitors of whom nothing was written to the store for longer than this, and
     * returns how many. The option {@code retention} does the same by itself. Visitors with an open
     * conversation, in this client or in another one of the same store, and those with a durable
     * message whose deadline has not passed, are not idle.
     *
     * @throws AvatarException.Store as {@link #forget} does, except that visitors in use are passed
     *     over.
     * @throws AvatarException.Unsupported without a store.
     */
    public long forgetIdle(Duration longerThan) {
        return ClientCalls.forgetIdle(core, requireNonNull(longerThan, "longerThan")).await();
    }

    /** The future of {@link #forgetIdle(Duration)}. */
    public CompletableFuture<Long> forgetIdleAsync(Duration longerThan) {
        return ClientCalls.forgetIdle(core, requireNonNull(longerThan, "longerThan")).start();
    }

    /**
     * Writes a note: a small text that the program keeps with this visitor, in place of the one
     * under this key. When it returns, the note outlives the process.
     *
     * <p>Notes are in the {@linkplain ClientOptions.Builder#store(String) store}: sealed where it
     * is, in its {@linkplain #backup copies} and {@linkplain #export exports}, and {@linkplain
     * #forget forgotten} with the visitor. Without a store they are in memory until the client is
     * closed. <b>Keys are not sealed:</b> put no secret and no word of a person into a key. Where a
     * store does not know the API key yet, the visitor is authenticated first.
     *
     * @param key 1 to 200 bytes of UTF-8.
     * @param text at most 16 KiB of UTF-8.
     * @throws AvatarException.Misuse if one of them is out of its bounds: then nothing is written.
     * @throws AvatarException.Store if the store cannot be written.
     */
    public void setNote(Visitor visitor, String key, String text) {
        ClientCalls.setNote(
                        core,
                        requireNonNull(visitor, "visitor").core,
                        requireNonNull(key, "key"),
                        requireNonNull(text, "text"),
                        null)
                .await();
    }

    /** The future of {@link #setNote(Visitor, String, String)}. */
    public CompletableFuture<Void> setNoteAsync(Visitor visitor, String key, String text) {
        return ClientCalls.setNote(
                        core,
                        requireNonNull(visitor, "visitor").core,
                        requireNonNull(key, "key"),
                        requireNonNull(text, "text"),
                        null)
                .start();
    }

    /** The same; after this time, more than zero, the note counts as deleted. */
    public void setNote(Visitor visitor, String key, String text, Duration lifetime) {
        ClientCalls.setNote(
                        core,
                        requireNonNull(visitor, "visitor").core,
                        requireNonNull(key, "key"),
                        requireNonNull(text, "text"),
                        requireNonNull(lifetime, "lifetime"))
                .await();
    }

    /** The future of {@link #setNote(Visitor, String, String, Duration)}. */
    public CompletableFuture<Void> setNoteAsync(
            Visitor visitor, String key, String text, Duration lifetime) {
        return ClientCalls.setNote(
                        core,
                        requireNonNull(visitor, "visitor").core,
                        requireNonNull(key, "key"),
                        requireNonNull(text, "text"),
                        requireNonNull(lifetime, "lifetime"))
                .start();
    }

    /**
     * Writes a note unless there is one under this key that has not expired, and returns whether it
     * was written. Of several that add the same note at the same time, one succeeds, also among the
     * processes that use the same store file. The parameters are those of {@link #setNote(Visitor,
     * String, String)}.
     */
    public boolean addNote(Visitor visitor, String key, String text) {
        return ClientCalls.addNote(
                        core,
                        requireNonNull(visitor, "visitor").core,
                        requireNonNull(key, "key"),
                        requireNonNull(text, "text"),
                        null)
                .await();
    }

    /** The future of {@link #addNote(Visitor, String, String)}. */
    public CompletableFuture<Boolean> addNoteAsync(Visitor visitor, String key, String text) {
        return ClientCalls.addNote(
                        core,
                        requireNonNull(visitor, "visitor").core,
                        requireNonNull(key, "key"),
                        requireNonNull(text, "text"),
                        null)
                .start();
    }

    /** The same; after this time, more than zero, the note counts as deleted. */
    public boolean addNote(Visitor visitor, String key, String text, Duration lifetime) {
        return ClientCalls.addNote(
                        core,
                        requireNonNull(visitor, "visitor").core,
                        requireNonNull(key, "key"),
                        requireNonNull(text, "text"),
                        requireNonNull(lifetime, "lifetime"))
                .await();
    }

    /** The future of {@link #addNote(Visitor, String, String, Duration)}. */
    public CompletableFuture<Boolean> addNoteAsync(
            Visitor visitor, String key, String text, Duration lifetime) {
        return ClientCalls.addNote(
                        core,
                        requireNonNull(visitor, "visitor").core,
                        requireNonNull(key, "key"),
                        requireNonNull(text, "text"),
                        requireNonNull(lifetime, "lifetime"))
                .start();
    }

    /**
     * The text of the visitor's note under this key; {@code null} where there is none, or it has
     * expired.
     */
    public @Nullable String note(Visitor visitor, String key) {
        return ClientCalls.note(
                        core, requireNonNull(visitor, "visitor").core, requireNonNull(key, "key"))
                .await();
    }

    /** The future of {@link #note(Visitor, String)}. */
    public CompletableFuture<@Nullable String> noteAsync(Visitor visitor, String key) {
        return ClientCalls.note(
                        core, requireNonNull(visitor, "visitor").core, requireNonNull(key, "key"))
                .start();
    }

    /**
     * Deletes the visitor's note under this key, and returns whether there was one that had not
     * expired.
     */
    public boolean deleteNote(Visitor visitor, String key) {
        return ClientCalls.deleteNote(
                        core, requireNonNull(visitor, "visitor").core, requireNonNull(key, "key"))
                .await();
    }

    /** The future of {@link #deleteNote(Visitor, String)}. */
    public CompletableFuture<Boolean> deleteNoteAsync(Visitor visitor, String key) {
        return ClientCalls.deleteNote(
                        core, requireNonNull(visitor, "visitor").core, requireNonNull(key, "key"))
                .start();
    }

    /**
     * The notes of all visitors whose keys begin so, and that have not expired. The one that was
     * first written longest ago comes first; one that was replaced keeps its place. All notes, with
     * an empty prefix.
     */
    public List<Note> notes(String prefix) {
        return ClientCalls.notes(core, requireNonNull(prefix, "prefix"))
                .then(notes -> notes.stream().map(Note::new).toList())
                .await();
    }

    /** The future of {@link #notes(String)}. */
    public CompletableFuture<List<Note>> notesAsync(String prefix) {
        return ClientCalls.notes(core, requireNonNull(prefix, "prefix"))
                .then(notes -> notes.stream().map(Note::new).toList())
                .start();
    }
}
