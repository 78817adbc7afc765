"""The client, for asyncio."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from types import TracebackType
from typing import TypeVar

from . import _native
from ._base import ClientBase
from ._callbacks import Callbacks, ReportSource, Served, is_cancelled
from ._conversation import Conversation
from ._native import Visitor
from ._on import Listening
from ._streams import Events
from ._values import CallReport

Self = TypeVar("Self", bound="AvatarClient")


class AvatarClient(ClientBase, Listening):
    """A client for one API key, that is for one avatar::

        async with AvatarClient() as client:
            chat = await client.open(Visitor.for_user("feishu", "ou_abc", name="张三"))
            print((await chat.ask("Hello, tell me about yourself")).text)

    It may be used from several event loops, after each other or each in a thread of its own.
    """

    @cached_property
    def _served(self) -> Served:
        return Served()

    def _report(self, reports: _native.Reports, on_call: Callable[[CallReport], object]) -> None:
        self._served.add(ReportSource(reports, on_call))

    @cached_property
    def _callbacks(self) -> Callbacks:  # type: ignore[override]
        return Callbacks(self._served, self._native.events)

    async def open(self, visitor: Visitor, *, deadline: float | None = None) -> Conversation:
        """Opens the conversation of this visitor.

        A visitor who has one already gets the same one, and whoever opens it at the same time joins. A visitor whose
        conversation was closed goes on with the same session.
        """
        queue = self._served.queue()
        opened = await queue.call(lambda queue: self._native.open(queue, visitor, deadline))
        return Conversation(opened, self._served)

    async def recover(self, *, all: bool = False) -> list[str]:
        """Takes up what earlier processes left behind in the ``store``: opens the conversation of every visitor to
        whom a durable message is still to be sent, and gives their ids.

        With ``all``, the conversation of every visitor of the store who has a session, so that what the avatar's owner
        says is heard without their writing first: within ``max_live``, those who were there last before the others.

        What is given up comes as an ``UnsentEvent``, so subscribe to ``events`` first. Without a store there is
        nothing to do.
        """
        return await self._served.queue().call(lambda queue: self._native.recover(queue, all))

    async def known(self) -> list[Visitor]:
        """The visitors of whom the ``store`` keeps something, with the name, channel and tag that each was last given;
        those whose records were saved last come first. Without a store there are none."""
        return await self._served.queue().call(self._native.known)

    async def backup(self, to: str | os.PathLike[str]) -> None:
        """Copies the ``store`` into this file while it is in use. The copy is a whole store, which another client can
        be given; it takes the place of an earlier one.

        Use only one of the two then: messages that are still to be sent stand in both. Do not copy the store's file by
        other means while it is open. Without a store this is an ``UnsupportedError``.
        """
        await self._served.queue().call(lambda queue: self._native.backup(queue, to))

    def events(self) -> Events:
        """Subscribes to the events of all conversations, those that are opened later too."""
        return Events(self._native.events(), self._served.queue)

    async def close(self, *, deadline: float | None = None) -> None:
        """Closes all conversations, each after sending what is still to be sent, within ``deadline`` seconds. Default:
        ``close_deadline``.

        What could not be sent by then is handed back to whoever waits for it, in the error's ``unsent``; a durable
        message stays in the store. Callbacks that run are waited for, up to 5 s, but not where the task that closes is
        being cancelled, as by Ctrl-C. Closing twice is no error.
        """
        await self._close(deadline)

    async def _close(self, deadline: float | None = None, kind: type[BaseException] | None = None) -> None:
        queue, is_quick = self._served.queue(), is_cancelled(kind)
        await queue.call(lambda queue: self._native.close(queue, deadline))
        if self._native.reports is not None:
            self._native.reports.finish()
        await self._served.finish(is_quick=is_quick)

    async def __aenter__(self: Self) -> Self:
        self._served.queue()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close(kind=kind)
