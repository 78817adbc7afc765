"""What both faces of a client share: how it is set up, and what needs no waiting."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Literal, TypedDict

from . import _logs, _native
from ._errors import MisuseError
from ._values import CallReport, Stats


class ClientOptions(TypedDict, total=False):
    """The keywords of ``AvatarClient``, for functions that hand them on:
    ``def make(**options: Unpack[ClientOptions])``. ``help(AvatarClient)`` says what each is."""

    base_url: str | None
    allow_insecure: bool
    proxy: str | None
    no_proxy: bool
    ca_file: str | os.PathLike[str] | None
    builtin_roots: bool
    heartbeat: float | None
    acknowledge: bool
    reply_idle: float | None
    delivery: Literal["at_most_once", "at_least_once"]
    event_queue: int | None
    quota: int | None
    max_live: int | None
    idle_after: float | None
    store: str | os.PathLike[str] | None
    open_deadline: float | None
    send_deadline: float | None
    durable_deadline: float | None
    history_deadline: float | None
    close_deadline: float | None
    ask_deadline: float | None
    first_piece_deadline: float | None
    on_call: Callable[[CallReport], object] | None


class ClientBase:
    """How a client is set up. All times are seconds."""

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        allow_insecure: bool = False,
        proxy: str | None = None,
        no_proxy: bool = False,
        ca_file: str | os.PathLike[str] | None = None,
        builtin_roots: bool = True,
        heartbeat: float | None = None,
        acknowledge: bool = True,
        reply_idle: float | None = None,
        delivery: Literal["at_most_once", "at_least_once"] = "at_most_once",
        event_queue: int | None = None,
        quota: int | None = None,
        max_live: int | None = None,
        idle_after: float | None = None,
        store: str | os.PathLike[str] | None = None,
        open_deadline: float | None = None,
        send_deadline: float | None = None,
        durable_deadline: float | None = None,
        history_deadline: float | None = None,
        close_deadline: float | None = None,
        ask_deadline: float | None = None,
        first_piece_deadline: float | None = None,
        on_call: Callable[[CallReport], object] | None = None,
    ) -> None:
        """A client for one API key. Nothing is sent yet.

        :param api_key: the avatar's API key; without it, ``SECONDME_API_KEY``.
        :param base_url: where the service is; without it, ``SECONDME_BASE_URL``, or production.
        :param allow_insecure: take plain ``http`` and ``ws`` to other machines too.
        :param proxy: the proxy for HTTP and for the socket; without it, ``HTTPS_PROXY`` and the like count.
        :param no_proxy: no proxy, whatever the environment says.
        :param ca_file: a PEM file of certificates to trust besides the platform's.
        :param builtin_roots: trust Mozilla's root certificates, built in, where the machine has none.
        :param heartbeat: between two pings, 5 to 15; 15 if not said otherwise.
        :param acknowledge: whether frames are acknowledged.
        :param reply_idle: the silence that ends a reply whose end mark never comes; 3.
        :param delivery: what becomes of a message of which nobody can tell whether the service took it.
        :param event_queue: events that a subscription holds before the socket is read no further; 1024.
        :param quota: authentications that the API key has in a minute; 60.
        :param max_live: how many visitors may hold a socket at a time; as many as there are.
        :param idle_after: after how long an idle visitor gives up the socket; never.
        :param store: a SQLite file that keeps sessions and durable messages beyond the process.
        :param open_deadline: the whole time of an ``open``; 30.
        :param send_deadline: of a ``send``; 15.
        :param durable_deadline: of a durable ``send``, over all processes that try; 24 hours.
        :param history_deadline: of a ``history``; 30.
        :param close_deadline: of a ``close``; 5.
        :param ask_deadline: of an ``ask`` or a ``stream``; 120.
        :param first_piece_deadline: until the first piece of a reply; 60.
        :param on_call: called with a ``CallReport`` when a call to the service, or a handshake of a socket, is over:
            for metrics. With asyncio it is called as callbacks are, and may be async; with ``secondme_avatar.sync`` in
            a thread of its own. What it raises is logged, and ends nothing.
        """
        if api_key is None:
            api_key = os.environ.get("SECONDME_API_KEY")
        if api_key is None:
            raise MisuseError("there is no API key: put the avatar's into SECONDME_API_KEY, or pass it as `api_key`")
        if base_url is None:
            base_url = os.environ.get("SECONDME_BASE_URL")
        _logs.begin()
        self._native = _native.Client(
            api_key,
            on_call is not None,
            language=f"python/{sys.version_info.major}.{sys.version_info.minor}",
            base_url=base_url,
            allow_insecure=allow_insecure,
            proxy=proxy,
            no_proxy=no_proxy,
            ca_file=ca_file,
            builtin_roots=builtin_roots,
            heartbeat=heartbeat,
            acknowledge=acknowledge,
            reply_idle=reply_idle,
            delivery=delivery,
            event_queue=event_queue,
            quota=quota,
            max_live=max_live,
            idle_after=idle_after,
            store=store,
            open_deadline=open_deadline,
            send_deadline=send_deadline,
            durable_deadline=durable_deadline,
            history_deadline=history_deadline,
            close_deadline=close_deadline,
            ask_deadline=ask_deadline,
            first_piece_deadline=first_piece_deadline,
        )
        if self._native.reports is not None and on_call is not None:
            self._report(self._native.reports, on_call)

    def _report(self, reports: _native.Reports, on_call: Callable[[CallReport], object]) -> None:
        """Lets this be told of the client's calls."""
        raise NotImplementedError

    @property
    def proxy(self) -> str | None:
        """Host and port of the proxy between this machine and the service; ``None`` if there is none."""
        return self._native.proxy

    def stats(self) -> Stats:
        """What has been counted so far."""
        return self._native.stats()

    def advance_clock(self, seconds: float) -> None:
        """Puts the client's clock forward, for tests: heartbeats, retries and deadlines on the way are due at once.

        What they are for is begun when this returns.
        """
        self._native.advance_clock(seconds)

    def __repr__(self) -> str:
        stats = self.stats()
        return f"<AvatarClient of {stats.visitors} visitors, {stats.connected} connected>"
