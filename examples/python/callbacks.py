"""Functions that are called with what happens, instead of a loop."""

import asyncio

from secondme_avatar import AvatarClient, OwnerReplyEvent, ReplyEvent, Visitor


async def main() -> None:
    async with AvatarClient() as client:

        @client.on(OwnerReplyEvent)
        async def _(event: OwnerReplyEvent) -> None:
            print(f"in person: {event.text}")

        @client.on(ReplyEvent)
        def _(event: ReplyEvent) -> None:
            print(f"avatar: {event.text}")

        chat = await client.open(Visitor.for_user("web", "user-1"))
        await chat.ask("Hello, tell me about yourself")


asyncio.run(main())
