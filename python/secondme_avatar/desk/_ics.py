"""Holidays from a calendar file."""

from __future__ import annotations

import re
from datetime import date, timedelta

from .._errors import MisuseError

__all__ = ["holidays_of_ics"]

_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})")
_YEARLY = re.compile(r"FREQ=YEARLY(;INTERVAL=1)?(;COUNT=\d+|;UNTIL=[0-9TZ]+)?")


def holidays_of_ics(text: str) -> list[str]:
    """Returns the whole days of a calendar (iCalendar, RFC 5545), as ``BusinessHours`` takes them as ``holidays``.

    Of each event its days count, of one that comes every year its day in every year. Cancelled events are left out.

    :raises MisuseError: where it is not a calendar, or an event is not of whole days, or repeats otherwise.
    """
    lines = re.sub(r"\r?\n[ \t]", "", text).splitlines()
    if not lines or lines[0].strip().upper().lstrip("\ufeff") != "BEGIN:VCALENDAR":
        raise MisuseError("the text is not a calendar: an .ics file begins with BEGIN:VCALENDAR")
    found: list[str] = []
    event: dict[str, str] | None = None
    for line in lines:
        head, _, value = line.partition(":")
        name = head.partition(";")[0].upper()
        if (name, value.upper()) == ("BEGIN", "VEVENT"):
            event = {}
        elif (name, value.upper()) == ("END", "VEVENT") and event is not None:
            found += _days(event)
            event = None
        elif event is not None:
            event.setdefault(name, value.strip())
    return found


def _days(event: dict[str, str]) -> list[str]:
    if event.get("STATUS", "").upper() == "CANCELLED":
        return []
    first = _date(event.get("DTSTART", ""), event)
    last = _date(event["DTEND"], event) - timedelta(days=1) if "DTEND" in event else first
    if "RRULE" in event:
        if not _YEARLY.fullmatch(event["RRULE"].upper()) or last != first:
            raise MisuseError(f"the event of {first} repeats otherwise than every year: list its days")
        return [f"{first:%m-%d}"]
    return [str(first) if last <= first else f"{first}/{last}"]


def _date(value: str, event: dict[str, str]) -> date:
    matched = _DATE.fullmatch(value)
    try:
        if matched is not None:
            return date(*map(int, matched.groups()))
    except ValueError:
        pass
    place = event.get("UID", "without UID")
    raise MisuseError(f"the event {place!r} has the time {value!r}: a holiday is of whole days, such as 20261225")
