"""What to do when a call fails: a wrong key, a full quota, a message that comes back."""

import asyncio

from secondme_avatar import AuthenticationError, AvatarClient, AvatarError, RateLimitedError, Visitor


async def tell(text: str) -> None:
    async with AvatarClient() as client:
        chat = await client.open(Visitor.for_user("web", "user-1"))
        await chat.send(text)


async def main() -> None:
    try:
        await tell("The invoice is paid")
        print("sent")
    except AuthenticationError:
        print("the key was refused: another one is needed")
    except RateLimitedError as error:
        print(f"too many new visitors: again in {error.retry_after} s")
    except AvatarError as error:
        print(error)  # It says what happened, and what to do.
        if error.unsent:
            print("not sent:" if error.unsent.certain else "perhaps sent:", error.unsent.text)
        if error.retryable:
            print("it may work later")


asyncio.run(main())
