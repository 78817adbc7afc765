"""The ASGI application."""

from __future__ import annotations

import inspect
import logging
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeVar, cast

from .._client import AvatarClient
from .._errors import MisuseError
from .._native import Visitor
from ..bridge import AskOptions, Bridge, ErrorContext, Language
from ..bridge._sentences import sentences as said_in
from ._calls import Calls
from ._cookies import Cookies
from ._errors import WidgetErrorContext
from ._http import ClientGone, Headers, Receive, Refusal, Request, Scope, Send
from ._options import check_functions, check_limits, refuse_given
from ._origins import Origins
from ._outlet import WebOutlet, browsers_id
from ._rates import Rate, address_key, limited
from ._readers import EVENT_STREAM, Stream, send_stream
from ._scripts import Scripts
from ._sessions import Session
from ._transcript import Transcript

Self = TypeVar("Self", bound="WidgetApp")
_T = TypeVar("_T")

_log = logging.getLogger("secondme_avatar.web")
_DAY = 24 * 60 * 60.0
_SWEEP = 30.0
"""How often it is looked for visitors who are idle, in seconds."""


class _Starlette(Protocol):
    def mount(self, path: str, app: Any) -> None: ...
    def add_route(self, path: str, route: Any) -> Any: ...


class WidgetApp:
    """The server part of the website widget: an ASGI application, for a place below the site's own address::

        import os

        from fastapi import FastAPI
        from secondme_avatar import AvatarClient
        from secondme_avatar.web import WidgetApp

        app = FastAPI()
        widget = WidgetApp(AvatarClient(store="widget.db"), secret=os.environ["WIDGET_SECRET"])
        widget.add_to(app, "/avatar")

    It works alone too: ``uvicorn module:widget``. What was accepted is answered also after a restart, what was said is
    kept, and the same message sent again is not asked again: all of that stands in the client's ``store``, so give the
    client one. It runs in one process; of several, each would know a part of what is said only.
    """

    def __init__(
        self,
        client: AvatarClient,
        *,
        secret: str | bytes | Sequence[str | bytes] | None = None,
        visitor_of: Callable[[Scope], Visitor | Awaitable[Visitor | None] | None] | None = None,
        embedded: bool | None = None,
        allow_origins: Iterable[str] = (),
        address: Callable[[Scope], str] | Literal[False] | None = None,
        name: str = "web",
        channel: str | None = None,
        language: Language = "en",
        sentences: Mapping[str, str] | None = None,
        avatar_name: str | None = None,
        owner_name: str | None = None,
        ask: AskOptions | None = None,
        listen: bool = True,
        cookie_name: str | None = None,
        keep_history: float = 30 * _DAY,
        messages_per_minute: float = 20,
        address_messages_per_minute: float | None = None,
        new_visitors_per_minute: float | None = None,
        calls_per_minute: float | None = None,
        max_event_streams: int = 8,
        max_text_chars: int = 10_000,
        max_body_bytes: int = 65_536,
        forget_after: float = 300.0,
        files: str | os.PathLike[str] | None = None,
        on_error: Callable[[BaseException, WidgetErrorContext], object] | None = None,
    ) -> None:
        """An application that starts with its first request.

        :param client: The client. It is closed with the application.
        :param secret: Signs the visitors' cookies: a random text of 32 bytes or more, kept with the server's other
            secrets. Of several the first signs and all are accepted, so that one can be replaced.
        :param visitor_of: Says which visitor a request is of, from the login that the server has verified, and ``None``
            for a request without one. It is given the ASGI scope, and may be async. With it there is no cookie, and
            ``secret``, ``embedded``, ``cookie_name``, ``channel`` and ``new_visitors_per_minute`` are left
            out.
        :param embedded: Whether pages of other sites show the widget. Browsers then keep a cookie for each of these
            sites. Default: no.
        :param allow_origins: The origins of the pages that may ask, besides the site's own, such as
            ``https://shop.example``.
        :param address: Says from which address a request comes, where the server is behind a proxy: a function of the
            ASGI scope. ``False`` switches the limits by address off, where the proxy has them. Default: the peer's; a
            header that any client can write is never believed by itself.
        :param name: A part of the visitors' ids: with another one they are other visitors.
        :param channel: The visitors' channel, which the avatar's owner sees. Default: ``name``.
        :param language: The language of the sentences that say why there is no answer.
        :param sentences: Sentences in the place of built-in ones: see ``secondme_avatar.bridge.Sentences``.
        :param avatar_name: What the avatar is called. Default: as the service says, once a conversation is open.
        :param owner_name: What the avatar's owner is called. Default: the avatar's name.
        :param ask: Options of the questions, such as ``collect``.
        :param listen: Whether all visitors of the store are opened at the start, so that the owner is heard before they
            come back. Default: yes.
        :param cookie_name: The cookie's name, which begins with ``__Host-``. Default: ``__Host-avatar``.
        :param keep_history: How long what was said, and the ids of messages, are kept, in seconds. Default: 30 days.
        :param messages_per_minute: How many messages a visitor may send. Default: 20.
        :param address_messages_per_minute: How many messages may come from an address. Of IPv6 a network of 64 bits
            counts as one. Default: 60.
        :param new_visitors_per_minute: How many new visitors an address may be given. Default: 20.
        :param calls_per_minute: How many calls may come from an address, those for the scripts aside. Default: 600.
        :param max_event_streams: How many event streams a visitor may read at the same time, one a tab: of more the
            oldest ends. Default: 8.
        :param max_text_chars: The longest message, in UTF-16 units, as browsers count; the browser's side is told.
            Default: 10,000.
        :param max_body_bytes: The longest body of a request, at least ``max_text_chars``: a character has up to 3
            bytes. Default: 65,536.
        :param forget_after: After so many seconds without a stream and an answer under way, a visitor's last events are
            forgotten; a page that comes back later loads the history. Default: 300.
        :param files: A folder with the widget's scripts, in the place of those of this package.
        :param on_error: Is told of every error that was caught. Default: a warning in the logs
            ``secondme_avatar.bridge`` and ``secondme_avatar.web``.
        """
        if (secret is None) == (visitor_of is None):
            raise MisuseError("give either `secret`, for cookies, or `visitor_of`, for users who are signed in")
        check_functions(visitor_of=visitor_of, address=address or None, on_error=on_error)
        by_address: dict[str, object] = {
            "address_messages_per_minute": address_messages_per_minute,
            "new_visitors_per_minute": new_visitors_per_minute,
            "calls_per_minute": calls_per_minute,
        }
        if visitor_of is not None:
            of_cookies = {"embedded": embedded, "cookie_name": cookie_name, "channel": channel}
            refuse_given(
                {**of_cookies, "new_visitors_per_minute": new_visitors_per_minute},
                "with `visitor_of` there is no cookie of the widget, and the program makes the visitors",
            )
        if address is False:
            refuse_given(by_address, "with `address=False` no address is known, and what is in front limits them")
        if not name or "/" in name:
            raise MisuseError(f"`name` is {name!r}: give a name without a slash")
        address_messages_per_minute = _or(address_messages_per_minute, 60.0)
        new_visitors_per_minute = _or(new_visitors_per_minute, 20.0)
        calls_per_minute = _or(calls_per_minute, 600.0)
        check_limits(
            messages_per_minute=messages_per_minute,
            address_messages_per_minute=address_messages_per_minute,
            new_visitors_per_minute=new_visitors_per_minute,
            calls_per_minute=calls_per_minute,
            max_event_streams=max_event_streams,
            max_text_chars=max_text_chars,
            max_body_bytes=max_body_bytes,
            keep_history=keep_history,
            forget_after=forget_after,
        )
        self._client = client
        self._visitor_of = visitor_of
        self._cookies = None
        if secret is not None:
            self._cookies = Cookies(_or(cookie_name, "__Host-avatar"), secret, embedded=bool(embedded))
        self._origins = Origins(allow_origins)
        self._address = address
        self._visitors_name = name
        self._channel = channel or name
        self._avatar_name = avatar_name
        self._keep_history = keep_history
        self._forget_after = forget_after
        self._on_error = on_error
        self._clock: Callable[[], float] = time.monotonic
        self._sessions: dict[str, Session] = {}
        self._swept = 0.0
        self._outlet = WebOutlet(self._session_of, self._sessions.get)
        self._bridge = Bridge(
            client,
            platform=name,
            outlet=self._outlet,
            language=language,
            sentences=sentences,
            owner_name=owner_name,
            visitor_of=lambda _, message: self._sessions[message.address].visitor,
            ask=ask,
            listen=listen,
            keep_ids=keep_history,
            on_error=self._bridge_caught if on_error is not None else None,
        )
        self._outlet.owner_name = owner_name
        self._outlet.avatar_name = self._name
        words = said_in(language, dict(sentences or {}))
        self._outlet.unavailable, self._outlet.broken = words.unavailable, words.broken
        self._scripts = Scripts(files)
        self._forgetting: set[str] = set()
        self._calls = Calls(
            client,
            self._bridge,
            self._outlet,
            messages=Rate(messages_per_minute, self._now),
            address_messages=Rate(address_messages_per_minute, self._now),
            max_event_streams=max_event_streams,
            max_text_chars=max_text_chars,
            max_body_bytes=max_body_bytes,
            clock=self._now,
            caught=self._caught,
        )
        self._all_calls = Rate(calls_per_minute, self._now)
        self._new_visitors = Rate(new_visitors_per_minute, self._now)
        self._is_closed = False

    def add_to(self, app: _Starlette, path: str) -> None:
        """Adds this to an application of Starlette or FastAPI, at a path and below it. With ``mount`` alone, the path
        itself would be answered with a redirect, which browsers do not follow from another origin."""
        path = "/" + path.strip("/")
        app.add_route(path, _At(self, path))
        app.mount(path, self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        match scope["type"]:
            case "http":
                if (answer := await self._http(Request(scope, receive, send))) is not None:
                    await send_stream(*answer, receive, send)
            case "lifespan":
                await self._lifespan(receive, send)
            case "websocket":
                await send({"type": "websocket.close", "code": 1000})
            case _:
                raise MisuseError(f"`{scope['type']}` is nothing that the widget can answer")

    async def start(self) -> None:
        """Listens to the avatar, and goes on with what an earlier process has left. The first request does so by
        itself, and so does the server's start where the application runs alone.

        :raises AvatarError: where the store cannot be read.
        """
        await self._bridge.start()

    async def idle(self) -> None:
        """Returns when nothing is being answered."""
        await self._bridge.idle()

    async def forget(self, visitor: Visitor) -> None:
        """Deletes all that this application and the client's store know of a visitor. The visitor's streams end, and so
        does an answer that is under way. ``AvatarClient.forget`` alone does not know what is in memory here.

        :raises AvatarError: as ``AvatarClient.forget`` does.
        """
        self._forgetting.add(visitor.id)
        try:
            if (session := self._sessions.get(visitor.id)) is not None:
                session.close()
                await self._calls.accepted(session)
            await self._bridge._forget(visitor.id)
            self._outlet.owners.discard(visitor.id)
            await self._client.forget(visitor)
        finally:
            self._sessions.pop(visitor.id, None)
            self._forgetting.discard(visitor.id)

    async def close(self, *, deadline: float = 5.0) -> None:
        """Takes no more messages, gives the answers that are under way so many seconds, ends the streams, and closes
        the client. What is not done by then goes on with the next start. Where the application is mounted, call it when
        the outer application ends."""
        if self._is_closed:
            return
        self._is_closed = True
        await self._bridge.close(deadline=deadline)
        for session in self._sessions.values():
            session.close()
        await self._client.close()

    async def __aenter__(self: Self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except Exception as error:
            _log.exception("the widget could not be started")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, request: Request) -> tuple[Stream, Headers] | None:
        """Answers, or returns the stream that is the answer, with its headers."""
        try:
            try:
                stream = await self._answer(request)
            except Refusal as refusal:
                await request.refuse(refusal)
            except Exception as error:
                if isinstance(error, ClientGone | OSError):
                    return None
                self._caught(error, WidgetErrorContext("call"))
                if request.is_begun:
                    raise
                await request.refuse(Refusal(500, "internal", "The server has a fault, which its log names."))
            else:
                return (stream, [*EVENT_STREAM, *stream.headers, *request.answer_headers]) if stream else None
        except OSError:
            pass
        return None

    def _caught(self, error: BaseException, context: WidgetErrorContext) -> None:
        if self._on_error is None:
            _log.warning("a call could not be answered: %s: %s", type(error).__name__, error, exc_info=error)
            return
        try:
            self._on_error(error, context)
        except Exception:
            _log.exception("`on_error` raised")

    def _bridge_caught(self, error: BaseException, context: ErrorContext) -> None:
        id = context.message_id and browsers_id(context.message_id)
        self._caught(error, WidgetErrorContext(context.during, context.visitor_id, id))

    async def _answer(self, request: Request) -> Stream | None:
        if self._scripts.has(request.path):
            await self._scripts.answer(request)
            return None
        self._origins.share(request)
        calls = self._calls.find(request.path)
        call = calls.get(request.method)
        if call is None and request.method != "OPTIONS":
            allowed = [(b"allow", ", ".join([*calls, "OPTIONS"]).encode())]
            raise Refusal(405, "method_not_allowed", f"This path takes {' and '.join(calls)}.", allowed)
        self._origins.check(request)
        if call is None:
            await request.answer(204, headers=self._origins.preflight(request))
            return None
        address = self._address_of(request)
        limited(self._all_calls, address, "This address asks too often.")
        if self._is_closed:
            raise Refusal(503, "unavailable", "The server is about to end: ask again.", [(b"retry-after", b"2")])
        session = await self._session(request, address)
        if session.visitor.id in self._forgetting:
            raise Refusal(503, "unavailable", "This visitor is being forgotten.", [(b"retry-after", b"2")])
        session.used = self._now()
        self._sweep()
        return await call(request, session, address)

    def _address_of(self, request: Request) -> str | None:
        """Returns by which address a request counts, ``None`` where addresses are not counted."""
        if isinstance(self._address, bool):
            return None
        if self._address is not None:
            given = cast(object, self._address(request.scope))
            if not isinstance(given, str):
                raise MisuseError(
                    f"`address` returned {type(given).__name__} and no text: return the address that the proxy in "
                    "front names, or pass `address=False` where the proxy has limits of its own"
                )
            return address_key(given)
        peer = request.scope.get("client")
        if not peer or not peer[0]:
            raise MisuseError(
                "the server does not say from which address a request comes: pass `address`, a function that reads it "
                "from what the proxy in front says, or `address=False` where the proxy has limits of its own"
            )
        return address_key(peer[0])

    async def _session(self, request: Request, address: str | None) -> Session:
        """Returns the session of the visitor who asks. A new visitor is made at one call only."""
        if self._visitor_of is not None:
            visitor = self._visitor_of(request.scope)
            if inspect.isawaitable(visitor):
                visitor = await visitor
            if visitor is None:
                raise Refusal(401, "no_visitor", "Sign in first.")
            return self._session_for(visitor)
        assert self._cookies is not None
        now = time.time()
        found = self._cookies.read(request.headers.get("cookie", ""), now)
        is_first = request.path == "" and request.method == "GET"
        if found is None:
            if not is_first:
                raise Refusal(401, "no_visitor", "There is no visitor's cookie: GET the application's own path first.")
            limited(self._new_visitors, address, "This address has had many new visitors.")
        id, is_due = found or (self._cookies.new_id(), True)
        if is_due and is_first:
            request.answer_headers.append(self._cookies.header(id, now))
        session = self._session_for(Visitor.for_user(self._visitors_name, id, channel=self._channel))
        if found is None:
            session.transcript.begin()
        return session

    def _session_for(self, visitor: Visitor) -> Session:
        session = self._sessions.get(visitor.id)
        if session is None:
            transcript = Transcript(self._client, visitor, self._visitors_name, self._keep_history)
            session = self._sessions[visitor.id] = Session(visitor, transcript)
            session.used = self._now()
        return session

    def _session_of(self, visitor_id: str) -> Session:
        return self._sessions.get(visitor_id) or self._session_for(Visitor.parse(visitor_id))

    def _name(self) -> str:
        return self._avatar_name or self._bridge.avatar_name

    def _now(self) -> float:
        return self._clock()

    def _sweep(self) -> None:
        """Forgets the sessions that nothing has used for a while. Their visitors' transcripts are kept."""
        now = self._now()
        if now - self._swept < min(_SWEEP, self._forget_after):
            return
        self._swept = now
        idle = [id for id, session in self._sessions.items() if session.is_idle]
        for id in idle:
            if now - self._sessions[id].used > self._forget_after:
                del self._sessions[id]


def _or(given: _T | None, default: _T) -> _T:
    return default if given is None else given


class _At:
    """An application at a path of its own, which a route does not cut off."""

    def __init__(self, app: WidgetApp, path: str) -> None:
        self._app = app
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        root = cast(str, scope.get("root_path", ""))
        await self._app({**scope, "root_path": root + self._path}, receive, send)
