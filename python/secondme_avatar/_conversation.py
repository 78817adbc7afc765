"""A conversation, for asyncio."""

from __future__ import annotations

from functools import cached_property
from typing import Literal, overload

from . import _native
from ._callbacks import Callbacks, Served, is_cancelled
from ._on import Listening
from ._streams import Events, ReplyStream
from ._values import HistoryMessage, Reply, Sent, State


class ConversationBase:
    """What is known of a conversation without waiting."""

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
        """Who talks with the avatar here."""
        return self._native.visitor_id

    @property
    def tag(self) -> str | None:
        """The tag that the visitor was opened with: your own, see ``Visitor``."""
        return self._native.tag

    @property
    def session_id(self) -> str | None:
        """The session's id on the service."""
        return self._native.session_id

    @property
    def taken_over(self) -> bool:
        """Whether the avatar's owner has the conversation: has said something in person, and the avatar nothing since.

        Questions are not held back meanwhile. One that the owner does not answer in time fails with a
        ``TakenOverError``.
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

    It goes on when the last reference to it is gone: its events still reach ``AvatarClient.events``, and opening the
    visitor again gives it again. It ends with ``close``, or with the client.
    """

    def __init__(self, native: _native.Conversation, served: Served) -> None:
        super().__init__(native)
        self._served = served

    @cached_property
    def _callbacks(self) -> Callbacks:  # type: ignore[override]
        return Callbacks(self._served, self._native.events)

    async def ask(
        self, text: str, *, deadline: float | None = None, first_piece_deadline: float | None = None
    ) -> Reply:
        """Says something and waits for the whole reply, the avatar's or its owner's.

        Questions of one conversation are answered in order, never crossed: a second one goes out when the first is
        answered.
        """
        return await self._served.queue().call(
            lambda queue: self._native.ask(queue, text, deadline, first_piece_deadline)
        )

    def stream(
        self, text: str, *, deadline: float | None = None, first_piece_deadline: float | None = None
    ) -> ReplyStream:
        """Says something, at once, and gives the reply piece by piece::

        async for piece in chat.stream("Hello"):
            print(piece, end="", flush=True)
        """
        return ReplyStream(self._native.stream(text, deadline, first_piece_deadline), self._served.queue)

    @overload
    async def send(self, text: str, *, durable: Literal[False] = False, deadline: float | None = None) -> Sent: ...
    @overload
    async def send(self, text: str, *, durable: Literal[True], deadline: float | None = None) -> str: ...
    async def send(self, text: str, *, durable: bool = False, deadline: float | None = None) -> Sent | str:
        """Says something. The service has taken the message when this is done.

        While the socket is down the message waits, and a lost answer never makes it go out twice. One that is given
        up comes back in the error's ``unsent``.

        With ``durable`` it is kept in the client's store until the service has taken it: when this is done it
        survives the process, and goes out when it can, once, under the id that this gives. ``DeliveredEvent``
        tells that the service has it; one that is given up comes back as ``UnsentEvent``.
        """
        queue = self._served.queue()
        if durable:
            return await queue.call(lambda queue: self._native.send_durable(queue, text, deadline))
        return await queue.call(lambda queue: self._native.send(queue, text, deadline))

    async def history(self, count: int = 50, before: str | None = None) -> list[HistoryMessage]:
        """The last ``count`` messages (1 to 1000), oldest first; with ``before``, a ``seq_id``, those before it.

        Where the service does not offer it, that is an ``UnsupportedError``.
        """
        return await self._served.queue().call(lambda queue: self._native.history(queue, count, before))

    async def new_session(self) -> Conversation:
        """Opens another conversation of the same visitor, with a session of its own, on the same socket."""
        return Conversation(await self._served.queue().call(self._native.new_session), self._served)

    def events(self) -> Events:
        """Subscribes to what happens in this conversation from now on."""
        return Events(self._native.events(), self._served.queue)

    async def pause(self) -> None:
        """Gives up the socket and keeps the place. Whatever is said meanwhile is there after ``resume``."""
        await self._served.queue().call(self._native.pause)

    async def resume(self) -> None:
        """Comes back after a ``pause``. The next message does so too."""
        await self._served.queue().call(self._native.resume)

    async def network_changed(self) -> None:
        """Says that the network is another one: the socket is connected again now."""
        await self._served.queue().call(self._native.network_changed)

    async def close(self) -> None:
        """Closes the conversation once what is still to be sent is sent, within ``close_deadline``. Opening the
        visitor again goes on with the same session."""
        queue, is_quick = self._served.queue(), is_cancelled()
        await queue.call(self._native.close)
        await self._callbacks.finish(is_quick=is_quick)

    async def end(self) -> None:
        """Closes the conversation and ends its session on the service, as far as that offers it: the next ``open``
        begins a new one."""
        queue, is_quick = self._served.queue(), is_cancelled()
        await queue.call(self._native.end)
        await self._callbacks.finish(is_quick=is_quick)
