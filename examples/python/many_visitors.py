"""A bot with many visitors: what is said to any of them comes in one place."""

import asyncio

from secondme_avatar import AvatarClient, AvatarError, OwnerReplyEvent, ReplyEvent, Visitor


async def pass_on(client: AvatarClient, user: str, text: str) -> None:
    try:
        # A visitor whose conversation is open already gets that one.
        # The tag is the bot's own, and comes back with every event.
        chat = await client.open(Visitor.for_user("slack", user, name=user, tag=user))
        await chat.send(text)
    except AvatarError as error:
        print(f"{user}: not sent: {error}")


async def main() -> None:
    # So many hold a socket at a time, and each gives it up after ten minutes without a message.
    async with AvatarClient(max_live=500, idle_after=600) as client:
        events = client.events()

        # In a bot, these are the messages that the platform brings.
        passing_on = asyncio.gather(*(pass_on(client, user, "Hello") for user in ("ada", "grace", "mary")))

        async for event in events:
            # In a bot they go back, to this user.
            if isinstance(event, ReplyEvent | OwnerReplyEvent):
                print(f"{event.tag}: {event.text}", flush=True)
        await passing_on


asyncio.run(main())
