"""A server that has the key, for an app that has none: each signed-in user gets the credentials of their own visitor.

::

    pip install fastapi uvicorn
    SECONDME_API_KEY=sk-… uvicorn credentials_server:app

Run it from this folder. The login here is a table of session tokens: put yours in its place.
"""

from fastapi import FastAPI, Request

from secondme_avatar import AvatarClient, Visitor
from secondme_avatar.fastapi import credentials_route

USERS = {"session-of-ada": "ada", "session-of-bob": "bob"}

avatar = AvatarClient()
app = FastAPI()


@app.post("/avatar")
@credentials_route(avatar)
async def visitor_of(request: Request) -> Visitor | None:
    scheme, _, session = request.headers.get("Authorization", "").partition(" ")
    user = USERS.get(session) if scheme == "Bearer" else None
    return Visitor.for_user("myapp", user, name=user.title()) if user else None
