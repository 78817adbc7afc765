"""The same without asyncio."""

from secondme_avatar import Visitor
from secondme_avatar.sync import AvatarClient

with AvatarClient() as client:
    chat = client.open(Visitor.for_user("web", "user-1", name="Grace"))
    print(f"{chat.avatar_name}: {chat.ask('Hello, tell me about yourself').text}")
