"""The same without ``async``, for scripts. Other threads run while a call waits, and Ctrl-C works at once::

    from secondme_avatar import Visitor
    from secondme_avatar.sync import AvatarClient

    with AvatarClient() as client:
        chat = client.open(Visitor.for_user("web", "user-1"))
        print(chat.ask("Hello, tell me about yourself").text)

There are no callbacks for events here: iterate over ``events()``, in a thread of its own where other work goes on
beside it. Clients and conversations may be used from any thread.
"""

from __future__ import annotations

import json
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from . import _native
from ._base import ClientBase
from ._callbacks import ReportSource
from ._conversation import ConversationBase
from ._native import Credentials, Visitor
from ._notes import Note
from ._options import ClientOptions
from ._queues import BATCH, ThreadQueue, thread_queue
from ._request import body_text
from ._secret import hidden
from ._tokens import Giver, PlainCredentials, PlainTokens, TokenGiver
from ._values import CallReport, HistoryMessage, Piece, Reply, Sent
from .events import Event

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["AvatarClient", "Conversation", "Events", "ReplyStream"]

_PATIENCE = 5.0
"""Seconds that a close waits for an ``on_call`` that runs."""

Self = TypeVar("Self", bound="AvatarClient")
SelfEvents = TypeVar("SelfEvents", bound="Events")
SelfStream = TypeVar("SelfStream", bound="ReplyStream")


