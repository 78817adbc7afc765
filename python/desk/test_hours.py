"""Business hours, held against a clock that is read minute by minute."""

import random
from bisect import bisect_left
from datetime import date, datetime, time, timedelta, timezone
from itertools import accumulate, pairwise
from zoneinfo import ZoneInfo

import pytest

from secondme_avatar import MisuseError
from secondme_avatar.desk.hours import BusinessHours, holidays_of_ics

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
OFFICE = BusinessHours("Europe/Berlin", {"mon-fri": ["09:00-12:30", "13:30-18:00"], "sat": "22:00-02:00"})

CHANGES = [
    ("Europe/Berlin", date(2026, 3, 29)),  # 02:00 becomes 03:00
    ("Europe/Berlin", date(2026, 10, 25)),  # 03:00 becomes 02:00
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # by half an hour
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("America/Sao_Paulo", date(2018, 11, 4)),  # midnight is left out
    ("America/Sao_Paulo", date(2018, 2, 17)),  # the hour before midnight comes twice
    ("Africa/Cairo", date(2026, 4, 24)),
    ("Atlantic/Azores", date(2026, 3, 29)),
    ("Pacific/Apia", date(2011, 12, 30)),  # a day that never was
    ("Africa/Casablanca", date(2026, 2, 15)),
    ("Asia/Shanghai", date(2026, 5, 1)),  # no change at all
]


def berlin(*moment: int, fold: int = 0) -> datetime:
    return datetime(*moment, tzinfo=BERLIN, fold=fold)  # type: ignore[misc, arg-type]


def clock_of(zone: str, day: date) -> list[tuple[datetime, datetime]]:
    """Every minute of five days, with what the clock shows."""
    first = datetime.combine(day - 2 * DAY, time(), timezone.utc) - timedelta(hours=14)
    moments = [first + number * MINUTE for number in range(5 * 24 * 60 + 28 * 60)]
    return [(moment, moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)) for moment in moments]


def written(minutes: int) -> str:
    return "24:00" if minutes == 24 * 60 else f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def a_day(chance: random.Random) -> list[tuple[int, int]]:
    """Up to three spans of a day, the last of which may end on the next; most of them near the hours of changes."""
    edges = sorted(chance.sample([*range(0, 300, 10), *range(300, 1440, 60)], 2 * chance.randint(1, 3)))
    spans = list(zip(edges[::2], edges[1::2], strict=True))
    if chance.random() < 0.5:
        begins = chance.choice(range(spans[-1][1], 1440, 10))
        spans.append((begins, 1440 + chance.choice(range(0, min(begins, 240), 10))) if begins else (0, 1440))
        if spans[-1][0] < spans[-2][1]:
            spans.pop()
    return spans


@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_across_a_change_of_the_clocks_the_desk_is_open_while_the_clock_says_so(zone: str, day: date) -> None:
    clock = clock_of(zone, day)
    # Both grow, where what the clock shows may go back: the first time at or behind one, and the last before it.
    latest = list(accumulate((shown for _, shown in clock), max))
    earliest = list(accumulate((shown for _, shown in reversed(clock)), min))[::-1]
    chance = random.Random(f"{zone}{day}")
    checked = clock[24 * 60 : -24 * 60]
    for _ in range(6):
        spans = a_day(chance)
        hours = BusinessHours(zone, {"mon-sun": [f"{written(begins)}-{written(ends)}" for begins, ends in spans]})
        open_minutes: set[datetime] = set()
        for number in range(-3, 4):
            midnight = datetime.combine(day + number * DAY, time())
            for begins, ends in spans:
                # It opens when the clock first shows its beginning, and closes after the last time before its end.
                first = bisect_left(latest, midnight + begins * MINUTE)
                after = bisect_left(earliest, midnight + ends * MINUTE)
                if first < len(clock) and after > 0:
                    opens, last = clock[first][0], clock[after - 1][0]
                    open_minutes.update(opens + step * MINUTE for step in range(int((last - opens) / MINUTE) + 1))
        expected = [at in open_minutes for at, _ in checked]
        for at, is_open in chance.sample(list(zip([at for at, _ in checked], expected, strict=True)), 150):
            assert hours.is_open(at) is is_open, (spans, at)
        check_edges(hours, [at for at, _ in checked], expected)


def check_edges(hours: BusinessHours, moments: list[datetime], is_open: list[bool]) -> None:
    """`next_opening` and `next_closing` are where `is_open` changes."""
    changes = [number for number in range(1, len(moments)) if is_open[number] != is_open[number - 1]]
    for start, end in pairwise(changes):
        found = hours.next_closing(moments[start]) if is_open[start] else hours.next_opening(moments[start])
        assert found is not None
        # A time of an hour that comes twice equals none of another zone, and is not calculated with.
        found = found.astimezone(timezone.utc)
        assert found == moments[end], moments[start]
        assert hours.is_open(found - timedelta(microseconds=1)) is is_open[start]
        if is_open[start]:
            now = hours.next_opening(moments[start])
            assert now is not None
            assert now.timestamp() == moments[start].timestamp()
        else:
            assert hours.next_closing(moments[start]) is None


