"""The widget's scripts, as they are built in ``node/widget``."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .._errors import MisuseError
from ._http import NO_SNIFFING, Headers, Refusal, Request

_KINDS = {
    "js": b"text/javascript; charset=utf-8",
    "css": b"text/css; charset=utf-8",
    "json": b"application/json; charset=utf-8",
    "map": b"application/json; charset=utf-8",
}
_NAME = re.compile(r"[a-z0-9.-]+\.(js|css|json|map)", re.ASCII)
_HASHED = re.compile(r"-[A-Za-z0-9]{8}\.", re.ASCII)
_FIVE_MINUTES = b"public, max-age=300"
_FOR_EVER = b"public, max-age=31536000, immutable"


_TAKES_GZIP = re.compile(r"(^|[\s,])gzip($|[\s,;])", re.ASCII)


@dataclass(frozen=True, slots=True)
class _File:
    plain: bytes
    zipped: bytes
    tag: str


class Scripts:
    """Serves the files of a folder."""

    def __init__(self, folder: str | os.PathLike[str] | None) -> None:
        self._folder = Path(folder) if folder is not None else Path(__file__).parent / "assets"
        if folder is not None and not self._folder.is_dir():
            raise MisuseError(f"`files` is {str(folder)!r}, which is no folder")

    @cached_property
    def _files(self) -> dict[str, _File]:
        """The files by their names."""
        found: dict[str, _File] = {}
        for file in self._folder.iterdir() if self._folder.is_dir() else ():
            if _NAME.fullmatch(file.name) and file.is_file():
                body = file.read_bytes()
                tag = hashlib.sha256(body).hexdigest()[:32]
                found[file.name] = _File(body, gzip.compress(body, 9, mtime=0), tag)
        return found

    def has(self, path: str) -> bool:
        """Whether a path is one of them."""
        return path in self._files

    async def answer(self, request: Request) -> None:
        """Sends one, or says that the browser has it."""
        if request.method != "GET":
            raise Refusal(405, "method_not_allowed", "This path takes GET.", [(b"allow", b"GET")])
        file = self._files[request.path]
        is_zipped = _TAKES_GZIP.search(request.headers.get("accept-encoding", "")) is not None
        tag = f'"{file.tag}{"-gzip" if is_zipped else ""}"'
        headers: Headers = [
            (b"content-type", _KINDS[request.path.rpartition(".")[2]]),
            (b"cache-control", _FOR_EVER if _HASHED.search(request.path) else _FIVE_MINUTES),
            (b"etag", tag.encode()),
            (b"vary", b"accept-encoding"),
            (b"access-control-allow-origin", b"*"),
            (b"cross-origin-resource-policy", b"cross-origin"),
            NO_SNIFFING,
        ]
        if is_zipped:
            headers.append((b"content-encoding", b"gzip"))
        known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
        if tag in known:
            await request.answer(304, headers=headers)
        else:
            await request.answer(200, file.zipped if is_zipped else file.plain, headers)
