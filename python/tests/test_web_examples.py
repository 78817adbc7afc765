"""The programs that the documentation of the widget's server part shows, as they stand."""

import re
import textwrap
from pathlib import Path

import pytest
from test_web_restart import running

import secondme_avatar.web
from browser import SECRET, Browser
from secondme_avatar.testing import Emulator

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def of_readme() -> str:
    programs: list[str] = re.findall(r"```python no-run\n(.*?)```", README, re.DOTALL)
    (program,) = (text for text in programs if "WidgetApp" in text)
    return program


def of_docstring(text: str | None) -> str:
    """The program behind the two colons."""
    _, _, rest = (text or "").partition("::\n\n")
    return textwrap.dedent(re.match(r"((?: {4,}.*)?\n)+", rest)[0])  # type: ignore[index]


PROGRAMS = {
    "README": of_readme(),
    "the module": of_docstring(secondme_avatar.web.__doc__),
    "the class": of_docstring(textwrap.dedent(" " * 4 + (secondme_avatar.web.WidgetApp.__doc__ or ""))),
}


@pytest.mark.parametrize("name", list(PROGRAMS))
async def test_a_program_of_the_documentation_runs(
    name: str, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WIDGET_SECRET", SECRET)
    async with (
        running(tmp_path, program=PROGRAMS[name], app="app") as server,
        Browser(server.base + "/avatar") as browser,
    ):
        await browser.open()
        assert (await browser.ask("q1", "Hello")).text == "You said: Hello"
        assert (await browser.http.get("/widget.js")).status_code == 200
