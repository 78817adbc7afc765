"""The part of a client that needs no waiting: both faces share it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from . import _logs, _native
from ._errors import MisuseError
from ._options import ClientOptions, ClientSetup
from ._seals import Seal, Sealer, checked
from ._secret import hidden
from ._tokens import CredentialsRequest, Giver, TokenRequest
from ._values import CallReport, Stats

Self = TypeVar("Self", bound="ClientBase")


class _Door:
    """How a client that is being made comes to the service, where an API key alone is not how."""

    def __init__(self, app: tuple[str, str] | None, give: Giver | None, *, has_key: bool = True) -> None:
        self.app = app
        self.give = give
        self.has_key = has_key


class ClientBase(ClientSetup):
    """The part of a client that needs no waiting."""

    _door: _Door | None = None
    """Only while the client is being made."""

    @classmethod
    def _through_visitor_chat(
        cls: type[Self],
        client_id: str | None,
        client_secret: str | None,
        api_key: str | None,
        token: Callable[[TokenRequest], Any] | None,
        options: ClientOptions,
    ) -> Self:
        if token is None:
            named_id = _given(client_id, "client_id", "SECONDME_CLIENT_ID", "the app's id")
            app = named_id, _given(client_secret, "client_secret", "SECONDME_CLIENT_SECRET", "the app's secret")
            door = _Door(app, None)
        elif client_id is not None or client_secret is not None:
            raise MisuseError(
                "`token` gives the tokens of users, and `client_id` and `client_secret` are those of an app that "
                "speaks for all its visitors: pass the one or the other"
            )
        else:
            door = _Door(None, cls._giver_of(Giver.of_tokens(token)))
        return cls._through(door, api_key, options)

    @classmethod
    def _without_key(cls: type[Self], credentials: Callable[[CredentialsRequest], Any], options: ClientOptions) -> Self:
        if "api_key" in options:
            raise MisuseError("a client with `credentials` has no `api_key`: leave it out")
        door = _Door(None, cls._giver_of(Giver.of_credentials(credentials)), has_key=False)
        return cls._through(door, None, options)

    @classmethod
    def _giver_of(cls, giver: Giver) -> Giver:
        """This function, if this client can call it."""
        return giver

    @classmethod
    def _through(cls: type[Self], door: _Door, api_key: str | None, options: ClientOptions) -> Self:
        # From here on a traceback shows neither, nor do the frames of those who have called this.
        api_key = hidden(api_key)
        if "proxy" in options:
            options["proxy"] = hidden(options["proxy"])
        client = cls.__new__(cls)
        client._door = door
        try:
            cls.__init__(client, api_key, **options)
        finally:
            del client._door
        return client

    def _set_up(
        self,
        api_key: str | None,
        options: dict[str, Any],
        on_call: Callable[[CallReport], object] | None,
        seal: Seal | None,
    ) -> None:
        if seal is not None:
            seal = checked(seal)
        door = self._door or _Door(None, None)
        if api_key is None and door.has_key:
            api_key = hidden(_native.api_key_from_env())
        _logs.begin()
        self._native = _native.Client(
            api_key,
            on_call is not None,
            door.app,
            door.give is not None,
            seal is not None,
            language=f"python/{sys.version_info.major}.{sys.version_info.minor}",
            **options,
        )
        if self._native.seals is not None and seal is not None:
            Sealer(self._native.seals, seal)
        if self._native.reports is not None and on_call is not None:
            self._report(self._native.reports, on_call)
        if self._native.tokens is not None and door.give is not None:
            self._give_tokens(self._native.tokens, door.give)

    def _report(self, reports: _native.Reports, on_call: Callable[[CallReport], object]) -> None:
        """Has ``on_call`` called with the reports."""
        raise NotImplementedError

    def _give_tokens(self, tokens: _native.TokenRequests, give: Giver) -> None:
        """Has ``give`` called for the tokens of users, or the credentials of visitors."""
        raise NotImplementedError

    def set_api_key(self, api_key: str) -> None:
        """Replaces the API key by another one of the same avatar, while conversations live.

        Later calls that show the key show this one; the visitors' tokens live on, and what was being said goes on. Set
        it first, and disable the earlier key then. A client without a key, and a text that is no key, raise a
        ``MisuseError``.
        """
        api_key = hidden(api_key)
        self._native.set_api_key(api_key)

    @property
    def proxy(self) -> str | None:
        """Host and port of the proxy to the service; ``None`` without a proxy."""
        return self._native.proxy

    def stats(self) -> Stats:
        """Returns what has been counted so far."""
        return self._native.stats()

    def advance_clock(self, seconds: float) -> None:
        """Puts the client's clock forward, for tests. Heartbeats, retries and deadlines on the way are due at once, and
        their work has begun when this returns. Calls that are under way get their answers first, except those that take
        more than 0.1 s of real time.
        """
        self._native.advance_clock(seconds)

    def __repr__(self) -> str:
        if "_native" not in self.__dict__:
            return "<AvatarClient that could not be made>"
        stats = self.stats()
        return f"<AvatarClient of {stats.visitors} visitors, {stats.connected} connected>"


def _given(value: object, name: str, variable: str, what: str) -> str:
    """The value, or what the environment says."""
    # A variable that is empty counts as not set.
    given = hidden(os.environ.get(variable) or None) if value is None else value
    if given is None:
        raise MisuseError(f"there is no `{name}`: put {what} into {variable}, or pass it")
    if not isinstance(given, str):
        raise MisuseError(f"`{name}` takes {what} as a `str`")
    return given
