"""The emulator as a process of its own, and its control API."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import shutil
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast
from urllib.parse import urlsplit

from .. import _client, sync
from .._conversation import ConversationBase
from .._options import ClientOptions
from .._tokens import AsyncTokens, PlainTokens

if TYPE_CHECKING:
    from typing_extensions import Unpack

Json = dict[str, Any]
Session = ConversationBase | str
Standing = Literal["live", "expired", "revoked", "withdrawn"]
"""What becomes of a token of Visitor Chat."""
Self = TypeVar("Self", bound="Emulator")
SelfSync = TypeVar("SelfSync", bound="SyncEmulator")

PROGRAM = "secondme-avatar-emulator"
VARIABLE = "SECONDME_AVATAR_EMULATOR"

_PATIENCE = 10.0
"""Seconds of real time that the emulator may take for anything."""


class EmulatorError(Exception):
    """The emulator could not be started, or refused a call of its control API."""


class SyncEmulator:
    """The service on this machine, for tests that are not async. ``Emulator`` is the same for those that are."""

    base_url: str
    """Where a client finds it."""
    api_key: str
    """A key that it takes."""
    lab_base_url: str
    """Where a client finds its Visitor Chat."""
    client_id: str
    """The id of an app that Visitor Chat knows."""
    client_secret: str
    """That app's secret."""
    control_url: str
    """Where its control API is; a browser shows the owner's console there."""

    def __init__(self, *arguments: str, settings: Mapping[str, Any] | None = None, program: str | None = None) -> None:
        """An emulator that is not started yet.

        :param arguments: of its command line, such as ``"--brain", "demo"``.
        :param settings: changed as soon as it runs, such as ``{"pings": "nothing"}``.
        :param program: where it is; without it, ``SECONDME_AVATAR_EMULATOR``, the package
            ``secondme-avatar-emulator``, or the ``PATH``.
        """
        self._arguments = arguments
        self._settings = settings
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it."""
        if self._process is not None:
            raise EmulatorError("the emulator runs already")
        # The emulator ends with this process, also when the process crashes.
        command = [self._program or find_program(), "--json", "--until-stdin-ends", *self._arguments]
        with tempfile.TemporaryFile() as complaints:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, start_new_session=True
            )
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                _end(process)
                complaints.seek(0)
                why = complaints.read().decode(errors="replace").strip()
                raise EmulatorError(f"the emulator did not start: {why}")
        self._process = process
        addresses = json.loads(line)
        self.base_url = addresses["base_url"]
        self.api_key = addresses["api_key"]
        self.lab_base_url = addresses["lab_base_url"]
        self.client_id = addresses["client_id"]
        self.client_secret = addresses["client_secret"]
        self.control_url = addresses["control_url"]
        if self._settings:
            self.settings(**self._settings)

    def stop(self) -> None:
        """Ends it, and all sockets with it."""
        if self._process is not None:
            _end(self._process)
            self._process = None

    def client(self, api_key: str | None = None, **options: Unpack[ClientOptions]) -> sync.AvatarClient:
        """A client of this emulator, with the options of ``AvatarClient``."""
        return sync.AvatarClient(api_key or self.api_key, **self.for_client(options))

    def visitor_chat(
        self,
        client_id: str | None = None,
        client_secret: str | None = None,
        api_key: str | None = None,
        *,
        token: PlainTokens | None = None,
        **options: Unpack[ClientOptions],
    ) -> sync.AvatarClient:
        """A client of this emulator through Visitor Chat, with the parameters of ``AvatarClient.visitor_chat``: without
        ``token`` as the emulator's own app."""
        app, key = self.app(client_id, client_secret, token), api_key or self.api_key
        return sync.AvatarClient.visitor_chat(*app, key, token=token, **self.for_visitor_chat(options))

    def app(self, client_id: str | None, client_secret: str | None, token: object) -> tuple[str | None, str | None]:
        """These, or those of the emulator's own app where no function gives tokens."""
        if token is not None:
            return client_id, client_secret
        id = self.client_id if client_id is None else client_id
        return id, self.client_secret if client_secret is None else client_secret

    def for_visitor_chat(self, options: ClientOptions) -> ClientOptions:
        """These options, with what leads to this emulator's Visitor Chat."""
        return {"base_url": self.lab_base_url, **options}

    def issue_user_token(self, user: str) -> str:
        """Issues an access token of a user of Visitor Chat, as if that user had just let an app speak."""
        return str(self.call("POST", "user-tokens", {"user": user})["token"])

    def set_chat_tokens(self, standing: Standing, token: str | None = None) -> int:
        """Changes the standing of a token of Visitor Chat, an app's or a user's; without one, of all that were
        issued and of all that stand in the settings. Gives how many there were."""
        about = {"standing": standing} if token is None else {"standing": standing, "token": token}
        return int(self.call("POST", "chat-tokens", about)["changed"])

    def for_client(self, options: ClientOptions) -> ClientOptions:
        """These options, with what leads to this emulator."""
        return {"base_url": self.base_url, **options}

    def advance(self, seconds: float) -> None:
        """Moves the emulator's clock on; what is due on the way happens in order. A client has a clock of its own:
        ``client.advance_clock``."""
        self.call("POST", "clock", {"advance_ms": round(seconds * 1000)})

    def owner_reply(self, session: Session, text: str) -> None:
        """The owner writes in person, which takes over as well."""
        self.call("POST", "owner/reply", {"sessionId": _id(session), "text": text})

    def owner_takeover(self, session: Session) -> None:
        """The owner takes over: the avatar keeps quiet."""
        self.call("POST", "owner/takeover", {"sessionId": _id(session)})

    def owner_handback(self, session: Session) -> None:
        """The owner hands back to the avatar."""
        self.call("POST", "owner/handback", {"sessionId": _id(session)})

    def push(self, session: Session, **what: Any) -> None:
        """Puts a frame into a session: ``hint``, ``notice``, ``failure``, ``frame`` or ``text``."""
        self.call("POST", "push", {"sessionId": _id(session), **what})

    def fault(self, *faults: Mapping[str, Any]) -> list[int]:
        """Things go wrong from now on, such as ``{"at": "message/send", "do": "cut-after"}``. Gives the faults' ids."""
        return list(self.call("POST", "faults", list(faults))["ids"])

    def faults(self) -> list[Json]:
        """The faults there are: ``id``, how often each was ``met``, and how often it is ``left``."""
        return list(self.call("GET", "faults")["faults"])

    def clear_faults(self) -> None:
        """Nothing goes wrong on purpose any more."""
        self.call("POST", "faults/clear")

    def close_sockets(
        self, ws_id: str | None = None, *, abrupt: bool = False, code: int | None = None, reason: str | None = None
    ) -> None:
        """Closes one socket, or all."""
        about = {"wsId": ws_id, "abrupt": abrupt, "code": code, "reason": reason}
        self.call("POST", "sockets/close", {name: value for name, value in about.items() if value is not None})

    def state(self) -> Json:
        """Calls, failures, visitors, sessions with their messages, live sockets."""
        return cast(Json, self.call("GET", "state"))

    def journal(self, since: int = 0, wait: float = 0) -> Json:
        """All that was received and sent, from entry ``since`` on; waits up to ``wait`` seconds for the first. Ask
        again with what ``next`` is here."""
        path = f"journal?since={since}&wait={round(wait * 1000)}"
        return cast(Json, self.call("GET", path, patience=_PATIENCE + wait))

    def settings(self, **changes: Any) -> Json:
        """Changes settings, and gives all of them. ``_`` in a name stands for ``-``."""
        if not changes:
            return cast(Json, self.call("GET", "settings"))
        named = {name.replace("_", "-"): value for name, value in changes.items()}
        return cast(Json, self.call("POST", "settings", named))

    def reset(self) -> None:
        """Forgets everything but the settings, and cuts all sockets."""
        self.call("POST", "reset")

    def wait_until(self, condition: Callable[[Json], object], patience: float = _PATIENCE) -> Json:
        """Waits until this is true of ``state``, and gives that state."""
        end = time.monotonic() + patience
        while not condition(state := self.state()):
            if time.monotonic() > end:
                raise EmulatorError(f"it did not come so within {patience} s")
            time.sleep(_LOOK)
        return state

    def call(self, method: str, path: str, body: Any = None, *, patience: float = _PATIENCE) -> Any:
        """Any call of the control API."""
        if self._process is None:
            raise EmulatorError("the emulator does not run: enter it with `with`, or `start` it")
        address = urlsplit(self.control_url)
        connection = http.client.HTTPConnection(address.netloc, timeout=patience)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, f"{address.path}/{path}", text, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = answer.read()
        finally:
            connection.close()
        if answer.status >= 400:
            raise EmulatorError(f"{method} {path}: {said.decode(errors='replace')}")
        return json.loads(said) if said else None

    def __enter__(self: SelfSync) -> SelfSync:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __del__(self) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.base_url if self._process else 'not started'}>"


