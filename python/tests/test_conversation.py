"""What a program does with a conversation."""

import asyncio
import contextlib
import pickle
from contextlib import aclosing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

import secondme_avatar
from secondme_avatar import (
    AvatarClient,
    AvatarError,
    Card,
    ClosedError,
    ClosedEvent,
    ConnectionFailedError,
    Conversation,
    DeadlineError,
    DeliveredEvent,
    DisconnectedEvent,
    HandedBackEvent,
    MisuseError,
    OpenedEvent,
    OwnerReplyEvent,
    Piece,
    Reply,
    ReplyDeltaEvent,
    ReplyEvent,
    StateChangedEvent,
    TakenOverEvent,
    UnknownEvent,
    UnsupportedError,
    Visitor,
    new_message_id,
)
from secondme_avatar.testing import Emulator
from waiting import until


async def test_a_question_gets_the_whole_reply(chat: Conversation) -> None:
    reply = await chat.ask("Who are you?")
    assert (reply.text, reply.author, reply.ended) == ("You said: Who are you?", "avatar", "mark")
    assert isinstance(reply, Reply)


async def test_a_reply_comes_piece_by_piece_and_then_whole(chat: Conversation) -> None:
    stream = chat.stream("one two three four five six")
    pieces = [piece async for piece in stream]
    assert "".join(pieces) == "You said: one two three four five six"
    assert all(isinstance(piece, Piece) and piece.author == "avatar" for piece in pieces)
    assert stream.reply is not None
    assert stream.reply.text == "".join(pieces)


async def test_a_stream_that_fails_raises(chat: Conversation) -> None:
    with pytest.raises(MisuseError, match="empty"):
        await anext(chat.stream(""))


async def test_a_stream_that_is_closed_ends(chat: Conversation, emulator: Emulator) -> None:
    await emulator.settings(reply_delay="60m")
    async with chat.stream("Hello") as stream:
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
    with pytest.raises(StopAsyncIteration):
        await waiting


async def test_questions_are_answered_in_order(chat: Conversation) -> None:
    replies = await asyncio.gather(*(chat.ask(f"question {n}") for n in range(5)))
    assert [reply.text for reply in replies] == [f"You said: question {n}" for n in range(5)]


async def test_a_message_is_sent(chat: Conversation, emulator: Emulator) -> None:
    sent = await chat.send("Hello")
    assert sent.confirmed_by in ("answer", "echo")
    await emulator.wait_until(lambda state: state["calls"]["message/send"] == 1)


async def test_a_durable_message_outlives_the_process_that_sent_it(emulator: Emulator, tmp_path: object) -> None:
    ada = Visitor.for_user("test", "ada")
    async with emulator.client(store=f"{tmp_path}/avatar.db") as client:
        chat = await client.open(ada)
        events = chat.events()
        await emulator.fault({"at": "connect", "do": "refuse", "chance": 1.0})
        await emulator.close_sockets()
        await until(events, DisconnectedEvent)
        kept = await chat.send("The invoice is paid", durable=True)
        await client.close(deadline=0)
    await emulator.clear_faults()
    async with emulator.client(store=f"{tmp_path}/avatar.db") as client:
        events = client.events()
        assert await client.recover() == [ada.id]
        delivered = await until(events, DeliveredEvent)
        assert (delivered.text, delivered.message_id) == ("The invoice is paid", kept)


async def test_a_durable_message_needs_a_store(chat: Conversation) -> None:
    with pytest.raises(MisuseError, match="store"):
        await chat.send("x", durable=True)


async def test_history_is_paged(chat: Conversation) -> None:
    await chat.ask("one")
    await chat.ask("two")
    messages = await chat.history()
    assert [message.text for message in messages] == ["one", "You said: one", "two", "You said: two"]
    assert [message.author for message in messages] == ["visitor", "avatar"] * 2
    older = await chat.history(1, before=messages[2].seq_id)
    assert [message.text for message in older] == ["You said: one"]


async def test_a_message_of_the_past_has_its_time(chat: Conversation) -> None:
    await chat.ask("one")
    for message in await chat.history():
        assert message.timestamp is not None
        assert message.timestamp.utcoffset() == timedelta(0)
        assert abs(datetime.now(timezone.utc) - message.timestamp) < timedelta(hours=1)
        assert datetime.fromisoformat(message.to_dict()["timestamp"]) == message.timestamp


