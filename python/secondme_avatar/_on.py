"""``on``, by the events' names and by their classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeVar, overload

from . import events
from ._callbacks import Callback, Callbacks
from ._native import Event as EventBase
from .events import EventName

E = TypeVar("E", bound=EventBase)
R = TypeVar("R")
Told = TypeVar("Told")


class Decorator(Protocol[Told]):
    """Takes a function, plain or async, that is called with such events, and gives it back."""

    def __call__(self, callback: Callable[[Told], R], /) -> Callable[[Told], R]: ...


class Listening:
    """What events are heard of by callbacks."""

    _callbacks: Callbacks

    @overload
    def on(self, event: Literal["opened"]) -> Decorator[events.Opened]: ...
    @overload
    def on(self, event: Literal["state_changed"]) -> Decorator[events.StateChanged]: ...
    @overload
    def on(self, event: Literal["reply_delta"]) -> Decorator[events.ReplyDelta]: ...
    @overload
    def on(self, event: Literal["reply"]) -> Decorator[events.Reply]: ...
    @overload
    def on(self, event: Literal["owner_reply"]) -> Decorator[events.OwnerReply]: ...
    @overload
    def on(self, event: Literal["taken_over"]) -> Decorator[events.TakenOver]: ...
    @overload
    def on(self, event: Literal["handed_back"]) -> Decorator[events.HandedBack]: ...
    @overload
    def on(self, event: Literal["delivered"]) -> Decorator[events.Delivered]: ...
    @overload
    def on(self, event: Literal["unsent"]) -> Decorator[events.Unsent]: ...
    @overload
    def on(self, event: Literal["notice"]) -> Decorator[events.Notice]: ...
    @overload
    def on(self, event: Literal["service_error"]) -> Decorator[events.ServiceError]: ...
    @overload
    def on(self, event: Literal["unattributed"]) -> Decorator[events.Unattributed]: ...
    @overload
    def on(self, event: Literal["disconnected"]) -> Decorator[events.Disconnected]: ...
    @overload
    def on(self, event: Literal["reconnected"]) -> Decorator[events.Reconnected]: ...
    @overload
    def on(self, event: Literal["waiting_for_quota"]) -> Decorator[events.WaitingForQuota]: ...
    @overload
    def on(self, event: Literal["closed"]) -> Decorator[events.Closed]: ...
    @overload
    def on(self, event: Literal["unknown"]) -> Decorator[events.Unknown]: ...
    @overload
    def on(self, event: EventName) -> Decorator[Any]: ...
    @overload
    def on(self, event: type[E]) -> Decorator[E]: ...
    def on(self, event: Any) -> Any:
        """A decorator: the function, plain or async, is called with every such event::

            @client.on("owner_reply")
            async def _(event): ...

        Instead of its name, the event's class does as well. Async callbacks run as tasks of their own, begun in the
        order of the events. What they raise is logged, and ends nothing.

        They are called in one event loop, the first in which the client is used. When that one has ended, the next one
        in which it is used goes on, with what came in between.
        """
        return self._callbacks.on(event)

    def off(self, callback: Callback) -> None:
        """The function is called no more."""
        self._callbacks.off(callback)
