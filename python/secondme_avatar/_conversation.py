"""A conversation, for asyncio."""

from __future__ import annotations

from functools import cached_property
from typing import Literal, overload

from . import _native
from ._callbacks import Callbacks, Served, is_cancelled
from ._on import Listening
from ._secret import hidden
from ._streams import Events, ReplyStream
from ._values import HistoryMessage, Reply, Sent, State


class ConversationBase:
    """The part of a conversation that needs no waiting."""

    def __init__(self, native: _native.Conversation) -> None:
        self._native = native

    @property
    def key(self) -> int:
        """Which conversation of the visitor it is, as in ``Event.conversation``. The one that ``open`` gives is 0."""
        return self._native.key

    @property
    def opening(self) -> str:
        """The avatar's opening line; may be empty."""
        return self._native.opening

    @property
    def avatar_name(self) -> str:
        """The avatar's name; may be empty."""
        return self._native.avatar_name

    @property
    def visitor_id(self) -> str:
        """The visitor's id."""
        return self._native.visitor_id

    @property
    def tag(self) -> str | None:
        """The program's own tag of the visitor, as it was opened: see ``Visitor``."""
        return self._native.tag

    @property
    def session_id(self) -> str | None:
        """The id of the session on the service."""
        return self._native.session_id

    @property
    def taken_over(self) -> bool:
        """Whether the avatar's owner has the conversation: the owner has said something in person, and the avatar
        nothing since.

        Questions still go out. A question that the owner does not answer in time raises ``TakenOverError``.
        """
        return self._native.taken_over

    @property
    def state(self) -> State:
        """Where the conversation stands."""
        return self._native.state

    def __repr__(self) -> str:
        return f"<Conversation of {self.visitor_id}, {self.state}>"


class Conversation(ConversationBase, Listening):
    """A conversation with the avatar; ``AvatarClient.open`` gives it.

    It stays open when the last reference to it is gone: its events still reach ``AvatarClient.events``, and opening
    the visitor again returns it. It ends with ``close``, or with the client.
    """

    def __init__(self, native: _native.Conversation, served: Served) -> None:
        super().__init__(native)
        self._served = served

    @cached_property
    def _callbacks(self) -> Callbacks:  # type: ignore[override]
        return Callbacks(self._served, lambda: self._native.events(True))

    async def ask(
        self,
        text: str,
        *,
        deadline: float | None = None,
        first_piece_deadline: float | None = None,
        collect: float | None = None,
        message_id: str | None = None,
    ) -> Reply:
        """Sends a message and waits for the whole reply, the avatar's or its owner's.

        The questions of one conversation are answered in order: the second goes out when the first is answered.
        ``deadline`` and ``first_piece_deadline`` are seconds; the client's options are their defaults.

        ``collect`` waits for all messages of the avatar's turn, which is over when the avatar has been silent for so
        many seconds. The reply has their texts, each on a line of its own, and their parts, sources and speech in
        order. Without it the first message is the answer, and the others come as events.

        ``message_id`` is the id under which the question goes out; ``new_message_id()`` makes one. A program that keeps
        it before it asks finds out after a crash whether the service took the question: ``history`` has it under this
        id. An id of another form, or one under which a message of this visitor has gone out or waits, raises
        ``MisuseError``, and nothing is sent; one that was handed back may be used again. Visitor Chat takes no ids:
        there it names the message in this client only.
        """
        text, options = hidden(text), (deadline, first_piece_deadline, collect, message_id)
        return await self._served.queue().call(lambda queue: self._native.ask(queue, text, options))

    def stream(
        self,
        text: str,
        *,
        deadline: float | None = None,
        first_piece_deadline: float | None = None,
        collect: float | None = None,
        message_id: str | None = None,
    ) -> ReplyStream:
        """Sends a message at once, and gives the reply piece by piece::

        async for piece in chat.stream("Hello"):
            print(piece, end="", flush=True)
        """
        text, options = hidden(text), (deadline, first_piece_deadline, collect, message_id)
        return ReplyStream(self._native.stream(text, options), self._served.queue)

    @overload
    async def send(
        self,
        text: str,
        *,
        durable: Literal[False] = False,
        deadline: float | None = None,
        message_id: str | None = None,
    ) -> Sent: ...
    @overload
    async def send(
        self, text: str, *, durable: Literal[True], deadline: float | None = None, message_id: str | None = None
    ) -> str: ...
    async def send(
        self, text: str, *, durable: bool = False, deadline: float | None = None, message_id: str | None = None
    ) -> Sent | str:
        """Sends a message, and returns when the service has taken it.

        While the socket is down the message waits, and a lost answer never makes it go out twice. A message that is
        given up comes back in the error's ``unsent``.

        With ``durable`` the call returns the message's id when the client's store has the message. It then survives
        the process, and goes out once, under that id. ``DeliveredEvent`` says that the service has it; a message that
        is given up comes back as ``UnsentEvent``.

        ``message_id`` is that of ``ask``.
        """
        queue, text = self._served.queue(), hidden(text)
        if durable:
            return await queue.call(lambda queue: self._native.send_durable(queue, text, deadline, message_id))
        return await queue.call(lambda queue: self._native.send(queue, text, deadline, message_id))

    async def history(self, count: int = 50, before: str | None = None) -> list[HistoryMessage]:
        """Returns the last ``count`` messages (1 to 1000), oldest first; ``before`` is the ``seq_id`` to end at.

        Where the service does not offer this, it raises ``UnsupportedError``.
        """
        return await self._served.queue().call(lambda queue: self._native.history(queue, count, before))

    async def new_session(self) -> Conversation:
        """Opens another conversation of the same visitor, with a session of its own, on the same socket."""
        return Conversation(await self._served.queue().call(self._native.new_session), self._served)

    def events(self, *, raw: bool = True) -> Events:
        """Subscribes to what happens in this conversation from now on. Without ``raw`` events cost less, and their
        ``raw`` is ``None``."""
        return Events(self._native.events(raw), self._served.queue)

    async def pause(self) -> None:
        """Gives up the socket and keeps the session. What is said meanwhile arrives after ``resume``."""
        await self._served.queue().call(self._native.pause)

    async def resume(self) -> None:
        """Ends a ``pause``. The next message does so too."""
        await self._served.queue().call(self._native.resume)

    async def network_changed(self) -> None:
        """Tells the client that the network has changed: the socket is connected again now."""
        await self._served.queue().call(self._native.network_changed)

    async def close(self) -> None:
        """Closes the conversation when what is still to be sent has been sent, within ``close_deadline``. Opening the
        visitor again resumes the same session."""
        queue, is_quick = self._served.queue(), is_cancelled()
        await queue.call(self._native.close)
        await self._callbacks.finish(is_quick=is_quick)

    async def end(self) -> None:
        """Closes the conversation and ends its session on the service, where the service offers this. The next
        ``open`` begins a new session."""
        queue, is_quick = self._served.queue(), is_cancelled()
        await queue.call(self._native.end)
        await self._callbacks.finish(is_quick=is_quick)