@pytest.mark.parametrize("count", [-1, 2**64, 1.5, 0])
async def test_a_count_that_is_wrong_is_misuse(chat: Conversation, count: int) -> None:
    with pytest.raises(MisuseError, match="whole number that is not negative" if count else "1 to 1000"):
        await chat.history(count)


async def test_a_deadline_that_is_wrong_is_misuse(client: AvatarClient, chat: Conversation) -> None:
    for deadline in (-1, 1e300):
        with pytest.raises(MisuseError, match="`deadline` is"):
            await client.close(deadline=deadline)
        with pytest.raises(MisuseError, match="`deadline` is"):
            await chat.ask("Hello", deadline=deadline)
    assert chat.state == "live"


async def test_a_second_session_is_another_conversation(chat: Conversation) -> None:
    other = await chat.new_session()
    assert other.visitor_id == chat.visitor_id
    assert other.session_id != chat.session_id
    events = other.events()
    await other.ask("Hello")
    reply = await until(events, ReplyEvent)
    assert (reply.conversation, reply.session_id, reply.visitor_id) == (1, other.session_id, chat.visitor_id)
    assert (chat.key, other.key) == (0, 1)


async def test_the_owner_speaks_in_person(chat: Conversation, emulator: Emulator) -> None:
    events = chat.events()
    await emulator.owner_reply(chat, "Hi, this is the real me")
    reply = await until(events, OwnerReplyEvent)
    assert (reply.text, reply.author) == ("Hi, this is the real me", "owner")
    await emulator.owner_handback(chat)
    assert (await chat.ask("Hello")).author == "avatar"


async def test_the_owner_takes_over_and_hands_back(chat: Conversation, emulator: Emulator) -> None:
    events = chat.events()
    assert not chat.taken_over
    await emulator.owner_reply(chat, "Hi, this is the real me")
    await until(events, TakenOverEvent)
    assert chat.taken_over
    await until(events, OwnerReplyEvent)
    await emulator.owner_handback(chat)
    assert (await chat.ask("Hello")).author == "avatar"
    await until(events, HandedBackEvent)
    assert not chat.taken_over


async def test_a_reply_says_whether_a_call_received_it_as_well(chat: Conversation) -> None:
    events = chat.events()
    assert (await chat.ask("one")).asked
    await chat.send("two")
    assert (await until(events, ReplyDeltaEvent)).asked
    heard = [await until(events, ReplyEvent) for _ in range(2)]
    assert [(reply.text, reply.asked) for reply in heard] == [("You said: one", True), ("You said: two", False)]


async def test_a_stream_that_is_stopped_holds_up_no_question(chat: Conversation, emulator: Emulator) -> None:
    await emulator.settings(piece_delay="60m")
    stream = chat.stream("one two three four five six")
    first = await anext(stream)
    stream.stop()
    await emulator.settings(piece_delay="0ms")
    assert "".join([first, *[piece async for piece in stream]]) in "You said: one two three four five six"
    async with asyncio.timeout(5):
        await chat.send("another")
    async with aclosing(chat.stream("Hello")) as pieces:
        waiting = asyncio.ensure_future(anext(pieces))
        await asyncio.sleep(0)
    with contextlib.suppress(StopAsyncIteration):
        await waiting
    with pytest.raises(StopAsyncIteration):
        await anext(pieces)


async def test_a_subscription_that_is_finished_gives_what_has_come_and_ends(
    client: AvatarClient, chat: Conversation, emulator: Emulator
) -> None:
    events = chat.events()
    await chat.ask("one")
    events.finish()
    await chat.ask("two")
    texts = [event.text async for event in events if isinstance(event, ReplyEvent)]
    assert texts == ["You said: one"]
    waiting = client.events()
    listening = asyncio.ensure_future(anext(waiting))
    await asyncio.sleep(0)
    waiting.finish()
    with pytest.raises(StopAsyncIteration):
        await listening


async def test_a_lost_link_says_why(client: AvatarClient, chat: Conversation, emulator: Emulator) -> None:
    events = client.events()
    await emulator.close_sockets(code=1012, reason="restart")
    lost = await until(events, DisconnectedEvent)
    assert "1012" in str(lost.cause)
    assert isinstance(lost.cause, AvatarError)


