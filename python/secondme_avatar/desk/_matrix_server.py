"""The calls of a Matrix server that the connector makes, over matrix-nio."""

# What matrix-nio gives has no types.
# pyright: basic

from __future__ import annotations

import hashlib
from typing import Any

from .._errors import MisuseError
from ..bridge import RetryLater, Undeliverable
from ..bridge._extras import needed

_nio: Any = needed("nio", "matrix")
_aiohttp: Any = needed("aiohttp", "matrix")

_SYNC_WAIT = 30_000
"""How long a server may wait for news, in milliseconds."""
_LATER = 5.0
"""How long to wait where a server says 429 and not how long, in seconds."""
_GONE = {"M_FORBIDDEN", "M_NOT_FOUND", "M_GUEST_ACCESS_FORBIDDEN", "M_TOO_LARGE", "M_UNSUPPORTED_ROOM_VERSION"}
_TYPES = ["m.room.message", "m.room.encrypted", "m.room.encryption", "m.room.member", "m.reaction", "m.sticker"]
_PAGE, _PAGES = 200, 50
_TIMELINE = {"limit": 30, "types": _TYPES}
_FILTER: dict[str, Any] = {
    "presence": {"types": []},
    "account_data": {"types": []},
    "room": {
        "timeline": _TIMELINE,
        "state": {"types": ["m.room.encryption"]},
        "ephemeral": {"types": []},
        "account_data": {"types": []},
    },
}
_INVITES = {**_FILTER, "room": {**_FILTER["room"], "timeline": {"limit": 1, "types": []}, "state": {"types": []}}}


class RefusedError(Exception):
    """A call that the server has refused."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"Matrix: {code}: {message}")
        self.code = code


class Server:
    """A server, as one user."""

    def __init__(self, homeserver: str, user: str, device_id: str, access_token: str | None) -> None:
        config = _nio.AsyncClientConfig(
            encryption_enabled=False,
            store_sync_tokens=False,
            # The bridge and the desk wait, and try again.
            max_limit_exceeded=0,
            max_timeouts=0,
            request_timeout=30,
        )
        self._client: Any = _nio.AsyncClient(homeserver, user, device_id=device_id, config=config)
        self._device_id = device_id
        self._calls = 0
        """How many are under way."""
        self._is_closing = False
        if access_token is not None:
            self._client.restore_login(user, device_id, access_token)

    @property
    def user(self) -> str:
        """The full id of this user."""
        return str(self._client.user_id or self._client.user)

    async def enter(self, password: str | None) -> None:
        """Logs in, or finds out whose token it is.

        :raises MisuseError: where the server takes neither.
        """
        try:
            if password is not None:
                await self._called(self._client.login(password, device_name="SecondMe desk"))
            else:
                found = await self._called(self._client.whoami())
                self._client.user_id = found.user_id
        except RefusedError as error:
            raise MisuseError(f"{error}: check `user_id` and `access_token` or `password` of MatrixConnector") from None

    async def sync(self, since: str | None, *, waits: bool) -> Any:
        """Returns the news since this token; waits for some where there are none."""
        wait = _SYNC_WAIT if waits else 0
        return await self._called(self._client.sync(timeout=wait, sync_filter=_FILTER, since=since))

    async def invitations(self) -> Any:
        """Returns the invitations that there are. A server tells each once, and a desk may have been killed then."""
        return await self._called(self._client.sync(timeout=0, sync_filter=_INVITES, since=None))

    async def earlier(self, room: str, before: str, until: str | None, since_ms: float | None) -> list[Any]:
        """Returns the events of a room before one token, and after another one or a time, oldest first."""
        found: list[Any] = []
        token: str | None = before
        for _ in range(_PAGES):
            page = await self._called(
                self._client.room_messages(room, start=token, end=until, limit=_PAGE, message_filter={"types": _TYPES})
            )
            found += (event.source for event in page.chunk)
            token = page.end
            is_old = since_ms is not None and found and found[-1].get("origin_server_ts", 0) < since_ms
            if not token or not page.chunk or is_old:
                break
        found.reverse()
        return found

    async def send(self, room: str, content: dict[str, Any], key: str) -> str:
        """Sends a message, once for each key, and returns its id."""
        transaction = hashlib.sha256(key.encode()).hexdigest()[:32]
        sent = await self._called(self._client.room_send(room, "m.room.message", content, tx_id=transaction))
        return str(sent.event_id)

    async def typing(self, room: str, is_typing: bool) -> None:
        await self._called(self._client.room_typing(room, is_typing, timeout=30_000))

    async def members(self, room: str) -> dict[str, str | None]:
        """Returns who is in a room, with their names there."""
        found = await self._called(self._client.joined_members(room))
        return {member.user_id: member.display_name for member in found.members}

    async def join(self, room: str) -> str:
        """Joins a room by its id or alias, and returns its id."""
        return str((await self._called(self._client.join(room))).room_id)

    async def leave(self, room: str) -> None:
        """Leaves a room, or says no to an invitation."""
        await self._called(self._client.room_leave(room))

    async def invite(self, room: str, user: str) -> None:
        await self._called(self._client.room_invite(room, user))

    async def close(self) -> None:
        """Gives up the connections, when what is under way is said: a desk that closes gives it some seconds."""
        self._is_closing = True
        await self._close_when_idle()

    async def _close_when_idle(self) -> None:
        # matrix-nio opens connections anew for a call that comes later, and leaves them open.
        if self._is_closing and not self._calls:
            await self._client.close()

    async def _called(self, call: Any) -> Any:
        """Makes a call, and says in the bridge's words what went wrong."""
        self._calls += 1
        try:
            answer = await call
        except _aiohttp.ClientError as error:
            # Some are no `OSError`, such as an answer that breaks off.
            raise ConnectionError(f"Matrix: {type(error).__name__}: {error}") from error
        finally:
            self._calls -= 1
            await self._close_when_idle()
        if not isinstance(answer, _nio.ErrorResponse):
            return answer
        code = str(answer.status_code or "")
        response = answer.transport_response
        if code == "M_LIMIT_EXCEEDED" or getattr(response, "status", 0) == 429:
            # matrix-nio reads no header.
            header = response.headers.get("Retry-After") if response is not None else None
            raise RetryLater((answer.retry_after_ms or 0) / 1000 or _seconds(header) or _LATER)
        raise RefusedError(code or "unknown", str(answer.message))


def gone(error: RefusedError) -> Exception:
    """Returns what the desk is told of a refusal."""
    return Undeliverable(str(error)) if error.code in _GONE else error


def _seconds(header: str | None) -> float | None:
    try:
        return float(header) if header is not None else None
    except ValueError:
        return None
