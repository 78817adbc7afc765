"""The tokens of users of Visitor Chat and the credentials of visitors, which a function of the program gives."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from . import _native
from ._callbacks import Source, is_callback
from ._error import AvatarError
from ._errors import MisuseError
from ._native import Credentials
from ._queues import ThreadQueue

_WORKERS = 32
"""How many functions run at a time without an event loop, of those that a call waits for; further requests wait."""

_THREADS = 256
"""How many functions run at a time in all: with those that never end, though no call waits for them any more. Once so
many never end, no further one is called."""

_PATIENCE = 5.0
"""Seconds that a close waits for functions that run."""


@dataclass(frozen=True)
class TokenRequest:
    """What a function that gives users' tokens is asked for: see ``AvatarClient.visitor_chat``."""

    visitor_id: str
    """Whose token is needed."""
    refused: bool
    """The service has refused the token that was given last: another one is needed, refreshed perhaps."""


@dataclass(frozen=True)
class CredentialsRequest:
    """What a function that gives visitors' credentials is asked for: see ``AvatarClient.with_credentials``."""

    visitor_id: str
    """Whose credentials are needed."""
    refused: bool
    """The service has refused the credentials that were given last: the server has to get others."""


AsyncTokens = Callable[[TokenRequest], "Awaitable[str] | str"]
PlainTokens = Callable[[TokenRequest], str]
AsyncCredentials = Callable[[CredentialsRequest], "Awaitable[Credentials] | Credentials"]
PlainCredentials = Callable[[CredentialsRequest], Credentials]


class Giver:
    """A function of the program, and what stands between it and the core."""

    def __init__(self, give: Callable[[Any], Any], *, keyword: str, request: type[Any], gives: type[Any]) -> None:
        if not callable(give):
            raise MisuseError(
                f"`{keyword}` takes a function of a `{request.__name__}` that returns the {keyword}, and not the "
                f"{keyword} itself"
            )
        self.give = give
        self.keyword = keyword
        self.request = request
        self._gives = gives

    @classmethod
    def of_tokens(cls, give: Callable[[TokenRequest], Any]) -> Giver:
        return cls(give, keyword="token", request=TokenRequest, gives=str)

    @classmethod
    def of_credentials(cls, give: Callable[[CredentialsRequest], Any]) -> Giver:
        return cls(give, keyword="credentials", request=CredentialsRequest, gives=Credentials)

    def answer(self, native: _native.TokenRequests, ticket: int, given: object) -> None:
        try:
            if not isinstance(given, self._gives):
                name = self._gives.__name__
                raise MisuseError(f"it returned an object of type {type(given).__name__} and not a `{name}`")
            native.answer(ticket, given.to_json() if isinstance(given, Credentials) else str(given))
        except AvatarError as error:
            # Its frames hold what was given.
            _fail(native, ticket, error.with_traceback(None))

    def plain_only(self) -> Giver:
        """This function, where it is not async."""
        if inspect.iscoroutinefunction(self.give):
            raise self.no_async()
        return self

    def no_async(self) -> MisuseError:
        return MisuseError(
            f"`{self.keyword}` is an async function, and this client runs no event loop: pass a plain function, or use "
            "`secondme_avatar.AvatarClient`"
        )


Asked = tuple[int, "str | None", bool]


