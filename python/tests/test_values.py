"""Visitors, options, errors, and what is shown of them."""

import copy
import inspect
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import secondme_avatar
import secondme_avatar.sync
from secondme_avatar import (
    AvatarClient,
    AvatarError,
    ClientOptions,
    Event,
    EventName,
    InvalidVisitorIdError,
    MisuseError,
    Visitor,
    _native,
    _values,
)

ROOT = Path(__file__).parents[2]


def test_the_same_person_is_the_same_visitor_in_every_language() -> None:
    for known in json.loads((ROOT / "spec" / "visitor-ids.json").read_text("utf-8")):
        who = known["platform"], known["userId"]
        made = Visitor.for_user_with_secret(*who, known["secret"]) if known["secret"] else Visitor.for_user(*who)
        assert made.id == known["id"]
    visitor = Visitor.for_user("feishu", "ou_abc", name="张三", channel="feishu")
    assert (visitor.platform, visitor.name, visitor.channel) == ("feishu", "张三", "feishu")
    assert Visitor.parse(visitor.id, name="张三", channel="feishu") == visitor
    assert Visitor.parse(visitor.id) != visitor
    assert len({visitor, Visitor.parse(visitor.id, name="张三", channel="feishu")}) == 1
    assert Visitor.random("web") != Visitor.random("web")
    for again in (copy.copy(visitor), pickle.loads(pickle.dumps(visitor))):
        assert again == visitor
    assert repr(visitor) == f"<Visitor {visitor.id}>"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Visitor.parse("Ada"),
        lambda: Visitor.for_user("web", ""),
        lambda: Visitor.for_user_with_secret("web", "", "0123456789abcdef"),
        lambda: Visitor.for_user_with_secret("web", "u", "hunter2"),
    ],
)
def test_what_is_no_visitor_is_a_value_error(make: object) -> None:
    with pytest.raises(InvalidVisitorIdError) as failed:
        make()  # type: ignore[operator]
    assert isinstance(failed.value, ValueError)
    assert failed.value.kind == "invalid_visitor_id"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"heartbeat": 60}, "heartbeat"),
        ({"heartbeat": -1}, "`heartbeat` is -1.0: pass seconds that are not negative"),
        ({"ask_deadline": 1e300}, "`ask_deadline` is 1e300: pass fewer seconds"),
        ({"ask_deadline": float("nan")}, "`ask_deadline` is NaN: pass seconds that are not negative"),
        ({"max_live": 0}, "max_live"),
        ({"max_live": -1}, "`max_live` takes a whole number"),
        ({"allow_insecure": "false"}, "`allow_insecure` takes `True` or `False`"),
        ({"origin": 4}, "`origin` takes a `str`"),
        ({"base_url": 4}, "`base_url` takes a `str`"),
        ({"pins": "sha256/no"}, "`pins` takes a list of `str`"),
        ({"pins": [4]}, "`pins` takes a `str`"),
        ({"pins": ["sha256/no"]}, "the option `pins` takes `sha256/`"),
        ({"socket_hosts": []}, "the option `socket_hosts` takes host names"),
        ({"heartbeat": "x"}, "`heartbeat` takes a number of seconds"),
        ({"ca_file": 5}, "`ca_file` takes a path"),
        ({"store": 5}, "`store` takes a path"),
        ({"delivery": "guess"}, "`checked`, `at_most_once` or `at_least_once`"),
        ({"base_url": "ftp://x"}, "base URL"),
        ({"base_url": "http://example.com"}, "insecure"),
        ({"proxy": "socks5://x:1"}, "SOCKS"),
        ({"ca_file": os.devnull}, "certificate"),
        ({"api_key": "pk-x"}, "API key"),
    ],
)
def test_options_that_are_wrong_say_what_to_do(options: dict[str, object], complaint: str) -> None:
    with pytest.raises(MisuseError, match=complaint):
        AvatarClient(**{"api_key": "sk-test", **options})  # type: ignore[arg-type]


def test_every_option_is_taken(tmp_path: object) -> None:
    client = AvatarClient(
        "sk-test",
        base_url="http://example.com",
        allow_insecure=True,
        proxy="http://ada:secret@proxy.example.com:3128",
        pins=["sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="],
        socket_hosts=("ws.second.me", "*.second.me"),
        heartbeat=5,
        acknowledge=False,
        reply_idle=1.5,
        delivery="at_least_once",
        event_queue=10,
        quota=100,
        max_live=10,
        idle_after=60,
        store=f"{tmp_path}/avatar.db",
        open_deadline=1,
        send_deadline=1,
        durable_deadline=1,
        history_deadline=1,
        close_deadline=1,
        ask_deadline=1,
        first_piece_deadline=1,
    )
    assert client.proxy == "proxy.example.com:3128"
    assert AvatarClient("sk-test", no_proxy=True).proxy is None
    assert repr(client) == "<AvatarClient of 0 visitors, 0 connected>"
    assert client.stats().frames == 0


