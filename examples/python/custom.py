"""Any custom integration. Here the platform is a terminal: a line ``USER TEXT`` is what a person says."""

import asyncio
import sys

from secondme_avatar import AvatarClient, AvatarError, Event, OwnerReplyEvent, ReplyEvent, Visitor


def tell(user: str | None, text: object) -> None:
    print(f"{user}: {text}", flush=True)  # Your platform's way to a person.


async def answer(client: AvatarClient, user: str, text: str) -> None:
    try:
        chat = await client.open(visitor := Visitor.for_user("custom", user, tag=user))
        if text == "/raw":  # A call that has no method here.
            path = f"/rest/general/message/latest?sessionId={chat.session_id}"
            return tell(user, await client.request("GET", path, visitor=visitor))
        async for piece in chat.stream(text):
            tell(user, piece)
    except AvatarError:
        tell(user, "Sorry, there is no answer just now.")


def heard(event: Event) -> None:
    if isinstance(event, OwnerReplyEvent | ReplyEvent) and not event.asked:  # No question waits for it.
        tell(event.tag, event.text)


async def main() -> None:
    async with AvatarClient(store="avatar.db") as client:  # Sessions go on after a restart.
        client.on(OwnerReplyEvent)(heard)
        client.on(ReplyEvent)(heard)
        await client.recover(all=True)  # Also what was said since the last run.
        answers: set[asyncio.Task[None]] = set()
        while line := await asyncio.to_thread(sys.stdin.readline):
            answers.add(asyncio.create_task(answer(client, *line.strip().partition(" ")[::2])))
        await asyncio.gather(*answers)


asyncio.run(main())
