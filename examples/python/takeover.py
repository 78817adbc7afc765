"""A bot that keeps quiet while the avatar's owner speaks in person.

It passes on what the avatar says. When the owner takes over it says so, once; when the avatar answers again, it goes
on.
"""

import asyncio

from secondme_avatar import (
    AvatarClient,
    ClosedEvent,
    HandedBackEvent,
    OwnerReplyEvent,
    ReplyEvent,
    TakenOverEvent,
    Visitor,
)


async def main() -> None:
    async with AvatarClient() as client:
        chat = await client.open(Visitor.for_user("feishu", "ou_abc"))
        events = chat.events()
        await chat.send("Can I talk with a human?")

        async for event in events:
            match event:
                case TakenOverEvent():
                    print("bot: the owner is here, I keep quiet")
                case OwnerReplyEvent(text):
                    print(f"owner: {text}", flush=True)
                case HandedBackEvent():
                    print("bot: the avatar is back")
                case ReplyEvent(text):
                    print(f"avatar: {text}", flush=True)
                case ClosedEvent():
                    break
                case _:
                    pass


asyncio.run(main())
