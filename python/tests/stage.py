"""What a scenario is played on: an emulator, a client, and all that was heard. See ``spec/scenarios/README.md``."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from matching import in_order, matches
from secondme_avatar import (
    AvatarClient,
    AvatarError,
    Card,
    ClosedEvent,
    Conversation,
    Credentials,
    CredentialsRequest,
    DisconnectedEvent,
    Event,
    Events,
    OwnerReplyEvent,
    ReconnectedEvent,
    Reply,
    ReplyEvent,
    SessionReplacedEvent,
    StateChangedEvent,
    TokenRequest,
    UnknownEvent,
    UnsentEvent,
    Visitor,
)
from secondme_avatar.testing import Emulator

Json = dict[str, Any]

PATIENCE = 10.0
LOOK = 0.002
WORDS = {
    "in",
    "as",
    "text",
    "collect",
    "count",
    "name",
    "visitor_id",
    "later",
    "gives",
    "fails",
    "events",
    "replies",
    "is",
    "key",
    "prefix",
    "lifetime",
    "message_id",
    "method",
    "path",
    "body",
}
"""What may stand in a step, so that a slip of the pen does not pass for a check that was met."""
FREE = {"call", "service"}
"""Whose words are the emulator's."""
OPTIONS = {
    "acknowledge",
    "ping_unnamed",
    "delivery",
    "origin",
    "quota",
    "heartbeat",
    "reply_idle",
    "open_deadline",
    "send_deadline",
    "ask_deadline",
    "first_piece_deadline",
    "owner_deadline",
}


class Failure(AssertionError):
    """The scenario does not hold."""


def in_turn(tokens: list[str]) -> Callable[[TokenRequest], Coroutine[Any, Any, str]]:
    """A caller's tokens: the first, and after each refusal the next, as long as there is one."""
    refusals = 0

    async def token(request: TokenRequest) -> str:
        nonlocal refusals
        refusals += request.refused
        return tokens[min(refusals, len(tokens) - 1)]

    return token


def given(emulator: Emulator, words: list[str]) -> Callable[[CredentialsRequest], Coroutine[Any, Any, Credentials]]:
    """A caller's credentials, as its words say, one after the other."""
    keys = {"authenticated": emulator.api_key, "unknown_key": "sk-unknown"}
    rest = iter(words)
    last: list[Credentials] = []

    async def credentials(request: CredentialsRequest) -> Credentials:
        match next(rest, "throws"):
            case "same":
                return last[-1]
            case "throws":
                raise LookupError("no user is signed in")
            case word:
                async with emulator.client(api_key=keys[word]) as server:
                    last.append(await server.authenticate(Visitor.parse(request.visitor_id)))
                return last[-1]

    return credentials


