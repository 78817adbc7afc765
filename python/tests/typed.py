"""What type checkers must take, and what they must refuse: mypy and pyright read this, nothing runs it."""
# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, NoReturn

from secondme_avatar import (
    AvatarClient,
    ClientOptions,
    ClosedEvent,
    Conversation,
    DeliveredEvent,
    DisconnectedEvent,
    Event,
    EventName,
    HandedBackEvent,
    NoticeEvent,
    OpenedEvent,
    OwnerReplyEvent,
    ReconnectedEvent,
    ReplyDeltaEvent,
    ReplyEvent,
    ServiceErrorEvent,
    SessionReplacedEvent,
    StateChangedEvent,
    TakenOverEvent,
    TokenRequest,
    UnattributedEvent,
    UnknownEvent,
    UnsentEvent,
    Visitor,
    WaitingForQuotaEvent,
    sync,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack, assert_type


def never(value: NoReturn) -> NoReturn:
    raise AssertionError(value)


def every_kind(event: Event) -> str:
    match event:
        case (
            ReplyEvent(text)
            | OwnerReplyEvent(text)
            | ReplyDeltaEvent(text)
            | DeliveredEvent(text)
            | NoticeEvent(text)
            | UnattributedEvent(text)
        ):
            return text
        case UnsentEvent(message):
            return message.text if message.certain else ""
        case OpenedEvent(opening):
            return opening
        case StateChangedEvent(to):
            return to
        case ServiceErrorEvent(code):
            return code
        case DisconnectedEvent(_, cause):
            return cause.kind
        case ClosedEvent(reason):
            return reason
        case SessionReplacedEvent(before, to):
            return before + to
        case ReconnectedEvent() | WaitingForQuotaEvent() | TakenOverEvent() | HandedBackEvent() | UnknownEvent():
            return event.type
        case _:
            never(event)


def a_kind_is_left_out(event: Event) -> str:
    match event:
        case ReplyEvent(text):
            return text
        case _:
            never(event)  # type: ignore[arg-type]


def callbacks(client: AvatarClient, chat: Conversation, name: EventName) -> None:
    @client.on("reply")
    async def replied(event: ReplyEvent) -> None:
        assert_type(event.text, str)

    @chat.on(DisconnectedEvent)
    def lost(event: DisconnectedEvent) -> float:
        return event.retry_in

    @chat.on(name)
    def anything(event: Event) -> None: ...

    @client.on("owner_reply")  # type: ignore[arg-type]
    def wrong(event: ReplyEvent) -> None: ...

    client.on("ownerReply")  # type: ignore[call-overload]
    client.off(replied)


def options(**given: Unpack[ClientOptions]) -> AvatarClient:
    AvatarClient(**given, no_such=1)  # type: ignore[call-arg]
    options(quota="many")  # type: ignore[arg-type]
    return AvatarClient(**given)


def doors(**given: Unpack[ClientOptions]) -> None:
    async def token(request: TokenRequest) -> str:
        assert_type(request.refused, bool)
        return request.visitor_id

    def plain(request: TokenRequest) -> str:
        return request.visitor_id

    def number(_: TokenRequest) -> int:
        return 1

    assert_type(AvatarClient.visitor_chat("app-id", "app-secret", "sk-1", **given), AvatarClient)
    AvatarClient.visitor_chat(token=token)
    AvatarClient.visitor_chat(token=plain, quota=60)
    AvatarClient.visitor_chat(token=number)  # type: ignore[arg-type]
    AvatarClient.visitor_chat(token="lba_at_1")  # type: ignore[arg-type]
    assert_type(sync.AvatarClient.visitor_chat(token=plain), sync.AvatarClient)
    sync.AvatarClient.visitor_chat(token=token)  # type: ignore[arg-type]


async def closing(chat: Conversation) -> None:
    async with aclosing(chat.stream("Hello")) as pieces:
        async for piece in pieces:
            assert_type(piece.author == "owner", bool)
    async with aclosing(chat.events()) as events:
        async for event in events:
            assert_type(event, Event)


class Sealed:
    def seal(self, data: bytes) -> bytes:
        return data

    def unseal(self, data: bytes) -> bytes:
        return data


class Unsealed:
    def seal(self, data: bytes) -> str:
        return ""

    def unseal(self, data: bytes) -> bytes:
        return data


async def people(client: AvatarClient, plain: sync.AvatarClient, visitor: Visitor) -> None:
    AvatarClient(store="avatar.db", seal=Sealed(), retention=3600)
    AvatarClient(store="avatar.db", seal=Unsealed())  # type: ignore[arg-type]
    if TYPE_CHECKING:
        assert_type(await client.export(visitor), str)
        assert_type(await client.forget_idle(3600), int)
        assert_type(plain.export(visitor), str)
        assert_type(plain.forget_idle(3600), int)
    await client.forget(visitor)
