"""The names of ``secondme_avatar.bridge`` are those of docs/bridge.md, where Node's stand beside them."""

import dataclasses
import inspect
import re
import typing

from conftest import ROOT
from secondme_avatar import bridge

PAGE = (ROOT / "docs" / "bridge.md").read_text("utf-8")
ROW = re.compile(r"^\| (?:`([^`]*)`)? ?\| (?:`([^`]*)`)? ?\| ?(.*?) ?\|$", re.M)
UNITS = {"updateIntervalMs", "maxAgeMs", "retryAfterMs", "keepIdsMs", "patienceMs"}
"""What is in milliseconds there, and in seconds here."""


def surface() -> set[str]:
    """The exported names, and as ``Name.member`` what they hold."""
    names = set(bridge.__all__)
    for name in bridge.__all__:
        value = getattr(bridge, name)
        if values := typing.get_args(value):
            names |= {f"{name}.'{one}'" for one in values}
            continue
        members = set(typing.get_type_hints(value)) if name != "AskOptions" else set()
        if dataclasses.is_dataclass(value):
            members = {field.name for field in dataclasses.fields(value)}
        members |= {member for member, _ in inspect.getmembers(value) if member in vars(value)}
        if name == "RetryLater":
            members |= set(inspect.signature(value).parameters)
        if name == "AskOptions":
            continue
        names |= {f"{name}.{member}" for member in members if not member.startswith("_")}
    options = list(inspect.signature(bridge.Bridge).parameters)[1:]
    return names | {f"BridgeOptions.{option}" for option in options}


def test_the_page_about_the_bridge_has_every_name_of_pythons_and_no_other() -> None:
    named = [python for _, python, _ in ROW.findall(PAGE) if python]
    assert len(named) == len(set(named))
    assert set(named) == surface()


def test_a_concept_has_the_same_name_in_node_and_in_python_and_one_of_one_language_has_a_reason() -> None:
    rows = ROW.findall(PAGE)
    assert len(rows) > 80
    for node, python, reason in rows:
        if node and python:
            assert python == _in_python(node)
        else:
            assert reason, f"{node or python} is a name of one language: say why"


def _in_python(name: str) -> str:
    kind, _, member = name.partition(".")
    if not member or member.startswith("'"):
        return name
    if member in UNITS:
        member = member.removesuffix("Ms")
    return f"{kind}." + re.sub(r"(?<!^)([A-Z])", lambda found: "_" + found[1].lower(), member)