class Stage:
    """An emulator and a client of it."""

    def __init__(self, emulator: Emulator, client: AvatarClient) -> None:
        self.emulator = emulator
        self.client = client
        self.events: Events = client.events()
        self.heard: list[Event] = []
        self.chats: dict[str, Conversation] = {}
        self.replaced: dict[str, str] = {}
        self.read: dict[str, int] = {}
        self.later: dict[str, asyncio.Task[Any]] = {}
        self.listener = asyncio.create_task(self._listen())

    @classmethod
    async def set(cls, emulator: Emulator, scenario: Json) -> "Stage":
        options = dict(scenario.get("client") or {})
        key = options.pop("key", emulator.api_key)
        secret, tokens = options.pop("client_secret", None), options.pop("user_tokens", None)
        words = options.pop("credentials", None)
        if unknown := options.keys() - OPTIONS:
            raise Failure(f"there is no client option {unknown}")
        match scenario.get("door", "avatar-open-api"):
            case "avatar-open-api" if words is not None:
                options = {"base_url": emulator.base_url, **options}
                client = AvatarClient.with_credentials(given(emulator, words), **options)
            case "avatar-open-api":
                client = emulator.client(api_key=key, **options)
            case "visitor-chat" if tokens is None:
                client = emulator.visitor_chat(client_secret=secret, api_key=key, **options)
            case "visitor-chat":
                client = emulator.visitor_chat(api_key=key, token=in_turn(tokens), **options)
            case door:
                raise Failure(f"there is no door {door}")
        for call, part in (("settings", "emulator"), ("faults", "faults")):
            if scenario.get(part):
                await emulator.call("POST", call, scenario[part])
        return cls(emulator, client)

    async def play(self, step: Json) -> None:
        """Plays one step: one verb, and what it is about."""
        ((verb, about),) = step.items()
        about = self._substitute(about)
        if isinstance(about, dict) and verb not in FREE and (unknown := about.keys() - WORDS):
            raise Failure(f"`{verb}` knows no {unknown}")
        match verb:
            case "seconds":
                for _ in range(about):
                    self.client.advance_clock(1)
                    await self.emulator.advance(1)
            case "call":
                for call, body in about.items():
                    await self.emulator.call("POST", call, body)
            case "service":
                await self._until(lambda: self._service(about))
            case "journal":
                await self._until(lambda: self._journal(about))
            case "expect":
                await self._expect(about["in"], about["events"])
            case "heard":
                await self._until(lambda: self._replies(about["in"], about["replies"]))
            case "never":
                met = [e for e in self._events_of(about["in"]) if any(matches(p, e) for p in about["events"])]
                if met:
                    raise Failure(f"there was {met}")
            case "state":
                chat = self.chats[about["in"]]

                async def look() -> str | None:
                    return None if chat.state == about["is"] else f"it is {chat.state}"

                await self._until(look)
            case "await":
                await self._settle(self.later.pop(about["in"]), about)
            case _:
                work = self._work(verb, {"in": about} if isinstance(about, str) else about)
                task = asyncio.create_task(work)
                if isinstance(about, dict) and "later" in about:
                    self.later[about["later"]] = task
                else:
                    await self._settle(task, about)

    async def clear(self) -> None:
        """Ends the scenario: whatever still waits must come to an end by closing."""
        async with asyncio.timeout(PATIENCE):
            await self.client.close()
            await asyncio.gather(*self.later.values(), return_exceptions=True)
            await self.listener

    async def _listen(self) -> None:
        async for event in self.events:
            if isinstance(event, SessionReplacedEvent):
                # The conversation goes on in another session, and what was heard in the old one is its own.
                self.replaced[event.from_] = event.to
            self.heard.append(event)

    async def _work(self, verb: str, about: Json) -> Json:
        """Does what a program would do with the library."""
        if verb in ("set_note", "add_note", "note", "delete_note", "notes", "request"):
            return await self._keep(verb, visitor_of(about["in"], about) if "in" in about else None, about)
        name: str = about["in"]
        if verb == "open":
            return self._opened(name, await self.client.open(visitor_of(name, about)))
        chat = self.chats[name]
        terms = {term: about[term] for term in ("collect", "message_id") if term in about}
        match verb:
            case "new_session":
                return self._opened(about["as"], await chat.new_session())
            case "ask":
                return {**reply_as_json(await chat.ask(about["text"], **terms)), "type": "reply"}
            case "stream":
                return {"text": "".join([piece async for piece in chat.stream(about["text"], **terms)])}
            case "send":
                sent = await chat.send(about["text"], **terms)
                return {"message_id": sent.message_id, "confirmed_by": sent.confirmed_by}
            case "history":
                messages = await chat.history(about.get("count", 50))
                return {"messages": [{"id": one.id, "author": one.author, "text": one.text} for one in messages]}
            case "close" | "end" | "pause" | "resume" | "network_changed":
                await getattr(chat, verb)()
                return {}
        raise Failure(f"there is no step `{verb}`")

    async def _keep(self, verb: str, visitor: Visitor | None, about: Json) -> Json:
        """What a program does with the client beside its conversations: notes, and calls of its own."""
        if verb == "request":
            path = "".join(about["path"])
            return {"data": await self.client.request(about["method"], path, about.get("body"), visitor=visitor)}
        if visitor is None:
            notes = await self.client.notes(about["prefix"])
            return {"notes": [{"visitor_id": one.visitor.id, "key": one.key, "text": one.text} for one in notes]}
        key, text, lifetime = about["key"], about.get("text", ""), about.get("lifetime")
        match verb:
            case "set_note":
                await self.client.set_note(visitor, key, text, lifetime=lifetime)
                return {}
            case "add_note":
                return {"done": await self.client.add_note(visitor, key, text, lifetime=lifetime)}
            case "delete_note":
                return {"done": await self.client.delete_note(visitor, key)}
        return {"text": await self.client.note(visitor, key)}

    def _opened(self, name: str, chat: Conversation) -> Json:
        self.chats[name] = chat
        return {
            "opening": chat.opening,
            "avatar_name": chat.avatar_name,
            "visitor_id": chat.visitor_id,
            "session_id": chat.session_id,
        }

    async def _settle(self, task: "asyncio.Task[Json]", about: Any) -> None:
        """Waits for a result, and holds it against what the scenario says."""
        expected = about if isinstance(about, dict) else {}
        try:
            async with asyncio.timeout(PATIENCE):
                found, part = await task, "gives"
        except AvatarError as error:
            found, part = error_as_json(error), "fails"
        is_wanted = (part == "fails") == ("fails" in expected)
        if not is_wanted or not matches(expected.get(part) or {}, found):
            raise Failure(f"it came to {found}")

    async def _expect(self, name: str, events: list[Json]) -> None:
        """These events, in this order; others may stand between. Those before were expected already."""
        start = self.read.get(name, 0)

        async def look() -> str | None:
            read, missed = in_order(events, self._events_of(name)[start:])
            self.read[name] = start + read
            return missed and f"no {missed}"

        await self._until(look)

    async def _service(self, wanted: Json) -> str | None:
        state = await self.emulator.state()
        return None if matches(wanted, state) else str(state)

    async def _journal(self, wanted: list[Json]) -> str | None:
        entries = (await self.emulator.journal())["entries"]
        _, missed = in_order(wanted, entries)
        return missed and f"no {missed}"

    async def _replies(self, name: str, wanted: list[Json]) -> str | None:
        said = [
            {"author": event["author"], "text": event["text"]}
            for event in self._events_of(name)
            if event["type"] in ("reply", "owner_reply")
        ]
        return None if matches(wanted, said) else f"it was {said}"

    async def _until(self, look: Callable[[], Awaitable[str | None]] | Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Looks again until nothing is missing any more."""
        end = time.monotonic() + PATIENCE
        while (missing := await look()) is not None:
            if time.monotonic() > end:
                raise Failure(missing)
            await asyncio.sleep(LOOK)

    def _events_of(self, name: str) -> list[Json]:
        """The events of a conversation: those of its session, and those of its visitor that name none."""
        visitor = self._visitor_of(name)
        session = self.chats[name].session_id if name in self.chats else None
        return [
            as_json(event)
            for event in self.heard
            if event.visitor_id == visitor and (None in (session, event.session_id) or self._now(event) == session)
        ]

    def _now(self, event: Event) -> str | None:
        session = event.session_id
        while session in self.replaced:
            session = self.replaced[session]
        return session

    def _visitor_of(self, name: str) -> str:
        chat = self.chats.get(name)
        return chat.visitor_id if chat else Visitor.for_user("scenario", name.partition("/")[0]).id

    def _substitute(self, value: Any) -> Any:
        match value:
            case str() if value.startswith("$"):
                name, _, what = value[1:].rpartition(".")
                return self.chats[name].session_id if what == "session" else self._visitor_of(name)
            case list():
                return [self._substitute(item) for item in value]
            case dict():
                return {name: self._substitute(item) for name, item in value.items()}
        return value


def visitor_of(name: str, about: Json) -> Visitor:
    """The visitor of a conversation's name; or the one whose id the scenario gives."""
    named = {"name": about["name"], "channel": "scenario"} if "name" in about else {}
    if "visitor_id" in about:
        return Visitor.parse(about["visitor_id"], **named)
    return Visitor.for_user("scenario", name, **named)


def as_json(event: Event) -> Json:
    """The event as scenarios write it."""
    match event:
        case StateChangedEvent(to, before):
            return {"type": event.type, "from": before, "to": to}
        case ClosedEvent(reason, error):
            return {"type": event.type, "reason": reason, "error": error and error_as_json(error)}
        case DisconnectedEvent(retry_in, cause, code, reason):
            lost = {"retry_in": retry_in, "cause": error_as_json(cause)}
            return {"type": event.type, **lost, "close_code": code, "close_reason": reason}
        case ReconnectedEvent(gap, frames):
            return {"type": event.type, "gap": gap, "frames": frames}
        case UnknownEvent():
            return {"type": event.type, "raw": event.raw}
        case ReplyEvent() | OwnerReplyEvent():
            return {"type": event.type, **reply_as_json(event)}
        case UnsentEvent(message, error):
            return {"type": event.type, **message.to_dict(), "error": error_as_json(error)}
    return {"type": event.type, **_fields(event)}


def reply_as_json(reply: Reply | ReplyEvent | OwnerReplyEvent) -> Json:
    """The reply as scenarios write it."""
    parts = [{"text": part} if isinstance(part, str) else _card(part) for part in reply.parts]
    return {**_fields(reply), "parts": parts}


def _fields(of: Event | Reply) -> Json:
    values = {name: getattr(of, name) for name in vars(type(of))["__match_args__"]}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _card(card: Card) -> Json:
    return {"card": card.template, "params": card.params}


def error_as_json(error: AvatarError) -> Json:
    """The failure as scenarios write it."""
    return {
        "kind": error.kind,
        "code": error.code,
        "step": error.step,
        "retryable": error.retryable,
        "retry_after": error.retry_after,
        "unsent": error.unsent and {"text": error.unsent.text, "certain": error.unsent.certain},
    }
