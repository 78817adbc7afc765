"""The two faces, ``secondme_avatar`` and ``secondme_avatar.sync``, have the same methods with the same arguments."""

import inspect
from typing import Any

import pytest

import secondme_avatar
from secondme_avatar import sync

ASYNC_ALONE = {"on", "off", "aclose"}
"""Callbacks need an event loop; ``aclose`` is for ``contextlib.aclosing``."""


def public(kind: type) -> dict[str, Any]:
    """The methods and properties of a class, those that it inherits from this package too."""
    members = {name: inspect.getattr_static(kind, name) for name in dir(kind) if not name.startswith("_")}
    return {name: plain(member) for name, member in members.items()}


def plain(member: Any) -> Any:
    """The function in a property or a class method."""
    return getattr(member, "fget", None) or getattr(member, "__func__", member)


def arguments(function: Any) -> str:
    """What a method takes and gives. Without an event loop only plain functions give tokens and credentials."""
    return str(inspect.signature(function)).replace("Plain", "Async")


@pytest.mark.parametrize("name", sync.__all__)
def test_both_faces_have_the_same_methods(name: str) -> None:
    ours, theirs = (public(getattr(face, name)) for face in (secondme_avatar, sync))
    assert ours.keys() - ASYNC_ALONE == theirs.keys()
    for method, function in theirs.items():
        assert arguments(function) == arguments(ours[method]), f"{name}.{method}"


def test_both_faces_are_made_with_the_same_options() -> None:
    assert inspect.signature(sync.AvatarClient) == inspect.signature(secondme_avatar.AvatarClient)