class Emulator:
    """The service on this machine, for async tests. It is a process of its own, and nothing here holds up the loop."""

    sync: SyncEmulator
    """The same for code that is not async."""

    def __init__(self, *arguments: str, settings: Mapping[str, Any] | None = None, program: str | None = None) -> None:
        """An emulator that is not started yet. The parameters are those of ``SyncEmulator``."""
        self.sync = SyncEmulator(*arguments, settings=settings, program=program)

    @property
    def base_url(self) -> str:
        """Where a client finds it."""
        return self.sync.base_url

    @property
    def api_key(self) -> str:
        """A key that it takes."""
        return self.sync.api_key

    @property
    def lab_base_url(self) -> str:
        """Where a client finds its Visitor Chat."""
        return self.sync.lab_base_url

    @property
    def client_id(self) -> str:
        """The id of an app that Visitor Chat knows."""
        return self.sync.client_id

    @property
    def client_secret(self) -> str:
        """That app's secret."""
        return self.sync.client_secret

    @property
    def control_url(self) -> str:
        """Where its control API is; a browser shows the owner's console there."""
        return self.sync.control_url

    def client(self, api_key: str | None = None, **options: Unpack[ClientOptions]) -> _client.AvatarClient:
        """A client of this emulator, with the options of ``AvatarClient``."""
        return _client.AvatarClient(api_key or self.api_key, **self.sync.for_client(options))

    def visitor_chat(
        self,
        client_id: str | None = None,
        client_secret: str | None = None,
        api_key: str | None = None,
        *,
        token: AsyncTokens | None = None,
        **options: Unpack[ClientOptions],
    ) -> _client.AvatarClient:
        """A client of this emulator through Visitor Chat, with the parameters of ``AvatarClient.visitor_chat``: without
        ``token`` as the emulator's own app."""
        app, key = self.sync.app(client_id, client_secret, token), api_key or self.api_key
        return _client.AvatarClient.visitor_chat(*app, key, token=token, **self.sync.for_visitor_chat(options))

    async def issue_user_token(self, user: str) -> str:
        """Issues an access token of a user of Visitor Chat, as if that user had just let an app speak."""
        return await asyncio.to_thread(self.sync.issue_user_token, user)

    async def set_chat_tokens(self, standing: Standing, token: str | None = None) -> int:
        """Changes the standing of a token of Visitor Chat, an app's or a user's; without one, of all that were
        issued and of all that stand in the settings. Gives how many there were."""
        return await asyncio.to_thread(self.sync.set_chat_tokens, standing, token)

    async def start(self) -> None:
        """Starts it."""
        await asyncio.to_thread(self.sync.start)

    async def stop(self) -> None:
        """Ends it, and all sockets with it."""
        await asyncio.to_thread(self.sync.stop)

    async def advance(self, seconds: float) -> None:
        """Moves the emulator's clock on; what is due on the way happens in order. A client has a clock of its own:
        ``client.advance_clock``."""
        await asyncio.to_thread(self.sync.advance, seconds)

    async def owner_reply(self, session: Session, text: str) -> None:
        """The owner writes in person, which takes over as well."""
        await asyncio.to_thread(self.sync.owner_reply, session, text)

    async def owner_takeover(self, session: Session) -> None:
        """The owner takes over: the avatar keeps quiet."""
        await asyncio.to_thread(self.sync.owner_takeover, session)

    async def owner_handback(self, session: Session) -> None:
        """The owner hands back to the avatar."""
        await asyncio.to_thread(self.sync.owner_handback, session)

    async def push(self, session: Session, **what: Any) -> None:
        """Puts a frame into a session: ``hint``, ``notice``, ``failure``, ``frame`` or ``text``."""
        await asyncio.to_thread(self.sync.push, session, **what)

    async def fault(self, *faults: Mapping[str, Any]) -> list[int]:
        """Things go wrong from now on, such as ``{"at": "message/send", "do": "cut-after"}``. Gives the faults' ids."""
        return await asyncio.to_thread(self.sync.fault, *faults)

    async def faults(self) -> list[Json]:
        """The faults there are: ``id``, how often each was ``met``, and how often it is ``left``."""
        return await asyncio.to_thread(self.sync.faults)

    async def clear_faults(self) -> None:
        """Nothing goes wrong on purpose any more."""
        await asyncio.to_thread(self.sync.clear_faults)

    async def close_sockets(
        self, ws_id: str | None = None, *, abrupt: bool = False, code: int | None = None, reason: str | None = None
    ) -> None:
        """Closes one socket, or all."""
        await asyncio.to_thread(self.sync.close_sockets, ws_id, abrupt=abrupt, code=code, reason=reason)

    async def state(self) -> Json:
        """Calls, failures, visitors, sessions with their messages, live sockets."""
        return await asyncio.to_thread(self.sync.state)

    async def journal(self, since: int = 0, wait: float = 0) -> Json:
        """All that was received and sent, from entry ``since`` on; waits up to ``wait`` seconds for the first. Ask
        again with what ``next`` is here."""
        return await asyncio.to_thread(self.sync.journal, since, wait)

    async def settings(self, **changes: Any) -> Json:
        """Changes settings, and gives all of them. ``_`` in a name stands for ``-``."""
        return await asyncio.to_thread(self.sync.settings, **changes)

    async def reset(self) -> None:
        """Forgets everything but the settings, and cuts all sockets."""
        await asyncio.to_thread(self.sync.reset)

    async def wait_until(self, condition: Callable[[Json], object], patience: float = _PATIENCE) -> Json:
        """Waits until this is true of ``state``, and gives that state."""
        return await asyncio.to_thread(self.sync.wait_until, condition, patience)

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Any call of the control API."""
        return await asyncio.to_thread(self.sync.call, method, path, body)

    async def __aenter__(self: Self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def __repr__(self) -> str:
        return repr(self.sync).replace("SyncEmulator", "Emulator")


def find_program() -> str:
    """Where the emulator is."""
    if named := os.environ.get(VARIABLE):
        return named
    # The package `secondme-avatar-emulator` lays it where pip lays programs.
    schemes = (sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user"))
    folders = [sysconfig.get_path("scripts", scheme) for scheme in schemes]
    for folder in folders:
        if found := shutil.which(PROGRAM, path=folder):
            return found
    if found := shutil.which(PROGRAM):
        return found
    raise EmulatorError(
        f"there is no emulator: install the package {PROGRAM} that `make dist-python` builds, or name the program in "
        f"the environment variable {VARIABLE}"
    )


_LOOK = 0.01
"""Seconds between two looks at something that gives no sign of its own."""


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _id(session: Session) -> str:
    found = session if isinstance(session, str) else session.session_id
    if found is None:
        raise EmulatorError("the conversation has no session yet")
    return found
