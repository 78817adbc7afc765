"""No key, secret or password stands in what a program sees of a client that could not be made."""

from __future__ import annotations

import traceback

import pytest

import secondme_avatar
import secondme_avatar.sync
from secondme_avatar import AvatarClient, MisuseError

KEY = "sk-0123456789abcdef"
SECRET = "app-secret-0123"
PASSWORD = "hunter22"
PROXY = f"socks5://ada:{PASSWORD}@proxy.example.com:1080"

FACES = [secondme_avatar.AvatarClient, secondme_avatar.sync.AvatarClient]


def shown_of(failed: BaseException) -> str:
    """All frames below this file's with their variables, as pytest and error reporters print them."""
    frames = traceback.walk_tb(failed.__traceback__)
    own = [frame for frame, _ in frames if frame.f_code.co_filename != __file__]
    assert own, "the failure comes from the library"
    variables = [f"{name}={value!r}" for frame in own for name, value in frame.f_locals.items()]
    return "\n".join([repr(failed), str(failed), *variables])


@pytest.mark.parametrize("face", FACES)
def test_a_constructor_that_fails_shows_neither_the_key_nor_the_proxy_s_password(face: type[AvatarClient]) -> None:
    with pytest.raises(MisuseError) as failed:
        face(KEY, proxy=PROXY)
    shown = shown_of(failed.value)
    assert "api_key='…'" in shown
    for secret in (KEY, PASSWORD):
        assert secret not in shown, shown


@pytest.mark.parametrize("face", FACES)
def test_nor_does_the_one_of_visitor_chat_show_the_app_s_secret(face: type[AvatarClient]) -> None:
    with pytest.raises(MisuseError) as failed:
        face.visitor_chat("app", SECRET, KEY, proxy=PROXY)
    shown = shown_of(failed.value)
    for secret in (KEY, SECRET, PASSWORD):
        assert secret not in shown, shown


def test_nor_what_the_environment_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECONDME_API_KEY", KEY)
    monkeypatch.setenv("SECONDME_CLIENT_ID", "app")
    monkeypatch.setenv("SECONDME_CLIENT_SECRET", SECRET)
    for make in (AvatarClient, AvatarClient.visitor_chat):
        with pytest.raises(MisuseError) as failed:
            make(heartbeat=1.0)
        shown = shown_of(failed.value)
        for secret in (KEY, SECRET):
            assert secret not in shown, shown


@pytest.mark.parametrize("face", FACES)
def test_a_client_half_made_prints(face: type[AvatarClient]) -> None:
    assert repr(face.__new__(face)) == "<AvatarClient that could not be made>"
