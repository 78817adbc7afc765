"""The package imported anew, and where it cannot be imported."""

import subprocess
from collections.abc import Callable

import pytest

from secondme_avatar.testing import Emulator
from test_process import INTERPRETERS

ANEW = """
import asyncio, importlib, sys
import secondme_avatar
from secondme_avatar import AvatarClient, AvatarError, Visitor, sync

def first():
    try:
        AvatarClient("bad")
    except AvatarError as error:
        return type(error)

assert first() is secondme_avatar.MisuseError
{how}
import secondme_avatar as again
from secondme_avatar.sync import AvatarClient as Again
assert again.AvatarError is not AvatarError
try:
    again.AvatarClient("bad")
except again.AvatarError as error:
    print("caught", type(error) is again.MisuseError)
with Again() as client:
    chat = client.open(again.Visitor.for_user("test", "ada"))
    try:
        chat.history(0)
    except again.MisuseError:
        print("caught")
    print(type(next(chat.stream("x"))) is again.Piece, type(client.stats()) is again.Stats)
    print(isinstance(chat.ask("x"), again.Reply))
"""


@pytest.mark.parametrize(
    "how",
    [
        "for name in [name for name in sys.modules if name.startswith('secondme_avatar')]: del sys.modules[name]",
        "for name in [name for name in sys.modules if name.startswith('secondme_avatar') and '_native' not in name]:"
        " del sys.modules[name]",
        "for name in '_plain', '_error', '_values', '_errors', '_event_classes', 'events', '_streams', '_callbacks', "
        "'_on', '_conversation', '_options', '_base', '_client', '_native', '':"
        " name and importlib.reload(sys.modules['secondme_avatar.' + name])\n"
        "importlib.reload(secondme_avatar)\nimportlib.reload(sync)",
    ],
    ids=["all of it", "all but the native module", "reloaded"],
)
def test_a_package_that_is_imported_anew_raises_its_own_classes(
    how: str, emulator: Emulator, script: Callable[[str], list[str]]
) -> None:
    ended = subprocess.run(script(ANEW.format(how=how)), capture_output=True, text=True, timeout=30, check=False)
    assert (ended.stderr, ended.stdout) == ("", "caught True\ncaught\nTrue True\nTrue\n")


IN_A_SUBINTERPRETER = """
import sys
sys.path[:] = {path!r}
try:
    import secondme_avatar
except ImportError as error:
    print("refused:", error)
"""


@pytest.mark.parametrize("version", [version for version in INTERPRETERS if int(version[2:]) in (12, 13)])
def test_a_subinterpreter_is_told_what_to_use(version: str, script: Callable[[str], list[str]]) -> None:
    program = script(
        "import sys\n"
        "try:\n    import _interpreters as them\nexcept ImportError:\n    import _xxsubinterpreters as them\n"
        f"work = {IN_A_SUBINTERPRETER!r}.format(path=sys.path)\n"
        "print(them.run_string(them.create(), work) or '')\n"
    )
    program[0] = INTERPRETERS[version]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=30, check=False)
    assert "refused: secondme_avatar runs in the main interpreter only" in ended.stdout, ended
