"""The cookie by which a visitor is known: signed, so that only this server can make one."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence

from .._errors import MisuseError

_SHORTEST_SECRET = 32
_DAY = 24 * 60 * 60
_LIFETIME = 400 * _DAY
"""The longest that browsers keep a cookie."""
_FRESH = 30 * _DAY
"""A cookie older than this is given anew."""
_AHEAD = _DAY
"""How far the clocks of two servers may be apart."""
_NAME = re.compile(r"__Host-[A-Za-z0-9_-]+", re.ASCII)
_FORM = re.compile(r"v1\.([A-Za-z0-9_-]{22})\.([0-9]{1,12})\.([A-Za-z0-9_-]{43})", re.ASCII)


class Cookies:
    """Makes and reads cookies."""

    def __init__(self, name: str, secret: str | bytes | Sequence[str | bytes], *, embedded: bool) -> None:
        if _NAME.fullmatch(name) is None:
            raise MisuseError(
                f"`cookie_name` is {name!r}: it has to begin with `__Host-`, and letters, digits, - and _ follow"
            )
        self._name = name
        given = [secret] if isinstance(secret, str | bytes) else list(secret)
        self._secrets = [one.encode() if isinstance(one, str) else one for one in given]
        if not self._secrets:
            raise MisuseError("`secret` is empty: give a random text of 32 bytes or more")
        if any(len(one) < _SHORTEST_SECRET for one in self._secrets):
            raise MisuseError(
                f"`secret` is shorter than {_SHORTEST_SECRET} bytes: make one with `secrets.token_urlsafe(32)`"
            )
        self._attributes = "SameSite=None; Partitioned" if embedded else "SameSite=Lax"

    @staticmethod
    def new_id() -> str:
        """Returns the id of a visitor who is new."""
        return secrets.token_urlsafe(16)

    def header(self, id: str, now: float) -> tuple[bytes, bytes]:
        """Returns the header that gives the browser its cookie."""
        signed = f"v1.{id}.{int(now)}"
        value = f"{self._name}={signed}.{_signature(self._secrets[0], signed)}"
        attributes = f"Max-Age={_LIFETIME}; Path=/; HttpOnly; Secure; {self._attributes}"
        return b"set-cookie", f"{value}; {attributes}".encode("ascii")

    def read(self, header: str, now: float) -> tuple[str, bool] | None:
        """Returns the visitor's id in a ``Cookie`` header, and whether the cookie should be given anew; ``None`` where
        there is no cookie of this server's."""
        for pair in header.split(";"):
            name, _, value = pair.strip().partition("=")
            if name == self._name and (found := self._read(value.strip().strip('"'), now)) is not None:
                return found
        return None

    def _read(self, value: str, now: float) -> tuple[str, bool] | None:
        match = _FORM.fullmatch(value)
        if match is None:
            return None
        id, issued, signature = match[1], int(match[2]), match[3]
        signed = value[: -len(signature) - 1]
        # Each secret is tried, so that the time it takes says nothing of which one fits.
        fits = [hmac.compare_digest(_signature(secret, signed), signature) for secret in self._secrets]
        if not any(fits) or not -_AHEAD <= now - issued <= _LIFETIME:
            return None
        return id, not fits[0] or now - issued > _FRESH


def _signature(secret: bytes, signed: str) -> str:
    digest = hmac.new(secret, signed.encode("ascii"), hashlib.sha256).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