class TokenSource(Source):
    """The requests of a client, which the function answers in the loop that serves the client's callbacks."""

    native: _native.TokenRequests
    limit = None

    def __init__(self, native: _native.TokenRequests, give: Giver) -> None:
        super().__init__(native)
        self._give = give
        self._context = contextvars.copy_context()
        self._asked: dict[int, asyncio.Task[None]] = {}

    def hand_on(self, item: Asked, loop: asyncio.AbstractEventLoop) -> Iterator[asyncio.Task[None]]:
        ticket, visitor_id, refused = item
        if visitor_id is None:
            if task := self._asked.pop(ticket, None):
                task.cancel()
            return
        request = self._give.request(visitor_id, refused)
        context = self._context.copy()
        context.run(is_callback.set, True)
        task = context.run(loop.create_task, self._answer(ticket, request))
        self._asked[ticket] = task
        yield task

    def end(self) -> None:
        while self._asked:
            self._asked.popitem()[1].cancel()

    async def _answer(self, ticket: int, request: object) -> None:
        try:
            given = self._give.give(request)
            self._give.answer(self.native, ticket, await given if inspect.isawaitable(given) else given)
        except asyncio.CancelledError as error:
            # Taken back, or the loop ends: another loop may go on.
            _fail(self.native, ticket, error, may_pass=True)
            raise
        except BaseException as error:
            _fail(self.native, ticket, error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._asked.pop(ticket, None)


class TokenGiver(threading.Thread):
    """Calls the function of a client that has no event loop, each time in a thread of its own. It ends with the
    client."""

    def __init__(self, native: _native.TokenRequests, give: Giver) -> None:
        super().__init__(name="secondme-avatar-tokens", daemon=True)
        self._native = native
        self._give = give
        self._context = contextvars.copy_context()
        self._lock = threading.Lock()
        self._waiting: dict[int, object] = {}
        self._wanted: set[int] = set()
        """The requests whose function runs, and whose token a call waits for."""
        self._threads = 0
        self._queue = ThreadQueue()
        self.start()

    def run(self) -> None:
        while True:
            asked = self._native.drain(self._queue.native, 1)
            if asked is None:
                self._queue.wait(self._native.ticket)
                continue
            if not asked:
                return
            for ticket, visitor_id, refused in asked:
                with self._lock:
                    if visitor_id is None:
                        # A function cannot be interrupted: one that is no longer wanted ends by itself. One that
                        # never does takes one of `_THREADS` places.
                        self._waiting.pop(ticket, None)
                        self._wanted.discard(ticket)
                    else:
                        self._waiting[ticket] = self._give.request(visitor_id, refused)
            self._begin()

    def _begin(self) -> None:
        """Calls the function for those who wait, oldest first, as long as there is room. It never waits itself."""
        while True:
            with self._lock:
                if not self._waiting or len(self._wanted) >= _WORKERS or self._threads >= _THREADS:
                    return
                ticket = next(iter(self._waiting))
                request = self._waiting.pop(ticket)
                self._wanted.add(ticket)
                self._threads += 1
            work = self._context.copy().run
            thread = threading.Thread(
                target=work, args=(self._answer, ticket, request), name="secondme-avatar-token", daemon=True
            )
            try:
                thread.start()
            except RuntimeError as error:
                _fail(self._native, ticket, error, may_pass=True)
                self._ended(ticket)

    def _answer(self, ticket: int, request: object) -> None:
        try:
            given: object = self._give.give(request)
            if inspect.isawaitable(given):
                if inspect.iscoroutine(given):
                    given.close()
                raise self._give.no_async()
            self._give.answer(self._native, ticket, given)
        except BaseException as error:
            _fail(self._native, ticket, error)
        finally:
            self._ended(ticket)
            self._begin()

    def _ended(self, ticket: int) -> None:
        with self._lock:
            self._wanted.discard(ticket)
            self._threads -= 1

    def end(self) -> None:
        """Has no further function called."""
        self._native.finish()
        with self._lock:
            self._waiting.clear()
        self.join(timeout=_PATIENCE)


def _fail(native: _native.TokenRequests, ticket: int, error: BaseException, *, may_pass: bool = False) -> None:
    if isinstance(error, AvatarError):
        words = error.message.encode(errors="replace").decode()
        native.fail(ticket, error, words, False, error.kind, error.code)
    else:
        # Its words are the program's own, and stay in the cause.
        native.fail(ticket, error, type(error).__name__, may_pass or _may_pass(error))


_ON_THIS_MACHINE = (FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError, NotADirectoryError)


def _may_pass(error: BaseException) -> bool:
    """Whether it was the network's failure, or a time limit's: HTTP libraries raise classes of their own from it."""
    seen: set[int] = set()
    now: BaseException | None = error
    while now is not None and id(now) not in seen:
        if isinstance(now, OSError | asyncio.TimeoutError) and not isinstance(now, _ON_THIS_MACHINE):
            return True
        seen.add(id(now))
        now = now.__cause__ or now.__context__
    return False
