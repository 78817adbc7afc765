"""The client, for asyncio."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from types import TracebackType
from typing import Any, TypeVar, overload

from ._callbacks import C, Callback, Callbacks, E
from ._conversation import Conversation
from ._native import Visitor
from ._options import ClientBase
from ._ports import LoopPort
from ._streams import Events

Self = TypeVar("Self", bound="AvatarClient")


class AvatarClient(ClientBase):
    """A client for one API key, that is for one avatar::

        async with AvatarClient() as client:
            chat = await client.open(Visitor.for_user("feishu", "ou_abc", name="张三"))
            print((await chat.ask("Hello, tell me about yourself")).text)

    It may be used from several event loops, each in a thread of its own.
    """

    @cached_property
    def _callbacks(self) -> Callbacks:
        return Callbacks(self.events)

    async def open(self, visitor: Visitor, *, deadline: float | None = None) -> Conversation:
        """Opens the conversation of this visitor.

        A visitor who has one already gets the same one, and whoever opens it at the same time joins. A visitor whose
        conversation was closed goes on with the same session.
        """
        self._callbacks.begin()
        return Conversation(await LoopPort.current().call(lambda port: self._native.open(port, visitor, deadline)))

    async def recover(self) -> list[str]:
        """Takes up what earlier processes left behind in the ``store``: opens the conversation of every visitor to
        whom a durable message is still to be sent, and gives their ids.

        What is given up comes as an ``Unsent`` event, so subscribe to ``events`` first. Without a store there is
        nothing to do.
        """
        self._callbacks.begin()
        return await LoopPort.current().call(self._native.recover)

    def events(self) -> Events:
        """Subscribes to the events of all conversations, those that are opened later too."""
        return Events(self._native.events())

    @overload
    def on(self, event: type[E]) -> Callable[[Callable[[E], Any]], Callable[[E], Any]]: ...
    @overload
    def on(self, event: str) -> Callable[[C], C]: ...
    def on(self, event: Any) -> Any:
        """A decorator: the function, plain or async, is called with every such event of all conversations::

            @client.on("owner_reply")
            async def _(event): ...

        Instead of its name, the event's class does as well. Async callbacks run as tasks of their own, begun in the
        order of the events. What they raise is logged, and ends nothing.
        """
        return self._callbacks.on(event)

    def off(self, callback: Callback) -> None:
        """The function is called no more."""
        self._callbacks.off(callback)

    async def close(self, within: float | None = None) -> None:
        """Closes all conversations, each after sending what is still to be sent, within ``close_deadline``.

        What could not be sent by then is handed back to whoever waits for it, in the error's ``unsent``; a durable
        message stays in the store. Closing twice is no error.
        """
        await LoopPort.current().call(lambda port: self._native.close(port, within))
        await self._callbacks.finish()

    async def __aenter__(self: Self) -> Self:
        self._callbacks.begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