def test_the_options_have_a_type_for_those_who_hand_them_on() -> None:
    taken = inspect.signature(AvatarClient).parameters.keys() - {"api_key"}
    assert ClientOptions.__annotations__.keys() == taken
    assert inspect.signature(secondme_avatar.sync.AvatarClient).parameters.keys() - {"api_key"} == taken


def test_the_events_names_are_those_of_their_classes() -> None:
    assert set(get_args(EventName)) == secondme_avatar.events.NAMES
    assert {kind.type for kind in get_args(Event)} == secondme_avatar.events.NAMES


def test_the_key_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SECONDME_API_KEY", raising=False)
    with pytest.raises(MisuseError, match="SECONDME_API_KEY"):
        AvatarClient()
    monkeypatch.setenv("SECONDME_CLIENT_ID", "")
    with pytest.raises(MisuseError, match="SECONDME_CLIENT_ID"):
        AvatarClient.visitor_chat()
    key = tmp_path / "key"
    key.write_text("sk-file\n")
    monkeypatch.setenv("SECONDME_API_KEY_FILE", str(key))
    AvatarClient()
    monkeypatch.setenv("SECONDME_API_KEY", "sk-test")
    with pytest.raises(MisuseError, match="both set"):
        AvatarClient()
    monkeypatch.setenv("SECONDME_API_KEY_FILE", "")
    monkeypatch.setenv("SECONDME_BASE_URL", "nonsense")
    with pytest.raises(MisuseError, match="base URL"):
        AvatarClient()
    AvatarClient(base_url="http://127.0.0.1:9")
    AvatarClient(environment="pre_release")
    monkeypatch.setenv("SECONDME_BASE_URL", "gateway")
    AvatarClient()


def test_where_the_service_is_is_said_once() -> None:
    with pytest.raises(MisuseError, match="`base_url` and `environment` both"):
        AvatarClient("sk-test", environment="gateway", base_url="http://127.0.0.1:9")
    with pytest.raises(MisuseError, match="`gateway`"):
        AvatarClient("sk-test", environment="moon")  # type: ignore[arg-type]
    with pytest.raises(MisuseError, match="`origin`"):
        AvatarClient("sk-test", origin="second-me.cn")


def test_every_kind_of_failure_has_its_class() -> None:
    kinds = {error.kind: error for error in AvatarError.__subclasses__()}
    assert {"authentication", "rate_limited", "taken_over", "misuse"} <= kinds.keys()
    for kind, error in kinds.items():
        assert error.__name__ == kind.title().replace("_", "") + "Error"


def test_everything_of_the_contract_is_public() -> None:
    events = {kind.__name__ for kind in _native.Event.__subclasses__()}
    errors = {kind.__name__ for kind in AvatarError.__subclasses__()}
    for names in (events, errors, set(_values.__all__), set(secondme_avatar.events.__all__)):
        assert names
        assert names <= set(secondme_avatar.__all__)


def test_the_page_names_every_event_with_its_fields_and_every_error() -> None:
    page = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    for event in _native.Event.__subclasses__():
        for name in (event.__name__, *event.__match_args__):  # type: ignore[attr-defined]
            assert f"`{name}`" in page, f"{event.__name__}: {name}"
    for error in AvatarError.__subclasses__():
        assert f"`{error.__name__}`" in page


def test_an_event_and_a_value_never_share_a_name() -> None:
    for kind in _native.Event.__subclasses__():
        assert kind.__name__ == kind.type.title().replace("_", "") + "Event"


def test_what_the_library_alone_makes_cannot_be_made() -> None:
    for kind in (_native.Event, _native.ReplyEvent, _native.Visitor, _native.Conversation):
        with pytest.raises(TypeError):
            kind()


def test_everything_public_is_documented() -> None:
    for name in secondme_avatar.__all__:
        thing = getattr(secondme_avatar, name)
        if isinstance(thing, type):
            assert thing.__doc__, name
            for member, value in vars(thing).items():
                if not member.startswith("_") and (callable(value) or isinstance(value, property)):
                    assert value.__doc__, f"{name}.{member}"


def test_importing_starts_nothing_and_brings_no_event_loop() -> None:
    ask = "import sys, threading, secondme_avatar; print(threading.active_count(), 'asyncio' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert said.stdout == "1 True\n"
