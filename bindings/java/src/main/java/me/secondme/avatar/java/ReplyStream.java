package me.secondme.avatar.java;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.concurrent.Flow;
import java.util.function.Consumer;

/**
 * A reply, piece by piece. The message is sent when the pieces are read, and they are read once: by
 * a loop, which blocks its thread, or by one subscriber.
 *
 * <pre>{@code
 * try (ReplyStream stream = chat.stream("Hello")) {
 *     for (Piece piece : stream) {
 *         System.out.print(piece.text());
 *     }
 *     System.out.println(stream.reply().sources());
 * }
 * }</pre>
 *
 * A loop that is left, and a subscription that is cancelled, give the rest up: the next question
 * goes out at once, and what still comes of this reply is an event like any other. What fails is
 * thrown by the loop, or goes to {@code onError}.
 */
public final class ReplyStream implements Flow.Publisher<Piece>, Iterable<Piece>, AutoCloseable {
    private final me.secondme.avatar.ReplyStream core;
    private @Nullable Pieces pieces;
    private volatile @Nullable AvatarException failure;

    ReplyStream(me.secondme.avatar.ReplyStream core) {
        this.core = core;
    }

    /**
     * Sends the message when the subscriber first requests pieces, and gives them as it requests
     * them, one at a time, on a background thread, which it may block.
     */
    @Override
    public void subscribe(Flow.Subscriber<? super Piece> subscriber) {
        Streams.pieces(core, why -> failure = why).subscribe(subscriber);
    }

    /**
     * Sends the message, and blocks for each piece. Where the loop may be left early, close the
     * stream afterwards.
     */
    @Override
    public Iterator<Piece> iterator() {
        Pieces read = Streams.read(core, why -> failure = why);
        synchronized (this) {
            pieces = read;
        }
        return new Iterator<>() {
            private me.secondme.avatar.@Nullable Piece next;

            @Override
            public boolean hasNext() {
                if (next == null) {
                    next = read.next().await();
                }
                return next != null;
            }

            @Override
            public Piece next() {
                if (!hasNext()) {
                    throw new NoSuchElementException("the reply is over");
                }
                Piece piece = new Piece(next);
                next = null;
                return piece;
            }
        };
    }

    /** Does something with each piece, and closes the stream however that ends. */
    @Override
    public void forEach(Consumer<? super Piece> action) {
        requireNonNull(action, "action");
        try (this) {
            for (Piece piece : this) {
                action.accept(piece);
            }
        }
    }

    /**
     * The whole reply, once all its pieces have been read.
     *
     * @throws AvatarException the stream's own failure, where it has failed.
     * @throws AvatarException.Misuse if the pieces have not been read to the end, or the rest was
     *     given up: then there is no whole reply.
     */
    public Reply reply() {
        me.secondme.avatar.Reply whole = core.getReply();
        AvatarException failed = failure;
        if (whole != null) {
            return Reply.of(whole);
        }
        if (failed != null) {
            throw failed;
        }
        String what = "the reply was not read to its end: read all pieces of the stream first";
        throw new AvatarException.Misuse(what, null);
    }

    /**
     * Gives the rest of the reply up. The pieces that have come can still be read, and then there
     * are no more. The next question goes out at once. Stopping twice does no harm.
     */
    public void stop() {
        core.stop();
    }

    /** Gives the rest of the reply up, and drops what has come. Closing twice does no harm. */
    @Override
    public void close() {
        core.stop();
        synchronized (this) {
            if (pieces != null) {
                pieces.cancel();
            }
        }
    }
}
