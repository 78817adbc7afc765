"""An app without the key, the server that has it, and a key that is replaced."""

import asyncio
import json
from typing import Any

import pytest
from fastapi import FastAPI, Request
from httpx import ASGITransport, AsyncClient, Response

from secondme_avatar import (
    AuthenticationError,
    AvatarClient,
    Credentials,
    CredentialsRequest,
    InvalidAnswerError,
    MisuseError,
    RateLimitedError,
    Visitor,
    sync,
)
from secondme_avatar.fastapi import credentials_route
from secondme_avatar.testing import Emulator

ADA = Visitor.for_user("test", "ada")
BOB = Visitor.for_user("test", "bob")


async def test_an_app_speaks_without_the_key_and_asks_again_once_its_token_is_refused(emulator: Emulator) -> None:
    asked: list[CredentialsRequest] = []
    async with emulator.client() as server:

        async def credentials(request: CredentialsRequest) -> Credentials:
            asked.append(request)
            return Credentials.from_json((await server.authenticate(ADA)).to_json())

        async with AvatarClient.with_credentials(credentials, base_url=emulator.base_url) as app:
            me = (await server.authenticate(ADA)).visitor()
            assert me.id == ADA.id
            chat = await app.open(me)
            assert (await chat.ask("Hello")).text == "You said: Hello"
            await emulator.fault({"at": "message/send", "do": "expired-token"})
            assert (await chat.ask("Still there?")).text == "You said: Still there?"
            assert [(request.visitor_id, request.refused) for request in asked] == [(ADA.id, False), (ADA.id, True)]
            with pytest.raises(MisuseError, match="this client has no API key"):
                await app.authenticate(ADA)
            with pytest.raises(MisuseError, match="this client has no API key"):
                app.set_api_key("sk-other")
            with pytest.raises(MisuseError, match="open the visitor that the credentials name"):
                await app.open(BOB)
        assert server.stats().authentications == 4


async def test_credentials_are_shown_by_their_visitor_alone(emulator: Emulator) -> None:
    async with emulator.client() as server:
        credentials = await server.authenticate(ADA)
    text = credentials.to_json()
    token = json.loads(text)["visitorToken"]
    assert token not in repr(credentials)
    assert ADA.id in repr(credentials)
    assert Credentials.from_json(text) == credentials
    assert credentials.visitor_id == ADA.id
    with pytest.raises(InvalidAnswerError) as raised:
        Credentials.from_json(text.replace("visitorMindId", "another"))
    assert token not in str(raised.value)


async def test_what_the_function_raises_or_returns_is_the_error_of_the_calls_that_wait(emulator: Emulator) -> None:
    def signed_out(_: CredentialsRequest) -> Credentials:
        raise LookupError("no user is signed in, token=secret")

    def nothing(_: CredentialsRequest) -> Any:
        return None

    for function, kind, says in (
        (signed_out, AuthenticationError, "gives the visitors' credentials has failed: LookupError"),
        (nothing, MisuseError, "returned an object of type NoneType and not a `Credentials`"),
    ):
        async with AvatarClient.with_credentials(function, base_url=emulator.base_url) as app:
            with pytest.raises(kind, match=says):
                await app.open(ADA)
    with pytest.raises(MisuseError, match="`credentials` takes a function of a `CredentialsRequest`"):
        AvatarClient.with_credentials("sk-key")  # type: ignore[arg-type]


def test_the_plain_face_has_them_too(emulator: Emulator) -> None:
    with sync.AvatarClient(emulator.api_key, base_url=emulator.base_url) as server:

        def credentials(request: CredentialsRequest) -> Credentials:
            return server.authenticate(Visitor.parse(request.visitor_id))

        with sync.AvatarClient.with_credentials(credentials, base_url=emulator.base_url) as app:
            assert app.open(ADA).ask("Hello").text == "You said: Hello"

        async def wrong(_: CredentialsRequest) -> Credentials:
            raise AssertionError

        with pytest.raises(MisuseError, match="`credentials` is an async function"):
            sync.AvatarClient.with_credentials(wrong, base_url=emulator.base_url)  # type: ignore[arg-type]


async def test_a_key_is_replaced_while_people_talk(emulator: Emulator) -> None:
    avatar = (await emulator.settings())["avatars"][0]["share-code"]
    first = {"key": emulator.api_key, "share-code": avatar}
    await emulator.settings(keys=[first, {**first, "key": "sk-second"}])
    async with emulator.client() as client:
        chat = await client.open(ADA)
        client.set_api_key("sk-second")
        await emulator.settings(keys=[{**first, "disabled": True}, {**first, "key": "sk-second"}])
        await emulator.fault({"at": "message/send", "do": "expired-token"})
        assert (await chat.ask("Hello")).text == "You said: Hello"
        assert (await (await client.open(BOB)).ask("Hi")).text == "You said: Hi"
        with pytest.raises(MisuseError, match="starts with `sk-`"):
            client.set_api_key("pk-third")


USERS = {"session-of-ada": "ada", "session-of-bob": "bob"}


def server_of(client: Any) -> FastAPI:
    app = FastAPI()

    @app.post("/avatar")
    @credentials_route(client)
    async def visitor_of(request: Request) -> Visitor | None:
        user = USERS.get(request.headers.get("Authorization", ""))
        return Visitor.for_user("test", user) if user else None

    return app


async def ask(app: FastAPI, session: str | None, **more: Any) -> Response:
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://server") as http:
        headers = {"Authorization": session} if session else {}
        return await http.post("/avatar", headers=headers, **more)


async def test_the_handler_gives_each_signed_in_user_their_own_and_a_stranger_none(emulator: Emulator) -> None:
    async with emulator.client() as client:
        app = server_of(client)
        # What the request says of itself changes nothing.
        ada, bob = await asyncio.gather(
            ask(app, "session-of-ada", json={"visitorId": BOB.id}),
            ask(app, "session-of-bob", params={"visitorId": ADA.id}),
        )
        assert [Credentials.from_json(answer.text).visitor_id for answer in (ada, bob)] == [ADA.id, BOB.id]
        stranger = await ask(app, None)
        assert (stranger.status_code, stranger.json()) == (401, {"error": "not_signed_in", "code": None})
        for answer in (ada, bob, stranger):
            assert answer.headers["Cache-Control"] == "no-store"
        assert (await emulator.state())["calls"]["auth"] == 2


async def test_the_handler_answers_failures_without_their_words(emulator: Emulator) -> None:
    async with emulator.client(quota=1) as client:
        app = server_of(client)
        assert (await ask(app, "session-of-ada")).status_code == 200
        full = await ask(app, "session-of-bob")
        assert full.status_code == 429
        assert int(full.headers["Retry-After"]) > 30
        with pytest.raises(RateLimitedError):
            await client.authenticate(BOB)
    async with AvatarClient("sk-unknown", base_url=emulator.base_url) as client:
        refused = await ask(server_of(client), "session-of-ada")
        assert (refused.status_code, refused.json()["error"]) == (500, "authentication")
        assert refused.headers["Cache-Control"] == "no-store"
