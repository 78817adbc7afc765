"""From which pages requests are taken: those of the site itself, and those that it allows."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from .._errors import MisuseError
from ._http import Headers, Refusal, Request

_ALLOWED_HEADERS = b"content-type, last-event-id"
_EXPOSED = b"retry-after, x-vercel-ai-ui-message-stream"
_PREFLIGHT_AGE = b"600"
VARY = (b"vary", b"origin")


class Origins:
    """Knows the origins that may ask."""

    def __init__(self, allowed: Iterable[str]) -> None:
        if isinstance(allowed, str):
            raise MisuseError("`allow_origins` is a text: give a list of origins")
        self._allowed = frozenset(allowed)
        for origin in self._allowed:
            parts = urlsplit(origin)
            if (
                f"{parts.scheme}://{parts.netloc}" != origin
                or parts.scheme not in ("http", "https")
                or not parts.netloc
                or origin != origin.lower()
                or origin.endswith({"https": ":443", "http": ":80"}[parts.scheme])
            ):
                raise MisuseError(
                    f"`allow_origins` has {origin!r}: write an origin as the browser sends it, such as "
                    "'https://shop.example': in small letters, without a path and without the scheme's own port"
                )

    def share(self, request: Request) -> None:
        """Gives the answer to a request the headers by which a page of an allowed origin may read it."""
        request.answer_headers.append(VARY)
        origin = request.headers.get("origin")
        if origin in self._allowed:
            request.answer_headers += self._shared(origin)

    def check(self, request: Request) -> None:
        """Lets a request pass.

        :raises Refusal: where a page of another origin asks.
        """
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        if origin is None:
            # Browsers name no origin where a page of the site reads. Other programs name neither.
            is_welcome = site not in ("cross-site", "same-site")
        else:
            is_own = origin != "null" and (site == "same-origin" or (site is None and _is_own(origin, request)))
            is_welcome = is_own or origin in self._allowed
        if not is_welcome:
            raise Refusal(
                403, "origin_not_allowed", "This page may not use the avatar: its origin has to be in `allow_origins`."
            )

    def preflight(self, request: Request) -> Headers:
        """Returns the headers of the answer to a preflight request, which has passed ``check``."""
        if request.headers.get("origin") not in self._allowed:
            return []
        return [
            (b"access-control-allow-methods", b"GET, POST"),
            (b"access-control-allow-headers", _ALLOWED_HEADERS),
            (b"access-control-max-age", _PREFLIGHT_AGE),
        ]

    @staticmethod
    def _shared(origin: str) -> Headers:
        return [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", _EXPOSED),
        ]


def _is_own(origin: str, request: Request) -> bool:
    """Whether the page is one of the host that was asked. The scheme is not compared: a proxy may end TLS."""
    host = request.headers.get("host", "").lower()
    return host != "" and _host(origin) == host


def _host(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None
