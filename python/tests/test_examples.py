"""Each example, and each program in the READMEs, as it stands."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from secondme_avatar.testing import Emulator

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "python"
READMES = [(ROOT / path).read_text(encoding="utf-8") for path in ("README.md", "python/README.md")]
PROGRAMS = [
    text
    for readme in READMES
    for text in re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    if "def test_" not in text
]


def run(name: str) -> str:
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name)], capture_output=True, text=True, check=True, timeout=60
    ).stdout


@pytest.fixture
def start(emulator: Emulator) -> Iterator[Callable[[str], "subprocess.Popen[str]"]]:
    started: list[subprocess.Popen[str]] = []

    def begin(name: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen([sys.executable, str(EXAMPLES / name)], stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


ANSWER = "You said: Hello, tell me about yourself"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("quickstart.py", f"My Assistant: Hello! 👋\nMy Assistant: {ANSWER}\n"),
        ("script.py", f"My Assistant: {ANSWER}\n"),
        ("streaming.py", f"{ANSWER}\n39 characters in all, from 0 sources\n"),
        ("callbacks.py", f"avatar: {ANSWER}\n"),
    ],
)
def test_an_example_says(name: str, said: str, emulator: Emulator) -> None:
    assert run(name) == said


def test_errors_says_what_to_do_and_hands_the_message_back(emulator: Emulator) -> None:
    assert run("errors.py") == "sent\n"
    emulator.sync.fault({"at": "message/send", "do": {"fail": "some.code"}})
    said, unsent = run("errors.py").splitlines()
    assert "some.code" in said
    assert unsent == "not sent: The invoice is paid"
    emulator.sync.fault({"at": "auth", "do": {"fail": "open.api.key.not.found"}})
    assert run("errors.py") == "the key was refused: another one is needed\n"


def test_takeover(start: Callable[[str], "subprocess.Popen[str]"], emulator: Emulator) -> None:
    then = [{"owner": "takes-over"}, {"owner": {"says": "It is me"}}, {"owner": {"says": "Still me"}}]
    then += [{"owner": "hands-back"}, {"say": "Here I am again"}]
    emulator.sync.settings(brain={"script": {"rules": [{"when": "any", "then": then}]}})
    bot = start("takeover.py")
    assert bot.stdout is not None
    assert [bot.stdout.readline() for _ in range(5)] == [
        "bot: the owner is here, I keep quiet\n",
        "owner: It is me\n",
        "owner: Still me\n",
        "bot: the avatar is back\n",
        "avatar: Here I am again\n",
    ]


def test_many_visitors(start: Callable[[str], "subprocess.Popen[str]"]) -> None:
    bot = start("many_visitors.py")
    assert bot.stdout is not None
    users = ["ada", "grace", "mary"]
    said = {bot.stdout.readline() for _ in users}
    assert said == {f"{user}: You said: Hello\n" for user in users}


def carried(folder: Path, lines: str) -> dict[str, list[str]]:
    """What the program tells people whose messages are these lines."""
    program = [sys.executable, str(EXAMPLES / "custom.py")]
    ended = subprocess.run(program, input=lines, capture_output=True, text=True, check=True, timeout=60, cwd=folder)
    told: dict[str, list[str]] = {}
    for line in ended.stdout.splitlines():
        user, _, text = line.partition(": ")
        told.setdefault(user, []).append(text)
    return told


def test_a_custom_integration_goes_on_after_a_restart_and_is_kind_about_errors(
    emulator: Emulator, tmp_path: Path
) -> None:
    emulator.sync.settings(piece_delay="300ms")
    told = carried(tmp_path, "ada Who are you?\ngrace And I?\n")
    assert "".join(told["ada"]) == "You said: Who are you?"
    assert "".join(told["grace"]) == "You said: And I?"
    assert len(told["ada"]) > 1
    sessions = emulator.sync.state()["sessions"]
    session = next(one for one in sessions if any(message["text"] == "And I?" for message in one["messages"]))
    emulator.sync.call("POST", "owner/reply", {"sessionId": session["sessionId"], "text": "It is me"})
    emulator.sync.call("POST", "owner/handback", {"sessionId": session["sessionId"]})
    emulator.sync.fault({"at": "message/send", "do": {"fail": "some.code"}})
    told = carried(tmp_path, "ada Hello\ngrace /raw\n")
    assert told["ada"] == ["Sorry, there is no answer just now."]
    assert any("It is me" in text for text in told["grace"])
    assert any("messageId" in text for text in told["grace"])
    assert len(emulator.sync.state()["sessions"]) == 2


def test_the_readmes_have_programs() -> None:
    assert len(PROGRAMS) >= 6


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_a_program_of_a_readme_runs(
    number: int, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, text = tmp_path / "program.py", PROGRAMS[number]
    if "visitor_chat" in text:
        monkeypatch.setenv("SECONDME_BASE_URL", emulator.lab_base_url)
        text = text.replace("lba_at_…", emulator.sync.issue_user_token("ann"))
    program.write_text(text, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path
    )
    assert (ended.returncode, ended.stderr) == (0, "")
