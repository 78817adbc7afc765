"""Opening hours in words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from .._errors import MisuseError
from ..bridge import Language
from ._hours_parts import DAYS, Span

_ENGLISH_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ENGLISH_SHORT = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_ENGLISH_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_CHINESE_DAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")


def next_sentence(opens: datetime | None, now: datetime, zone: str, language: Language) -> str:
    """Says when the desk opens. Both times are in the hours' zone."""
    _known(language)
    if opens is None:
        return "目前没有安排人工服务时间。" if language == "zh" else "No opening is planned at the moment."
    if opens <= now:
        return "我们现在就在。" if language == "zh" else "We are here now."
    clock = f"{opens:%H:%M}"
    if language == "zh":
        return f"我们{_chinese_day(opens, now)} {clock} 回来（{zone} 时间）。"
    return f"We are back {_english_day(opens, now)} at {clock} ({zone} time)."


def week_sentence(week: Mapping[str, tuple[Span, ...]], zone: str, language: Language) -> str:
    """Says the hours of a week; days with the same hours stand together."""
    _known(language)
    names = _CHINESE_DAYS if language == "zh" else _ENGLISH_SHORT
    runs: list[tuple[int, int, tuple[Span, ...]]] = []
    for number, day in enumerate(DAYS):
        spans = week[day]
        if runs and runs[-1][2] == spans:
            runs[-1] = (runs[-1][0], number, spans)
        else:
            runs.append((number, number, spans))
    comma, semicolon = ("、", "；") if language == "zh" else (", ", "; ")
    said = [f"{_run(names, first, last)} {comma.join(map(str, spans))}" for first, last, spans in runs if spans]
    return semicolon.join(said) + (f"（{zone} 时间）" if language == "zh" else f" ({zone} time)")


def _run(names: tuple[str, ...], first: int, last: int) -> str:
    if first == last:
        return names[first]
    return f"{names[first]}{'至' if names is _CHINESE_DAYS else '-'}{names[last]}"


def _english_day(opens: datetime, now: datetime) -> str:
    days = (opens.date() - now.date()).days
    if days < 2:
        return ("today", "tomorrow")[days]
    name = _ENGLISH_DAYS[opens.weekday()]
    if days < 7:
        return f"on {name}"
    year = "" if opens.year == now.year else f" {opens.year}"
    return f"on {name}, {opens.day} {_ENGLISH_MONTHS[opens.month - 1]}{year}"


def _chinese_day(opens: datetime, now: datetime) -> str:
    days = (opens.date() - now.date()).days
    if days < 2:
        return ("今天", "明天")[days]
    name = _CHINESE_DAYS[opens.weekday()]
    if days < 7:
        return name
    year = "" if opens.year == now.year else f"{opens.year}年"
    return f"{year}{opens.month}月{opens.day}日（{name}）"


def _known(language: str) -> None:
    if language not in ("en", "zh"):
        raise MisuseError(f"`language` is {language!r}: pass 'en' or 'zh'")