async def test_every_event_has_the_visitor_s_tag(client: AvatarClient) -> None:
    events = client.events()
    chat = await client.open(Visitor.for_user("test", "ada", tag="group 7"))
    await chat.ask("Hello")
    assert [piece async for piece in chat.stream("Hello")]
    assert chat.tag == "group 7"
    await chat.close()
    events.finish()
    assert {event.tag async for event in events} == {"group 7"}


async def test_the_next_process_knows_its_visitors_and_hears_them(emulator: Emulator, tmp_path: Path) -> None:
    ada = Visitor.for_user("test", "ada", name="Ada", tag="group 7")
    async with emulator.client(store=tmp_path / "avatar.db") as client:
        chat = await client.open(ada)
        await chat.ask("Hello")
        session = chat.session_id or ""
    async with emulator.client(store=tmp_path / "avatar.db") as client:
        events = client.events()
        assert await client.recover() == []
        assert await client.known() == [ada]
        assert [visitor.tag for visitor in await client.known()] == ["group 7"]
        assert await client.recover(all=True) == [ada.id]
        await until(events, OpenedEvent)
        await emulator.owner_reply(session, "Hi")
        assert (await until(events, OwnerReplyEvent)).tag == "group 7"
        await client.backup(tmp_path / "copy.db")
        assert client.stats().stored_visitors == 1
        assert client.stats().stored_messages == 0
    async with emulator.client(store=tmp_path / "copy.db") as client:
        assert await client.known() == [ada]
    async with emulator.client() as client:
        assert await client.known() == []
        with pytest.raises(UnsupportedError, match="store"):
            await client.backup(tmp_path / "none.db")


async def test_a_paused_conversation_hears_later_what_was_said(chat: Conversation, emulator: Emulator) -> None:
    events = chat.events()
    await chat.pause()
    assert chat.state == "paused"
    await emulator.owner_reply(chat, "Are you there?")
    await chat.resume()
    assert (await until(events, OwnerReplyEvent)).text == "Are you there?"
    await chat.network_changed()


async def test_closing_ends_everything(client: AvatarClient, chat: Conversation) -> None:
    events, all_events = chat.events(), client.events()
    await chat.close()
    closed = [event async for event in events][-1]
    assert isinstance(closed, ClosedEvent)
    assert (closed.reason, closed.error) == ("requested", None)
    with pytest.raises(ClosedError) as failed:
        await chat.ask("too late")
    assert failed.value.kind == "closed"
    await client.close()
    await client.close()
    assert [event.type async for event in all_events][-1] == "closed"
    with pytest.raises(ClosedError, match="client is closed"):
        await client.open(Visitor.for_user("test", "ada"))


async def test_an_ended_session_begins_anew(client: AvatarClient, chat: Conversation) -> None:
    before = chat.session_id
    await chat.end()
    again = await client.open(Visitor.for_user("test", "ada"))
    assert again.session_id != before


async def test_a_visitor_who_is_open_gets_the_same_conversation(client: AvatarClient) -> None:
    ada = Visitor.for_user("test", "ada")
    chats = await asyncio.gather(*(client.open(ada) for _ in range(5)))
    assert len({chat.session_id for chat in chats}) == 1
    assert client.stats().visitors == 1
    assert client.stats().authentications == 1


async def test_events_are_matched_and_shown(client: AvatarClient, emulator: Emulator) -> None:
    await emulator.settings(streaming="whole")
    events = client.events()
    chat = await client.open(Visitor.for_user("test", "ada"))
    await chat.ask("Hello")
    await emulator.push(chat, frame={"type": "news"})
    seen = []
    async for event in events:
        seen.append(event)
        match event:
            case UnknownEvent():
                break
    match seen[0], seen[1]:
        case OpenedEvent(opening, resumed=False), StateChangedEvent("live", "opening"):
            assert opening == chat.opening
        case _:
            pytest.fail(repr(seen))
    delta = next(event for event in seen if isinstance(event, ReplyDeltaEvent))
    assert "You said: Hello" in (delta.raw or "")
    assert repr(delta).startswith(f"ReplyDeltaEvent(visitor_id='{chat.visitor_id}', text=<15 characters>, reply_id='")
    assert '"news"' in (seen[-1].raw or "")
    assert {event.type for event in seen} <= secondme_avatar.events.NAMES