def test_a_night_that_is_an_hour_longer_is_open_without_a_break() -> None:
    hours = BusinessHours("Europe/Berlin", {"mon-sun": "22:00-06:00"})
    begins = berlin(2026, 10, 24, 22)
    assert hours.next_closing(begins) == berlin(2026, 10, 25, 6)
    assert (berlin(2026, 10, 25, 6).timestamp() - begins.timestamp()) == 9 * 3600
    assert all(hours.is_open(begins + number * MINUTE) for number in range(8 * 60))


def test_a_span_within_the_hour_that_is_left_out_does_not_open() -> None:
    hours = BusinessHours("Europe/Berlin", {"sun": "02:10-02:50", "mon": "09:00-10:00"})
    assert hours.next_opening(berlin(2026, 3, 29, 0)) == berlin(2026, 3, 30, 9)


def test_several_spans_a_day_and_a_night_over_midnight() -> None:
    assert OFFICE.is_open(berlin(2026, 11, 30, 9))
    assert not OFFICE.is_open(berlin(2026, 11, 30, 12, 30))
    assert OFFICE.is_open(berlin(2026, 11, 30, 9).timestamp())
    assert OFFICE.next_opening(berlin(2026, 11, 30, 12, 45)) == berlin(2026, 11, 30, 13, 30)
    assert OFFICE.is_open(berlin(2026, 11, 29, 1, 59))
    assert not OFFICE.is_open(berlin(2026, 11, 29, 2))
    assert OFFICE.next_closing(berlin(2026, 11, 28, 23)) == berlin(2026, 11, 29, 2)
    assert BusinessHours.always().next_closing() is None
    joined = BusinessHours("UTC", {"mon": "20:00-24:00", "tue": "00:00-04:00"})
    assert joined.next_closing(datetime(2026, 11, 30, 21, tzinfo=timezone.utc)) == datetime(
        2026, 12, 1, 4, tzinfo=timezone.utc
    )


def test_holidays_are_closed_and_special_days_have_their_own_spans() -> None:
    hours = BusinessHours(
        "Europe/Berlin",
        {"mon-sun": "09:00-18:00"},
        holidays=["12-25", "2026-12-26/2027-01-03", date(2027, 1, 6)],
        special={"2026-12-24": "09:00-12:00", "2026-12-31": "10:00-11:00"},
    )
    assert hours.next_closing(berlin(2026, 12, 24, 10)) == berlin(2026, 12, 24, 12)
    assert hours.next_opening(berlin(2026, 12, 24, 13)) == berlin(2026, 12, 31, 10)
    assert hours.next_opening(berlin(2026, 12, 31, 12)) == berlin(2027, 1, 4, 9)
    assert not hours.is_open(berlin(2027, 1, 6, 10))
    assert not hours.is_open(berlin(2031, 12, 25, 10))


def test_the_night_before_a_holiday_goes_on_to_its_end() -> None:
    hours = BusinessHours("Europe/Berlin", {"mon-sun": "22:00-02:00"}, holidays=["2026-12-25"])
    assert hours.is_open(berlin(2026, 12, 25, 1))
    assert hours.next_opening(berlin(2026, 12, 25, 2)) == berlin(2026, 12, 26, 22)


def test_the_next_opening_is_a_sentence_in_english_and_chinese() -> None:
    for at, english, chinese in [
        (berlin(2026, 11, 30, 8), "We are back today at 09:00 (Europe/Berlin time).", "今天 09:00"),
        (berlin(2026, 11, 30, 19), "We are back tomorrow at 09:00 (Europe/Berlin time).", "明天 09:00"),
        (berlin(2026, 12, 6, 2), "We are back tomorrow at 09:00 (Europe/Berlin time).", "明天 09:00"),
        (berlin(2026, 12, 4, 18), "We are back tomorrow at 22:00 (Europe/Berlin time).", "明天 22:00"),
        (berlin(2026, 11, 30, 10), "We are here now.", "我们现在就在"),
    ]:
        assert OFFICE.next_opening_sentence(at) == english
        assert chinese in OFFICE.next_opening_sentence(at, "zh")
    closed = BusinessHours("Asia/Shanghai", {"mon-fri": "09:00-18:00"}, holidays=["2026-12-21/2027-01-03"])
    at = datetime(2026, 12, 18, 20, tzinfo=ZoneInfo("Asia/Shanghai"))
    assert closed.next_opening_sentence(at) == "We are back on Monday, 4 January 2027 at 09:00 (Asia/Shanghai time)."
    assert closed.next_opening_sentence(at, "zh") == "我们2027年1月4日（周一） 09:00 回来（Asia/Shanghai 时间）。"
    never = BusinessHours("UTC", {"mon": "09:00-18:00"}, holidays=["2026-01-01/2035-12-31"])
    assert never.next_opening_sentence(at) == "No opening is planned at the moment."
    assert OFFICE.sentence() == "Mon-Fri 09:00-12:30, 13:30-18:00; Sat 22:00-02:00 (Europe/Berlin time)"
    assert OFFICE.sentence("zh") == "周一至周五 09:00-12:30、13:30-18:00；周六 22:00-02:00（Europe/Berlin 时间）"


