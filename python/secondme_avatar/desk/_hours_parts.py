"""The parts of opening hours, as a program gives them: see ``BusinessHours``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

from .._errors import MisuseError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60

_SPAN = re.compile(r"(\d{2}):(\d{2})\s*[-–]\s*(\d{2}):(\d{2})")
_YEARLY = re.compile(r"(\d{2})-(\d{2})")
_LONGEST_RANGE = 3660


@dataclass(frozen=True)
class Span:
    """A span of a day, in minutes after midnight of the day on which it begins."""

    begins: int
    ends: int
    """More than 1440 where it ends on the next day."""

    def __str__(self) -> str:
        end = "24:00" if self.ends == DAY_MINUTES else _clock(self.ends % DAY_MINUTES)
        return f"{_clock(self.begins)}-{end}"


def zone_of(name: str) -> ZoneInfo:
    """Returns the time zone of this name."""
    try:
        return ZoneInfo(name)
    except (OSError, TypeError, ValueError, LookupError):
        pass
    known = available_timezones()
    if not known:
        raise MisuseError("this machine has no database of time zones: pip install tzdata")
    near = difflib.get_close_matches(str(name), sorted(known), 1)
    hint = f"did you mean {near[0]!r}?" if near else "pass one such as 'Europe/Berlin' or 'Asia/Shanghai'"
    raise MisuseError(f"`zone` {name!r} is not the name of an IANA time zone: {hint}")


def week_of(week: Mapping[str, str | Iterable[str]]) -> dict[str, tuple[Span, ...]]:
    """Returns the spans of each weekday."""
    found: dict[str, tuple[Span, ...]] = dict.fromkeys(DAYS, ())
    named: set[str] = set()
    for name, spans in week.items():
        days = _weekdays(name)
        if twice := named.intersection(days):
            raise MisuseError(f"`week` names {min(twice)!r} twice: give each day once")
        named.update(days)
        found.update(dict.fromkeys(days, spans_of(spans, f"week[{name!r}]")))
    return found


def _weekdays(name: str) -> list[str]:
    first, dash, last = str(name).strip().lower().partition("-")
    last = last if dash else first
    if first not in DAYS or last not in DAYS:
        raise MisuseError(f"`week` has no day {name!r}: the days are {', '.join(DAYS)}, or several such as 'mon-fri'")
    start, end = DAYS.index(first), DAYS.index(last)
    return [DAYS[number % 7] for number in range(start, (end if end >= start else end + 7) + 1)]


def spans_of(spans: str | Iterable[str], where: str) -> tuple[Span, ...]:
    """Returns spans in their order."""
    given = [spans] if isinstance(spans, str) else spans
    try:
        found = sorted((_span(text, where) for text in given), key=lambda span: span.begins)
    except TypeError:
        raise MisuseError(f"`{where}` is {spans!r}: pass a span such as '09:00-18:00', or a list of them") from None
    for earlier, later in pairwise(found):
        if later.begins < earlier.ends:
            raise MisuseError(f"`{where}` has {earlier} and {later}, which overlap: make one span of them")
    return tuple(found)


def _span(text: object, where: str) -> Span:
    matched = _SPAN.fullmatch(text.strip()) if isinstance(text, str) else None
    if matched is None:
        raise MisuseError(f"`{where}` has {text!r}: write a span as 'HH:MM-HH:MM', such as '09:00-18:00'")
    hours, minutes, end_hours, end_minutes = map(int, matched.groups())
    begins, ends = hours * 60 + minutes, end_hours * 60 + end_minutes
    if max(minutes, end_minutes) > 59 or begins >= DAY_MINUTES or ends > DAY_MINUTES:
        raise MisuseError(f"`{where}` has {text!r}: times go from 00:00 to 23:59, and an end up to 24:00")
    if begins == ends:
        raise MisuseError(f"`{where}` has {text!r}, which is no time at all: a whole day is '00:00-24:00'")
    return Span(begins, ends if ends > begins else ends + DAY_MINUTES)


class Holidays:
    """Days on which no span begins."""

    def __init__(self, days: Iterable[str | date]) -> None:
        if isinstance(days, str):
            raise MisuseError(f"`holidays` is {days!r}: pass a list of dates")
        self._dates: set[date] = set()
        self._yearly: set[tuple[int, int]] = set()
        for day in days:
            self._add(day)

    def __contains__(self, day: date) -> bool:
        return day in self._dates or (day.month, day.day) in self._yearly

    def _add(self, day: str | date) -> None:
        if isinstance(day, str) and (yearly := _YEARLY.fullmatch(day)):
            month, number = map(int, yearly.groups())
            try:
                date(2024, month, number)  # A leap year, so that 29 February is one.
            except ValueError:
                raise MisuseError(f"`holidays` has {day!r}, which is no day of a year") from None
            self._yearly.add((month, number))
        elif isinstance(day, str) and "/" in day:
            first, _, last = day.partition("/")
            start, end = as_date(first, "holidays"), as_date(last, "holidays")
            if not start <= end <= start + timedelta(days=_LONGEST_RANGE):
                raise MisuseError(f"`holidays` has {day!r}: write the first day, '/' and the last day")
            self._dates.update(start + timedelta(days=number) for number in range((end - start).days + 1))
        else:
            self._dates.add(as_date(day, "holidays"))


def as_date(day: str | date, where: str) -> date:
    """Returns the day that is given as a date or as ``YYYY-MM-DD``."""
    if isinstance(day, datetime):
        raise MisuseError(f"`{where}` has a time: pass a date")
    if isinstance(day, date):
        return day
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", day):
            return date.fromisoformat(day)
    except (TypeError, ValueError):
        pass
    raise MisuseError(f"`{where}` has {day!r}: write a day as 'YYYY-MM-DD', such as '2026-12-25'")


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