class AvatarClient(ClientBase):
    """A client for one API key, that is for one avatar. See ``secondme_avatar.AvatarClient``."""

    _reporter: _Reporter | None = None
    _giver: TokenGiver | None = None

    @classmethod
    def visitor_chat(
        cls: type[Self],
        client_id: str | None = None,
        client_secret: str | None = None,
        api_key: str | None = None,
        *,
        token: PlainTokens | None = None,
        **options: Unpack[ClientOptions],
    ) -> Self:
        """A client that speaks through Visitor Chat, the service's other door. Nothing is sent yet.

        For an app that is registered with the service, it shows the app's own token for all its visitors: it is fetched
        once for the whole client, and renewed before it ends. The secret must not leave your backend::

            client = AvatarClient.visitor_chat("app-id", "app-secret", "sk-…")

        For users of the service, ``token`` gives the access token of each::

            def token(request: TokenRequest) -> str:
                return users.token_of(request.visitor_id, refresh=request.refused)

            client = AvatarClient.visitor_chat(api_key="sk-…", token=token)

        :param client_id: The app's id. Without it, SECONDME_CLIENT_ID counts.
        :param client_secret: The app's secret. Without it, SECONDME_CLIENT_SECRET counts.
        :param api_key: The avatar's API key. Without it, SECONDME_API_KEY counts.
        :param token: A function of a ``TokenRequest`` that returns the user's access token, in place of the first two.
            It is called once for each visitor, and again where the service has refused that visitor's token, each time
            in a thread of its own. What it raises is the cause of the error that the waiting calls raise. An
            ``AvatarError`` keeps its kind; a failure of the network, or a time limit's, becomes a
            ``ConnectionFailedError`` and is tried again within the deadlines of the calls; anything else becomes an
            ``AuthenticationError``. It has 20 s to answer. After that its answer is dropped, and calls that still wait
            have it called again within their deadlines; it cannot be interrupted, so give it a time limit of its own.
        :param options: The further keywords of ``AvatarClient``.
        """
        client_secret, api_key = hidden(client_secret), hidden(api_key)
        return cls._through_visitor_chat(client_id, client_secret, api_key, token, options)

    @classmethod
    def with_credentials(cls: type[Self], credentials: PlainCredentials, **options: Unpack[ClientOptions]) -> Self:
        """A client without an API key, for an app: ``credentials`` gives each visitor's ``Credentials``. See
        ``secondme_avatar.AvatarClient``; here it is a plain function, which runs in a thread of its own."""
        return cls._without_key(credentials, options)

    @classmethod
    def _giver_of(cls, giver: Giver) -> Giver:
        return giver.plain_only()

    def _report(self, reports: _native.Reports, on_call: Callable[[CallReport], object]) -> None:
        self._reporter = _Reporter(reports, on_call)

    def _give_tokens(self, tokens: _native.TokenRequests, give: Giver) -> None:
        self._giver = TokenGiver(tokens, give)

    def open(self, visitor: Visitor, *, deadline: float | None = None) -> Conversation:
        """Opens the conversation of this visitor, or returns the one that is open."""
        with thread_queue() as queue:
            return Conversation(queue.call(lambda queue: self._native.open(queue, visitor, deadline)))

    def authenticate(self, visitor: Visitor, *, deadline: float | None = None) -> Credentials:
        """Gets a visitor's ``Credentials``, for an app that must not have the key."""
        with thread_queue() as queue:
            return queue.call(lambda queue: self._native.authenticate(queue, visitor, deadline))

    def recover(self, *, all: bool = False) -> list[str]:
        """Resumes what earlier processes left in the ``store``; with ``all``, every visitor who has a session."""
        with thread_queue() as queue:
            return queue.call(lambda queue: self._native.recover(queue, all))

    def known(self) -> list[Visitor]:
        """Returns the visitors that the ``store`` knows. The visitor saved last comes first."""
        with thread_queue() as queue:
            return queue.call(self._native.known)

    def forget(self, visitor: Visitor) -> None:
        """Deletes everything that the ``store`` holds of this visitor, and closes the visitor's conversations first."""
        with thread_queue() as queue:
            queue.call(lambda queue: self._native.forget(queue, visitor))

    def export(self, visitor: Visitor) -> str:
        """Returns everything that the ``store`` holds of this visitor, as a JSON text without secrets."""
        with thread_queue() as queue:
            return queue.call(lambda queue: self._native.export(queue, visitor))

    def set_note(self, visitor: Visitor, key: str, text: str, *, lifetime: float | None = None) -> None:
        """Writes a note: a small text that the program keeps with this visitor, for so many seconds or for good."""
        with thread_queue() as queue:
            queue.call(lambda queue: self._native.set_note(queue, visitor, key, text, lifetime))

    def add_note(self, visitor: Visitor, key: str, text: str, *, lifetime: float | None = None) -> bool:
        """Writes a note unless there is one under this key, and returns whether it was written."""
        with thread_queue() as queue:
            return queue.call(lambda queue: self._native.add_note(queue, visitor, key, text, lifetime))

    def note(self, visitor: Visitor, key: str) -> str | None:
        """Returns the text of the visitor's note under this key, if there is one."""
        with thread_queue() as queue:
            return queue.call(lambda queue: self._native.note(queue, visitor, key))

    def delete_note(self, visitor: Visitor, key: str) -> bool:
        """Deletes the visitor's note under this key, and returns whether there was one."""
        with thread_queue() as queue:
            return queue.call(lambda queue: self._native.delete_note(queue, visitor, key))

    def notes(self, prefix: str) -> list[Note]:
        """Returns the notes of all visitors whose keys begin so, the oldest first."""
        with thread_queue() as queue:
            return queue.call(lambda queue: self._native.notes(queue, prefix))

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        visitor: Visitor | None = None,
        deadline: float | None = None,
    ) -> Any:
        """Makes a call of the service that this library does not know, and returns the ``data`` of its answer."""
        text, how = body_text(body), (visitor, deadline)
        with thread_queue() as queue:
            return json.loads(queue.call(lambda queue: self._native.request(queue, method, path, text, how)))

    def forget_idle(self, longer_than: float) -> int:
        """Forgets all visitors of whom nothing was written for longer than so many seconds, and returns how many."""
        with thread_queue() as queue:
            return queue.call(lambda queue: self._native.forget_idle(queue, longer_than))

    def backup(self, to: str | os.PathLike[str]) -> None:
        """Copies the ``store`` into this file while it is in use."""
        with thread_queue() as queue:
            queue.call(lambda queue: self._native.backup(queue, to))

    def events(self, *, raw: bool = True, all_processes: bool = False) -> Events:
        """Subscribes to the events of all conversations, those that are opened later too. Without ``raw`` they cost
        less, and their ``raw`` is ``None``.

        Where several processes share a store in Redis, these are the conversations of the visitors that this process
        has, and so are those of ``on``: each event comes in one process, and a program that answers from here answers
        once. With ``all_processes`` they are those of all processes, to watch or to count: of each visitor in order,
        those of another process from a second later on, and at most once."""
        return Events(self._native.events(raw, all_processes))

    def close(self, *, deadline: float | None = None) -> None:
        """Closes all conversations, each after sending what is still to be sent, within ``deadline`` seconds."""
        with thread_queue() as queue:
            queue.call(lambda queue: self._native.close(queue, deadline))
        if self._reporter is not None:
            self._reporter.end()
        if self._giver is not None:
            self._giver.end()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Conversation(ConversationBase):
    """A conversation with the avatar. See ``secondme_avatar.Conversation``."""

    def ask(
        self,
        text: str,
        *,
        deadline: float | None = None,
        first_piece_deadline: float | None = None,
        collect: float | None = None,
        message_id: str | None = None,
    ) -> Reply:
        """Sends a message and waits for the whole reply, the avatar's or its owner's."""
        text, options = hidden(text), (deadline, first_piece_deadline, collect, message_id)
        with thread_queue() as queue:
            return queue.call(lambda queue: self._native.ask(queue, text, options))

    def stream(
        self,
        text: str,
        *,
        deadline: float | None = None,
        first_piece_deadline: float | None = None,
        collect: float | None = None,
        message_id: str | None = None,
    ) -> ReplyStream:
        """Sends a message at once, and gives the reply piece by piece."""
        text, options = hidden(text), (deadline, first_piece_deadline, collect, message_id)
        return ReplyStream(self._native.stream(text, options))

    @overload
    def send(
        self,
        text: str,
        *,
        durable: Literal[False] = False,
        deadline: float | None = None,
        message_id: str | None = None,
    ) -> Sent: ...
    @overload
    def send(
        self, text: str, *, durable: Literal[True], deadline: float | None = None, message_id: str | None = None
    ) -> str: ...
    def send(
        self, text: str, *, durable: bool = False, deadline: float | None = None, message_id: str | None = None
    ) -> Sent | str:
        """Sends a message, and returns when the service has taken it; with ``durable``, when the store has it."""
        text = hidden(text)
        with thread_queue() as queue:
            if durable:
                return queue.call(lambda queue: self._native.send_durable(queue, text, deadline, message_id))
            return queue.call(lambda queue: self._native.send(queue, text, deadline, message_id))

    def history(self, count: int = 50, before: str | None = None) -> list[HistoryMessage]:
        """Returns the last ``count`` messages (1 to 1000), oldest first; ``before`` is the ``seq_id`` to end at."""
        with thread_queue() as queue:
            return queue.call(lambda queue: self._native.history(queue, count, before))

    def new_session(self) -> Conversation:
        """Opens another conversation of the same visitor, with a session of its own, on the same socket."""
        with thread_queue() as queue:
            return Conversation(queue.call(self._native.new_session))

    def events(self, *, raw: bool = True) -> Events:
        """Subscribes to what happens in this conversation from now on. Without ``raw`` events cost less, and their
        ``raw`` is ``None``."""
        return Events(self._native.events(raw))

    def pause(self) -> None:
        """Gives up the socket and keeps the session. What is said meanwhile arrives after ``resume``."""
        with thread_queue() as queue:
            queue.call(self._native.pause)

    def resume(self) -> None:
        """Ends a ``pause``. The next message does so too."""
        with thread_queue() as queue:
            queue.call(self._native.resume)

    def network_changed(self) -> None:
        """Tells the client that the network has changed: the socket is connected again now."""
        with thread_queue() as queue:
            queue.call(self._native.network_changed)

    def close(self) -> None:
        """Closes the conversation when what is still to be sent has been sent. ``open`` resumes the session."""
        with thread_queue() as queue:
            queue.call(self._native.close)

    def end(self) -> None:
        """Closes the conversation and ends its session on the service. The next ``open`` begins a new session."""
        with thread_queue() as queue:
            queue.call(self._native.end)


