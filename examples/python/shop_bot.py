"""A bot, as its author would write it: `test_shop_bot.py` tests it without the service."""

from secondme_avatar import AvatarClient, DeadlineError, Visitor


class ShopBot:
    """Lets the avatar answer, and remembers what it could not."""

    def __init__(self, client: AvatarClient) -> None:
        self.client = client
        self.unanswered: list[str] = []

    async def answer(self, user: str, question: str) -> str:
        chat = await self.client.open(Visitor.for_user("shop", user))
        try:
            reply = await chat.ask(question, deadline=30)
        except DeadlineError:
            self.unanswered.append(question)
            return "I have to look that up."
        return f"{reply.text} (in person)" if reply.author == "owner" else reply.text
