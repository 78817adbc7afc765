"""What a transcript looks like on paper."""

import csv
import io
import json
import random
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

import jsonschema
import pytest

from secondme_avatar import MisuseError
from secondme_avatar.desk.export import TRANSCRIPT_SCHEMA, export_csv, export_json

AT = datetime(2026, 11, 29, 6, 53, 2, 123_456, timezone.utc).timestamp()
DANGEROUS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "  =1",
    "'=1",
    "''=1",
    "＝1",
    "\ufeff=1",
    "\u200b+1",
    "\x00@1",
    "\u00a0-1",
    "\n",
    '=HYPERLINK("http://x","y")',
]
HARMLESS = ["", "Hello", "'quoted'", "1-2", 'say "hi", then\nbye', "你好，世界", "a=b", "'", "\u2028"]


@dataclass
class Line:
    id: str
    author: str
    text: str
    name: str | None = None
    at: float = AT
    is_private: bool = False
    is_ended: bool = False


LINES = [
    Line("m1", "visitor", "Is anybody there?"),
    Line("m2", "avatar", "I am, and I am an", "Ada's avatar", is_ended=True),
    Line("m3", "owner", "It is me.", "Ada"),
    Line("m4", "desk", "Carol has joined.", None),
    Line("m5", "operator", "Good day", "Carol"),
    Line("m6", "desk", "The owner writes too.", None, is_private=True),
]


async def whole(pieces: AsyncIterator[str]) -> str:
    return "".join([piece async for piece in pieces])


def rows(text: str) -> list[dict[str, str]]:
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:], newline="")))


@pytest.mark.parametrize("zone", [None, "Asia/Shanghai"])
async def test_json_has_the_author_of_each_line_and_is_as_its_schema_says(zone: str | None) -> None:
    text = await whole(export_json(LINES, conversation="web/42", zone=zone))
    found = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(TRANSCRIPT_SCHEMA)
    jsonschema.validate(found, TRANSCRIPT_SCHEMA)
    assert (found["conversation"], found["timeZone"], found["localTimeZone"]) == ("web/42", "UTC", zone)
    assert [(line["id"], line["author"], line["name"]) for line in found["lines"]] == [
        (line.id, line.author, line.name) for line in LINES
    ]
    assert found["lines"][0]["at"] == "2026-11-29T06:53:02.123Z"
    assert found["lines"][-1]["visibility"] == "operators"
    assert [line["stopped"] for line in found["lines"]] == [line.is_ended for line in LINES]
    if zone is not None:
        assert found["lines"][0]["localTime"] == "2026-11-29T14:53:02.123+08:00"


async def test_a_conversation_without_a_line_is_a_whole_document_too() -> None:
    found = json.loads(await whole(export_json([], conversation="web/42")))
    jsonschema.validate(found, TRANSCRIPT_SCHEMA)
    assert found["lines"] == []
    assert rows(await whole(export_csv([], conversation="web/42"))) == []


async def test_an_author_that_there_is_not_fails_the_schema() -> None:
    found = json.loads(await whole(export_json([Line("m1", "robot", "Hi")], conversation="web/42")))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found, TRANSCRIPT_SCHEMA)


async def test_csv_has_the_author_of_each_line_and_says_its_zone() -> None:
    text = await whole(export_csv(LINES, conversation="web/42", zone="Asia/Shanghai"))
    found = rows(text)
    assert [(row["id"], row["author"], row["name"], row["text"]) for row in found] == [
        (line.id, line.author, line.name or "", line.text) for line in LINES
    ]
    assert found[0] == {
        "conversation": "web/42",
        "id": "m1",
        "time_utc": "2026-11-29T06:53:02.123Z",
        "author": "visitor",
        "name": "",
        "visibility": "everyone",
        "stopped": "no",
        "text": "Is anybody there?",
        "time_local": "2026-11-29T14:53:02.123+08:00",
        "time_zone": "Asia/Shanghai",
    }


async def test_no_cell_is_a_formula_and_every_text_can_be_read_back() -> None:
    texts = [*DANGEROUS, *HARMLESS]
    lines = [Line(f"m{number}", "visitor", text, name=text or None) for number, text in enumerate(texts)]
    found = rows(await whole(export_csv(lines, conversation="=web/42")))
    for row, text in zip(found, texts, strict=True):
        for cell in row.values():
            assert cell.lstrip()[:1] not in tuple("=+-@＝＋－＠"), cell
            assert cell[:1] not in ("\t", "\r", "\n")
        assert row["text"] == (f"'{text}" if text in DANGEROUS else text)
        assert row["text"].removeprefix("'") == text or text in HARMLESS


async def test_any_text_survives_both() -> None:
    chance = random.Random(7)
    signs = "a\"',;\n\r\t=+-@ 你😀\u0000\u2028"
    lines = [
        Line(f"m{number}", "visitor", "".join(chance.choices(signs, k=chance.randrange(12)))) for number in range(500)
    ]
    found = json.loads(await whole(export_json(lines, conversation="c")))
    assert [line["text"] for line in found["lines"]] == [line.text for line in lines]
    cells = [row["text"] for row in rows(await whole(export_csv(lines, conversation="c")))]
    assert all(cell in (line.text, f"'{line.text}") for cell, line in zip(cells, lines, strict=True))


async def test_a_long_conversation_is_never_in_memory_as_a_whole() -> None:
    async def many() -> AsyncIterator[Line]:
        for number in range(6_000):
            yield Line(f"m{number}", "avatar", "word " * 200)

    for export in (export_json, export_csv):
        tracemalloc.start()
        length = 0
        async for piece in export(many(), conversation="c"):
            length += len(piece)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert length > 6_000_000
        assert peak < 2_000_000


async def test_lines_come_as_they_are_written() -> None:
    taken = 0

    def counted() -> Iterator[Line]:
        nonlocal taken
        for line in LINES:
            taken += 1
            yield line

    pieces = export_csv(counted(), conversation="c")
    await anext(pieces)
    assert taken == 0
    await anext(pieces)
    assert taken == 1


async def test_a_wrong_zone_is_named_before_anything_is_written() -> None:
    with pytest.raises(MisuseError, match="did you mean 'Europe/Berlin'"):
        await anext(export_json(LINES, conversation="c", zone="Europe/Berln"))
    with pytest.raises(MisuseError, match="conversation"):
        await anext(export_csv(LINES, conversation=""))
