"""One HTTP request over ASGI: what it says, and its answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from functools import cached_property
from typing import Any, TypeAlias, cast
from urllib.parse import parse_qs

Scope: TypeAlias = MutableMapping[str, Any]
"""What ASGI says of a connection."""
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

Headers: TypeAlias = list[tuple[bytes, bytes]]

NO_STORE = (b"cache-control", b"no-store")
NO_SNIFFING = (b"x-content-type-options", b"nosniff")


class Refusal(Exception):
    """An answer that says what was wrong."""

    def __init__(self, status: int, code: str, message: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers: Headers = list(headers)


class ClientGone(Exception):
    """The client went away before it had said all."""


class Request:
    """What a request says."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.method: str = scope["method"]
        self.answer_headers: Headers = []
        """What each answer to it has, such as those of CORS."""
        self.is_begun = False
        """Whether the answer has begun."""

    @cached_property
    def path(self) -> str:
        """Where it leads below the place where the application is mounted, without the first slash."""
        path, root = cast(str, self.scope["path"]), cast(str, self.scope.get("root_path", ""))
        if root and (path == root or path.startswith(f"{root}/")):
            path = path[len(root) :]
        return path.removeprefix("/")

    @cached_property
    def headers(self) -> dict[str, str]:
        """Its headers, by their names in lower case."""
        found: dict[str, str] = {}
        for name, value in cast(Iterable[tuple[bytes, bytes]], self.scope["headers"]):
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            joint = "; " if key == "cookie" else ", "
            found[key] = f"{found[key]}{joint}{text}" if key in found else text
        return found

    @cached_property
    def query(self) -> dict[str, str]:
        """The parameters behind the path; of several with one name the last."""
        text = cast(bytes, self.scope.get("query_string", b"")).decode("latin-1")
        return {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True).items()}

    async def json(self, most: int) -> dict[str, Any]:
        """Reads the body, which has to be a JSON object of at most so many bytes."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Refusal(
                415, "unsupported_media_type", "Send the body as JSON, with `Content-Type: application/json`."
            )
        body = await self._body(most)
        try:
            value = json.loads(body.decode("utf-8"))
        except (ValueError, RecursionError):
            raise Refusal(400, "bad_request", "The body is not JSON in UTF-8.") from None
        if not isinstance(value, dict):
            raise Refusal(400, "bad_request", "The body is not a JSON object.")
        return cast(dict[str, Any], value)

    async def _body(self, most: int) -> bytes:
        announced = self.headers.get("content-length", "")
        if announced.isascii() and announced.isdigit() and int(announced[:20]) > most:
            raise _too_large(most)
        body = bytearray()
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            body += message.get("body", b"")
            if len(body) > most:
                raise _too_large(most)
            if not message.get("more_body", False):
                return bytes(body)

    async def answer(self, status: int, body: bytes = b"", headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        """Sends an answer that is whole."""
        length = [] if status in (204, 304) else [(b"content-length", str(len(body)).encode())]
        await self.begin(status, [*headers, *length])
        await self.send({"type": "http.response.body", "body": body})

    async def answer_json(self, status: int, value: Any, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        """Sends a JSON text that no cache keeps."""
        kind = (b"content-type", b"application/json; charset=utf-8")
        await self.answer(status, encoded(value), [kind, NO_STORE, NO_SNIFFING, *headers])

    async def refuse(self, refusal: Refusal) -> None:
        """Sends an error."""
        error = {"error": {"code": refusal.code, "message": refusal.message}}
        await self.answer_json(refusal.status, error, refusal.headers)

    async def begin(self, status: int, headers: Headers) -> None:
        """Begins an answer."""
        headers = [*headers, *self.answer_headers]
        if self.scope.get("http_version", "1.1").startswith(("2", "3")):
            # There is no such header there: a request that is given up ends by itself.
            headers = [(name, value) for name, value in headers if name != b"connection"]
        self.is_begun = True
        await self.send({"type": "http.response.start", "status": status, "headers": headers})


def encoded(value: Any) -> bytes:
    """Returns the value as JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _too_large(most: int) -> Refusal:
    # The rest of the body is not read, so that the connection cannot be used again.
    close = [(b"connection", b"close")]
    return Refusal(413, "too_large", f"The body is longer than {most} bytes: send the last message only.", close)