def test_hours_come_from_json_too() -> None:
    hours = BusinessHours.from_json('{"zone": "UTC", "week": {"mon": "09:00-10:00"}, "special": {"2026-12-01": []}}')
    assert hours.next_opening(datetime(2026, 12, 1, tzinfo=timezone.utc)) == datetime(
        2026, 12, 7, 9, tzinfo=timezone.utc
    )


def test_holidays_come_from_a_calendar() -> None:
    calendar = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"
        "BEGIN:VEVENT\r\nUID:1\r\nSUMMARY:A long\r\n  name\r\nDTSTART;VALUE=DATE:20261224\r\n"
        "DTEND;VALUE=DATE:20261227\r\nEND:VEVENT\r\n"
        "BEGIN:VEVENT\r\nUID:2\r\nDTSTART;VALUE=DATE:20200101\r\nDTEND;VALUE=DATE:20200102\r\n"
        "RRULE:FREQ=YEARLY\r\nEND:VEVENT\r\n"
        "BEGIN:VEVENT\r\nUID:3\r\nSTATUS:CANCELLED\r\nDTSTART;VALUE=DATE:20260501\r\nEND:VEVENT\r\n"
        "END:VCALENDAR\r\n"
    )
    assert holidays_of_ics(calendar) == ["2026-12-24/2026-12-26", "01-01"]
    for change, message in [
        (("20261224", "20261224T090000Z"), "of whole days"),
        (("FREQ=YEARLY", "FREQ=WEEKLY"), "repeats otherwise"),
        (("BEGIN:VCALENDAR", "<html>"), "BEGIN:VCALENDAR"),
    ]:
        with pytest.raises(MisuseError, match=message):
            holidays_of_ics(calendar.replace(*change))


@pytest.mark.parametrize(
    ("zone", "week", "more", "message"),
    [
        ("Europe/Berln", {"mon": "09:00-10:00"}, {}, "did you mean 'Europe/Berlin'"),
        ("GMT+1", {"mon": "09:00-10:00"}, {}, "not the name of an IANA time zone"),
        ("../etc/passwd", {"mon": "09:00-10:00"}, {}, "not the name of an IANA time zone"),
        ("", {"mon": "09:00-10:00"}, {}, "not the name of an IANA time zone"),
        ("UTC", {}, {}, "never open"),
        ("UTC", {"monday": "09:00-10:00"}, {}, "no day 'monday'"),
        ("UTC", {"mon-wed": "09:00-10:00", "tue": "09:00-10:00"}, {}, "names 'tue' twice"),
        ("UTC", {"mon": "9-17"}, {}, "'HH:MM-HH:MM'"),
        ("UTC", {"mon": "09:00-25:00"}, {}, "up to 24:00"),
        ("UTC", {"mon": "09:60-10:00"}, {}, "00:00 to 23:59"),
        ("UTC", {"mon": "09:00-09:00"}, {}, "'00:00-24:00'"),
        ("UTC", {"mon": ["09:00-12:00", "11:59-13:00"]}, {}, "overlap"),
        ("UTC", {"mon": 9}, {}, "pass a span"),
        ("UTC", {"mon": [9]}, {}, "'HH:MM-HH:MM'"),
        ("UTC", {"mon": "09:00-10:00"}, {"holidays": ["25.12.2026"]}, "'YYYY-MM-DD'"),
        ("UTC", {"mon": "09:00-10:00"}, {"holidays": ["2026-02-30"]}, "'YYYY-MM-DD'"),
        ("UTC", {"mon": "09:00-10:00"}, {"holidays": ["02-30"]}, "no day of a year"),
        ("UTC", {"mon": "09:00-10:00"}, {"holidays": ["2027-01-02/2027-01-01"]}, "the first day"),
        ("UTC", {"mon": "09:00-10:00"}, {"holidays": "2027-01-02"}, "a list of dates"),
        ("UTC", {"mon": "09:00-10:00"}, {"special": {"2026-12-24": "9"}}, "'HH:MM-HH:MM'"),
    ],
)
def test_what_is_wrong_is_named(zone: str, week: dict[str, str], more: dict[str, object], message: str) -> None:
    with pytest.raises(MisuseError, match=message):
        BusinessHours(zone, week, **more)  # type: ignore[arg-type]


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(MisuseError, match="aware"):
        OFFICE.is_open(datetime(2026, 11, 30, 9))


@pytest.mark.parametrize("text", ["", "[]", '{"zone": "UTC"}', '{"zone": "UTC", "week": {}, "weeks": {}}'])
def test_json_that_is_no_hours_is_refused(text: str) -> None:
    with pytest.raises(MisuseError):
        BusinessHours.from_json(text)
