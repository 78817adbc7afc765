"""The part of a client that needs no waiting: both faces share it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from . import _logs, _native
from ._errors import MisuseError
from ._options import ClientSetup
from ._values import CallReport, Stats


class ClientBase(ClientSetup):
    """The part of a client that needs no waiting."""

    def _set_up(
        self,
        api_key: str | None,
        options: dict[str, Any],
        on_call: Callable[[CallReport], object] | None,
    ) -> None:
        if api_key is None:
            api_key = os.environ.get("SECONDME_API_KEY")
        if api_key is None:
            raise MisuseError("there is no API key: put the avatar's into SECONDME_API_KEY, or pass it as `api_key`")
        if options["base_url"] is None and options["environment"] is None:
            options["base_url"] = os.environ.get("SECONDME_BASE_URL") or None
        _logs.begin()
        self._native = _native.Client(
            api_key,
            on_call is not None,
            language=f"python/{sys.version_info.major}.{sys.version_info.minor}",
            **options,
        )
        if self._native.reports is not None and on_call is not None:
            self._report(self._native.reports, on_call)

    def _report(self, reports: _native.Reports, on_call: Callable[[CallReport], object]) -> None:
        """Has ``on_call`` called with the reports."""
        raise NotImplementedError

    @property
    def proxy(self) -> str | None:
        """Host and port of the proxy to the service; ``None`` without a proxy."""
        return self._native.proxy

    def stats(self) -> Stats:
        """Returns what has been counted so far."""
        return self._native.stats()

    def advance_clock(self, seconds: float) -> None:
        """Puts the client's clock forward, for tests. Heartbeats, retries and deadlines on the way are due at once, and
        their work has begun when this returns.
        """
        self._native.advance_clock(seconds)

    def __repr__(self) -> str:
        stats = self.stats()
        return f"<AvatarClient of {stats.visitors} visitors, {stats.connected} connected>"
