"""Credentials for the signed-in users of an app, over FastAPI: the app then speaks with the avatar without the key::

    from fastapi import FastAPI
    from secondme_avatar import AvatarClient, Visitor
    from secondme_avatar.fastapi import credentials_route

    avatar = AvatarClient()
    app = FastAPI()

    @app.post("/avatar")
    @credentials_route(avatar)
    async def me(request: Request) -> Visitor | None:
        user = await user_of_session(request)  # your own login, which the server has verified
        return user and Visitor.for_user("myapp", user.id, name=user.name)

The visitor comes from your function alone. Never derive it from what the request says of itself, such as a field of its
body: a user could then speak as any other.
"""

from __future__ import annotations

import inspect
import logging
import math
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Protocol

from ._error import AvatarError
from ._native import Credentials, Visitor

__all__ = ["credentials_route"]

_log = logging.getLogger("secondme_avatar")


class _Authenticates(Protocol):
    async def authenticate(self, visitor: Visitor, *, deadline: float | None = None) -> Credentials: ...


_STATUS = {
    "rate_limited": 429,
    "deadline": 504,
    "connection_failed": 502,
    "unavailable": 503,
    "payment_required": 402,
}
"""What went wrong between server and service. All else is a fault of the server's own set-up, such as its key: 500."""


def credentials_route(
    client: _Authenticates, *, deadline: float | None = None
) -> Callable[[Callable[..., Awaitable[Visitor | None] | Visitor | None]], Callable[..., Awaitable[Any]]]:
    """Makes a route of a function that says which visitor the signed-in user of the request is, or ``None`` for a
    request without one.

    The function takes what FastAPI gives any route, dependencies included. The route answers with the visitor's
    credentials as JSON, with 401 where there is no user, and where they cannot be had with
    ``{"error": kind, "code": code}`` and 429, 502, 503, 504, 402 or 500; the reason stands in the error that the server
    logs, never in the answer. No answer may be stored (``Cache-Control: no-store``).

    :param client: The client with the key.
    :param deadline: How long the credentials may take, in seconds. Default: the client's ``open_deadline``.
    """
    from fastapi.responses import JSONResponse, Response

    def answer(status: int, error: AvatarError | None, kind: str) -> Response:
        headers = {"Cache-Control": "no-store"}
        wait = error.retry_after if error is not None else None
        if wait is not None:
            headers["Retry-After"] = str(math.ceil(wait))
        content = {"error": kind, "code": error.code if error is not None else None}
        return JSONResponse(content, status_code=status, headers=headers)

    def route(
        visitor_of: Callable[..., Awaitable[Visitor | None] | Visitor | None],
    ) -> Callable[..., Awaitable[Response]]:
        @wraps(visitor_of)
        async def credentials(*args: Any, **keywords: Any) -> Response:
            visitor = visitor_of(*args, **keywords)
            if inspect.isawaitable(visitor):
                visitor = await visitor
            if visitor is None:
                return answer(401, None, "not_signed_in")
            try:
                given = await client.authenticate(visitor, deadline=deadline)
            except AvatarError as error:
                _log.warning("a visitor's credentials could not be had: %s", error)
                return answer(_STATUS.get(error.kind, 500), error, error.kind)
            return Response(given.to_json(), media_type="application/json", headers={"Cache-Control": "no-store"})

        # FastAPI reads a route's annotations: what the function returns is not what the route answers.
        credentials.__annotations__ = {**visitor_of.__annotations__, "return": Response}
        credentials.__signature__ = inspect.signature(visitor_of, eval_str=True).replace(return_annotation=Response)  # type: ignore[attr-defined]
        return credentials

    return route
