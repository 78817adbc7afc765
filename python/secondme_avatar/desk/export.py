"""A conversation on paper: its transcript as JSON or CSV, with the author of each line::

    async for text in export_csv(lines, conversation="42"):
        file.write(text)

Both are made line by line, so that a long conversation takes no memory. ``docs/desk.md`` describes them, and
``TRANSCRIPT_SCHEMA`` the JSON.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from datetime import datetime, timezone
from typing import Any, Literal, Protocol, TypeAlias
from zoneinfo import ZoneInfo

from .._errors import MisuseError
from ._hours_parts import zone_of

__all__ = ["TRANSCRIPT_SCHEMA", "ExportedLine", "LineAuthor", "export_csv", "export_json"]

LineAuthor: TypeAlias = Literal["visitor", "avatar", "owner", "operator", "desk"]
"""Who says a line.

- ``visitor``: The visitor.
- ``avatar``: The avatar.
- ``owner``: The avatar's owner, in person, from the SecondMe app.
- ``operator``: A person at the desk; the line has the name.
- ``desk``: The desk itself: its sentences, and what happened.
"""

VERSION = 1
_TIME = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$"}
_LINE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "at", "author", "name", "visibility", "stopped", "text"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "at": _TIME,
        "localTime": {"type": "string"},
        "author": {"enum": ["visitor", "avatar", "owner", "operator", "desk"]},
        "name": {"type": ["string", "null"]},
        "visibility": {"enum": ["everyone", "operators"]},
        "stopped": {"type": "boolean", "description": "Whether a takeover stopped the avatar's reply here."},
        "text": {"type": "string"},
    },
}
TRANSCRIPT_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "The transcript of a conversation at the desk",
    "type": "object",
    "additionalProperties": False,
    "required": ["format", "version", "conversation", "exportedAt", "timeZone", "localTimeZone", "lines"],
    "properties": {
        "format": {"const": "secondme-avatar-desk-transcript"},
        "version": {"const": VERSION},
        "conversation": {"type": "string", "minLength": 1},
        "exportedAt": _TIME,
        "timeZone": {"const": "UTC"},
        "localTimeZone": {"type": ["string", "null"]},
        "lines": {"type": "array", "items": _LINE},
    },
}
"""The JSON Schema of what ``export_json`` writes."""

_COLUMNS = ("id", "time_utc", "author", "name", "visibility", "stopped", "text")
_FORMULA = re.compile(r"'*(?=[\t\r\n]|[\s\x00-\x1f\u200b-\u200f\u2060\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20])")
"""What a spreadsheet may take for a formula, and a text that would be taken for a guarded one."""


class ExportedLine(Protocol):
    """A line of a conversation, as the desk keeps it."""

    @property
    def id(self) -> str: ...
    @property
    def at(self) -> float:
        """When it was said, in seconds since 1970."""
        ...

    @property
    def author(self) -> str: ...
    @property
    def name(self) -> str | None: ...
    @property
    def text(self) -> str: ...
    @property
    def is_private(self) -> bool:
        """Whether only operators see it."""
        ...

    @property
    def is_ended(self) -> bool:
        """Whether the avatar's reply was stopped here."""
        ...


Lines: TypeAlias = "AsyncIterable[ExportedLine] | Iterable[ExportedLine]"


async def export_json(
    lines: Lines, *, conversation: str, zone: str | None = None, exported_at: datetime | None = None
) -> AsyncIterator[str]:
    """Writes a transcript as one JSON object, piece by piece.

    :param lines: The lines, oldest first.
    :param conversation: The conversation's id, which stands in the object.
    :param zone: The IANA name of a time zone in which each line's time is told as well. Times are in UTC in any case.
    :param exported_at: When this is. Default: now.
    """
    local = zone_of(zone) if zone is not None else None
    head = {
        "format": "secondme-avatar-desk-transcript",
        "version": VERSION,
        "conversation": _named(conversation),
        "exportedAt": _utc((exported_at or datetime.now(timezone.utc)).timestamp()),
        "timeZone": "UTC",
        "localTimeZone": zone,
    }
    yield json.dumps(head, ensure_ascii=False)[:-1] + ', "lines": ['
    separator = "\n"
    async for line in _each(lines):
        values: dict[str, Any] = {"id": line.id, "at": _utc(line.at)}
        if local is not None:
            values["localTime"] = _local(line.at, local)
        values |= {"author": line.author, "name": line.name, "visibility": _visibility(line)}
        values |= {"stopped": line.is_ended, "text": line.text}
        yield separator + json.dumps(values, ensure_ascii=False)
        separator = ",\n"
    yield "\n]}\n"


async def export_csv(lines: Lines, *, conversation: str, zone: str | None = None) -> AsyncIterator[str]:
    """Writes a transcript as CSV (RFC 4180, UTF-8 with its mark, so that Excel reads it), row by row.

    A cell that a spreadsheet would take for a formula has a ``'`` in front.

    :param lines: The lines, oldest first.
    :param conversation: The conversation's id, which is the first column.
    :param zone: The IANA name of a time zone in which each line's time is told as well, in two columns more.
    """
    local = zone_of(zone) if zone is not None else None
    _named(conversation)
    more = ("time_local", "time_zone") if local is not None else ()
    yield "\ufeff" + _row(("conversation", *_COLUMNS, *more))
    async for line in _each(lines):
        said = (line.author, line.name or "", _visibility(line), "yes" if line.is_ended else "no", line.text)
        times = (_local(line.at, local), zone or "") if local is not None else ()
        yield _row(map(_safe, (conversation, line.id, _utc(line.at), *said, *times)))


async def _each(lines: Lines) -> AsyncIterator[ExportedLine]:
    if isinstance(lines, AsyncIterable):
        async for line in lines:
            yield line
    else:
        for line in lines:
            yield line


def _row(cells: Iterable[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue()


def _safe(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _visibility(line: ExportedLine) -> str:
    return "operators" if line.is_private else "everyone"


def _utc(at: float) -> str:
    moment = datetime.fromtimestamp(round(at * 1000) / 1000, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _local(at: float, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(round(at * 1000) / 1000, zone).isoformat(timespec="milliseconds")


def _named(conversation: str) -> str:
    if not conversation:
        raise MisuseError("`conversation` is empty: pass the conversation's id")
    return conversation