async def test_without_raw_events_come_without_their_frames(client: AvatarClient, emulator: Emulator) -> None:
    chat = await client.open(Visitor.for_user("test", "ada"))
    subscriptions = [client.events(raw=False), chat.events(raw=False)]
    await chat.ask("Hello")
    await emulator.push(chat, frame={"type": "news"})
    for events in subscriptions:
        seen = []
        async for event in events:
            seen.append(event)
            if isinstance(event, UnknownEvent):
                break
        assert any(isinstance(event, ReplyEvent) for event in seen)
        assert {event.raw for event in seen} == {None}


async def test_cards_and_sources_are_python_s_own(client: AvatarClient, emulator: Emulator) -> None:
    price = {"template": "citation", "params": {"price": 12, "big": 2**63, "exact": 0.5, "old": None, "new": True}}
    say = {"text": "See", "whole": True, "cards": [price], "sources": [{"title": "Prices", "pages": [1, 2]}]}
    await emulator.settings(brain={"script": {"rules": [{"when": "any", "then": [{"say": say}]}]}})
    chat = await client.open(Visitor.for_user("test", "ada"))
    reply = await chat.ask("Hello")
    assert reply.parts == ("See", Card("citation", price["params"]))
    assert reply.sources == ({"title": "Prices", "pages": [1, 2]},)
    assert reply.speech == ()


async def test_failures_say_what_happened(emulator: Emulator) -> None:
    with pytest.raises(secondme_avatar.AuthenticationError) as refused:
        await emulator.client(api_key="sk-unknown").open(Visitor.for_user("test", "ada"))
    error = refused.value
    assert (error.kind, error.code, error.step) == ("authentication", "open.api.key.not.found", "authenticate")
    assert (error.retryable, error.retry_after, error.unsent) == (False, None, None)
    assert "sk-unknown" not in repr(error)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.args, again.code) == (type(error), error.args, error.code)


async def test_a_message_that_is_given_up_comes_back(
    client: AvatarClient, chat: Conversation, emulator: Emulator
) -> None:
    await emulator.fault({"at": "message/send", "do": "hang-before", "chance": 1.0})
    sending = asyncio.ensure_future(chat.send("my secret", deadline=15))
    while not (await emulator.faults())[0]["met"]:
        pass
    client.advance_clock(20)
    with pytest.raises(DeadlineError) as late:
        await sending
    error = late.value
    assert isinstance(error, TimeoutError)
    assert error.unsent is not None
    assert (error.unsent.text, error.unsent.certain) == ("my secret", False)
    assert "my secret" not in repr(error) + str(error) + repr(error.unsent)


async def test_what_lies_beneath_a_failure_is_its_cause() -> None:
    client = AvatarClient("sk-test", base_url="http://127.0.0.1:9", open_deadline=0.2)
    with pytest.raises((ConnectionFailedError, DeadlineError)) as failed:
        await client.open(Visitor.for_user("test", "ada"))
    assert failed.value.__cause__ is not None
    assert failed.value.retryable


async def test_a_message_goes_out_under_the_id_that_was_chosen(emulator: Emulator, client: AvatarClient) -> None:
    chat = await client.open(Visitor.for_user("test", "ada"))
    asked, streamed, sent, kept = (new_message_id() for _ in range(4))
    assert (await chat.ask("one", message_id=asked)).in_reply_to == asked
    async for _ in chat.stream("two", message_id=streamed):
        pass
    assert (await chat.send("three", message_id=sent)).message_id == sent
    history = [message.id for message in await chat.history() if message.author == "visitor"]
    assert history == [asked, streamed, sent]
    for wrong in [sent, "mine", "", kept.replace("_____", "____")]:
        with pytest.raises(MisuseError, match="message"):
            await chat.send("four", message_id=wrong)


def test_the_plain_face_takes_ids_too(emulator: Emulator, tmp_path: Path) -> None:
    with secondme_avatar.sync.AvatarClient(
        emulator.api_key, base_url=emulator.base_url, store=tmp_path / "avatar.db"
    ) as client:
        chat = client.open(Visitor.for_user("test", "ada"))
        asked, kept = new_message_id(), new_message_id()
        assert chat.ask("one", message_id=asked).in_reply_to == asked
        assert chat.send("two", durable=True, message_id=kept) == kept