class Events(Iterator[Event]):
    """A subscription to events, for ``for``. See ``secondme_avatar.Events``."""

    def __init__(self, native: _native.Subscription) -> None:
        self._native = native
        self._waiting: deque[Event] = deque()

    def __iter__(self: SelfEvents) -> SelfEvents:
        return self

    def __next__(self) -> Event:
        while not self._waiting:
            with thread_queue() as queue:
                events = self._native.drain(queue.native, BATCH)
                if events is None:
                    queue.wait(self._native.ticket)
                    continue
            if not events:
                raise StopIteration
            self._waiting.extend(events)
        return self._waiting.popleft()

    def finish(self) -> None:
        """Ends the subscription and keeps what has come: the iteration goes on with it, and then ends."""
        self._native.finish()

    def close(self) -> None:
        """Ends the subscription and drops what has come. A wait for an event ends."""
        self._waiting.clear()
        self._native.close()


class ReplyStream(Iterator[Piece]):
    """A reply, piece by piece, for ``for``. See ``secondme_avatar.ReplyStream``."""

    def __init__(self, native: _native.ReplyStream) -> None:
        self._native = native
        self._waiting: deque[Piece] = deque()

    def __iter__(self: SelfStream) -> SelfStream:
        return self

    def __next__(self) -> Piece:
        while not self._waiting:
            with thread_queue() as queue:
                pieces = self._native.drain(queue.native, BATCH)
                if pieces is None:
                    queue.wait(self._native.ticket)
                    continue
            if not pieces:
                raise StopIteration
            self._waiting.extend(pieces)
        return self._waiting.popleft()

    @property
    def reply(self) -> Reply | None:
        """The whole reply, with cards and sources, once all its pieces have come."""
        return self._native.reply()

    def stop(self) -> None:
        """Stops the reply: the iteration goes on with the pieces that have come, and then ends. The next question goes
        out at once."""
        self._native.stop()

    def close(self) -> None:
        """Stops the reply, and drops the pieces that have come."""
        self._waiting.clear()
        self._native.close()


class _Reporter(threading.Thread):
    """Calls a client's ``on_call``. It ends with the client."""

    def __init__(self, reports: _native.Reports, on_call: Callable[[CallReport], object]) -> None:
        super().__init__(name="secondme-avatar-reports", daemon=True)
        self._source = ReportSource(reports, on_call)
        self._queue = ThreadQueue()
        self.start()

    def run(self) -> None:
        while True:
            reports = self._source.drain(self._queue.native)
            if reports is None:
                self._queue.wait(self._source.native.ticket)
            elif not reports:
                return
            for report in reports or ():
                for _ in self._source.call(report):
                    pass

    def end(self) -> None:
        """Waits, for a short time, until the last report has been delivered."""
        self._source.native.finish()
        if threading.current_thread() is not self:
            self.join(timeout=_PATIENCE)
