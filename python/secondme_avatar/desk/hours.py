"""When people are there: opening hours in a time zone, with holidays::

    from secondme_avatar.desk.hours import BusinessHours

    hours = BusinessHours(
        "Europe/Berlin",
        {"mon-fri": ["09:00-12:30", "13:30-18:00"], "sat": "10:00-14:00"},
        holidays=["12-25", "12-26", "2027-03-26"],
        special={"2026-12-24": "09:00-12:00"},
    )
    hours.is_open()
    hours.next_opening()

A span may end on the next day (``22:00-02:00``), and then belongs to the day on which it begins. Where clocks are
changed, a span begins when the clock first shows its beginning, or passes it, and ends when the clock no longer shows
a time before its end: an hour that comes twice is open once, without a break, and one that is left out is short.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, TypeAlias, cast

from .._errors import MisuseError
from ..bridge import Language
from ._hours_parts import DAYS, Holidays, Span, as_date, spans_of, week_of, zone_of
from ._hours_sentences import next_sentence, week_sentence
from ._ics import holidays_of_ics

__all__ = ["BusinessHours", "Spans", "holidays_of_ics"]

Spans: TypeAlias = "str | Iterable[str]"
"""One span, such as ``09:00-18:00``, or several."""

_HORIZON = 800
"""How many days ahead an opening is looked for."""
_SECOND, _DAY = timedelta(seconds=1), timedelta(days=1)


class BusinessHours:
    """The opening hours of a desk."""

    def __init__(
        self,
        zone: str,
        week: Mapping[str, Spans],
        *,
        holidays: Iterable[str | date] = (),
        special: Mapping[str, Spans] | Mapping[date, Spans] | None = None,
    ) -> None:
        """Hours that hold every week.

        :param zone: The IANA name of the time zone, such as ``Asia/Shanghai``.
        :param week: The spans of each day: ``mon`` to ``sun``, or several of them as ``mon-fri``. A day that is not
            named is closed. ``00:00-24:00`` is a whole day.
        :param holidays: Days on which no span begins: ``2026-12-25``, ``2026-12-24/2027-01-01`` (both included), or
            ``12-25`` for every year. ``holidays_of_ics`` reads them from a calendar.
        :param special: Days with other spans than their weekday's, also where they are holidays.
        :raises MisuseError: where the zone, a day or a span is not one.
        """
        self.zone = zone
        self._zone = zone_of(zone)
        self._week = week_of(week)
        self._holidays = Holidays(holidays)
        self._special = {
            as_date(day, "special"): spans_of(spans, f"special[{str(day)!r}]") for day, spans in (special or {}).items()
        }
        if not any(self._week.values()) and not any(self._special.values()):
            raise MisuseError(
                "`week` has no span, so these hours never open: give one, such as {'mon-fri': '09:00-18:00'}"
            )

    @classmethod
    def always(cls, zone: str = "UTC") -> BusinessHours:
        """Hours that are always open."""
        return cls(zone, {"mon-sun": "00:00-24:00"})

    @classmethod
    def from_json(cls, text: str) -> BusinessHours:
        """Reads hours from JSON: ``{"zone": …, "week": {…}, "holidays": […], "special": {…}}``.

        :raises MisuseError: where it is not that.
        """
        try:
            loaded: object = json.loads(text)
        except ValueError as error:
            raise MisuseError(f"the hours are not valid JSON: {error}") from None
        if not isinstance(loaded, dict):
            raise MisuseError("the hours are a JSON object with `zone` and `week`")
        values = cast("dict[str, Any]", loaded)
        known = {"zone", "week", "holidays", "special"}
        if unknown := set(values) - known:
            raise MisuseError(f"the hours have no `{min(unknown)}`: they take {', '.join(sorted(known))}")
        if not isinstance(values.get("zone"), str) or not isinstance(values.get("week"), dict):
            raise MisuseError(
                'the hours need a `zone`, such as \'Europe/Berlin\', and a `week`, such as {"mon-fri": "09:00-18:00"}'
            )
        holidays: object = values.get("holidays", [])
        special: object = values.get("special", {})
        if not isinstance(holidays, list) or not isinstance(special, dict):
            raise MisuseError("`holidays` is a list of dates, and `special` an object of dates with their spans")
        days = cast("list[str]", holidays)
        return cls(values["zone"], values["week"], holidays=days, special=cast("dict[str, Spans]", special))

    def is_open(self, at: datetime | float | None = None) -> bool:
        """Whether the desk is open at this time: an aware one, or seconds since 1970. Default: now."""
        return self._around(_aware(at)) is not None

    def next_opening(self, at: datetime | float | None = None) -> datetime | None:
        """Returns when the desk opens next, in the hours' zone: ``at`` itself while it is open, and ``None`` where it
        does not open within 800 days."""
        moment = _aware(at)
        if self._around(moment) is not None:
            return moment.astimezone(self._zone)
        for opens, _ in self._spans(moment, _HORIZON):
            if opens > moment:
                return opens.astimezone(self._zone)
        return None

    def next_closing(self, at: datetime | float | None = None) -> datetime | None:
        """Returns when the desk closes, in the hours' zone: now closed, ``None``; so too where it stays open for 800
        days."""
        moment = _aware(at)
        found = self._around(moment)
        if found is None:
            return None
        closes = found[1]
        for opens, end in self._spans(moment, _HORIZON):
            if opens > closes:
                return closes.astimezone(self._zone)
            closes = max(closes, end)
        return None

    def next_opening_sentence(self, at: datetime | float | None = None, language: Language = "en") -> str:
        """Returns a sentence that says when the desk opens next, such as "We are back on Monday at 09:00
        (Europe/Berlin time)."."""
        moment = _aware(at)
        return next_sentence(self.next_opening(moment), moment.astimezone(self._zone), self.zone, language)

    def sentence(self, language: Language = "en") -> str:
        """Returns the week's hours as a sentence, such as "Mon-Fri 09:00-18:00 (Europe/Berlin time)"."""
        return week_sentence(self._week, self.zone, language)

    def spans_on(self, day: date) -> tuple[Span, ...]:
        """Returns the spans that begin on this day."""
        if day in self._special:
            return self._special[day]
        return () if day in self._holidays else self._week[DAYS[day.weekday()]]

    def _around(self, moment: datetime) -> tuple[datetime, datetime] | None:
        """Returns a span in which this moment is."""
        return next((span for span in self._spans(moment, 1) if span[0] <= moment < span[1]), None)

    def _spans(self, moment: datetime, days: int) -> Iterator[tuple[datetime, datetime]]:
        """The spans from two days before this moment on, by their beginnings."""
        first = moment.astimezone(self._zone).date() - 2 * _DAY
        for day in (first + _DAY * number for number in range(days + 3)):
            for span in self.spans_on(day):
                opens, closes = self._first(day, span.begins), self._after(day, span.ends)
                if opens < closes:
                    yield opens, closes

    def _first(self, day: date, minutes: int) -> datetime:
        """Returns the first moment at which the clock shows this time or a later one."""
        wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
        early, late = self._moment(wall, 0), self._moment(wall, 1)
        return early if early <= late else self._jump(late, early)

    def _after(self, day: date, minutes: int) -> datetime:
        """Returns the moment after which the clock no longer shows an earlier time."""
        last = datetime.combine(day, time()) + timedelta(minutes=minutes) - _SECOND
        early, late = self._moment(last, 0), self._moment(last, 1)
        return late + _SECOND if early <= late else self._jump(late, early)

    def _moment(self, wall: datetime, fold: int) -> datetime:
        return wall.replace(tzinfo=self._zone, fold=fold).astimezone(timezone.utc)

    def _jump(self, before: datetime, after: datetime) -> datetime:
        """Returns when the clock is put forward, between these two."""
        old = before.astimezone(self._zone).utcoffset()
        while after - before > _SECOND:
            middle = before + timedelta(seconds=(after - before) // _SECOND // 2)
            if middle.astimezone(self._zone).utcoffset() == old:
                before = middle
            else:
                after = middle
        return after


def _aware(at: datetime | float | None) -> datetime:
    if at is None:
        return datetime.now(timezone.utc)
    if not isinstance(at, datetime):
        return datetime.fromtimestamp(at, timezone.utc)
    if at.tzinfo is None:
        raise MisuseError("`at` has no time zone: pass an aware time, such as datetime.now(timezone.utc)")
    return at.astimezone(timezone.utc)
