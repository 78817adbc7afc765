"""What a user would write by hand after reading the vendor's page, with aiohttp, and with the care that it asks for:
connections that are kept, answers parsed once."""

import asyncio
import json
import random
import time
from typing import Any

import aiohttp

Json = dict[str, Any]


class ByHand:
    """One visitor's conversation: the page's steps 0 to 5 in its order, a ping every 15 s, replies put together."""

    def __init__(self, http: aiohttp.ClientSession, base_url: str, visitor: str) -> None:
        self.http = http
        self.base_url = base_url
        self.headers = {"Fp": visitor}
        self.visitor = visitor
        self.waiting: list[asyncio.Future[str]] = []
        self.text = ""

    async def open(self, key: str) -> "ByHand":
        self.headers["Authorization"] = f"Bearer {key}"
        auth = await self.call("/rest/open/avatar/auth", {"visitorId": self.visitor})
        del self.headers["Authorization"]
        self.headers["token"] = auth["visitorToken"]
        self.user_id = auth["visitorUserId"]
        share_code = auth["avatarShareCode"]
        self.mind_id = (await self.call("/rest/os/avatar/chat/init", {"shareCode": share_code}))["mindId"]
        about = {"userId": self.user_id, "channel": ["ALL"], "apiVersion": "1.3.0", "sdkVersion": "1.0.0"}
        socket = await self.call("/rest/general/ws/create", about)
        self.ws_id = socket["wsId"]
        about = {
            "mindId": int(auth["visitorMindId"]),
            "mindType": "shadow",
            "mode": "PERSONAL",
            "sessionType": "SHARE",
            "memberUserIds": [auth["ownerUserId"]],
        }
        self.session_id = (await self.call("/rest/general/session/create", about))["sessionId"]
        avatar = await self.call(f"/rest/os/avatar/public/{share_code}")
        about = {"avatarId": avatar["id"], "sessionId": self.session_id}
        await self.call("/rest/os/avatar/chat/start", about)
        self.socket = await self.http.ws_connect(socket["address"])
        self.tasks = [asyncio.create_task(self.listen()), asyncio.create_task(self.beat())]
        return self

    async def listen(self) -> None:
        async for message in self.socket:
            frame = json.loads(message.data)
            if frame["type"] != "msg":
                continue
            await self.socket.send_str(json.dumps({"type": "ack", "seqId": frame["seqId"], "wsId": self.ws_id}))
            is_echo = frame["sender"] == "client" and frame.get("sendUserId") == self.user_id
            if is_echo or frame["sessionId"] != self.session_id:
                continue
            self.text += "".join(part["modal"]["answer"] for part in frame["multipleData"])
            if frame.get("index", -1) == -1:
                text, self.text = self.text, ""
                if self.waiting:
                    self.waiting.pop(0).set_result(text)

    async def beat(self) -> None:
        while True:
            await self.socket.send_str(json.dumps({"type": "ping", "wsId": self.ws_id}))
            await asyncio.sleep(15)

    async def ask(self, text: str) -> str:
        reply = asyncio.get_running_loop().create_future()
        self.waiting.append(reply)
        now = int(time.time() * 1000)
        message = f"{random.getrandbits(64)}_____{now}"
        about = {
            "timestamp": now,
            "seqId": message,
            "messageId": message,
            "sessionId": self.session_id,
            "userId": self.user_id,
            "sendUserId": self.user_id,
            "mindId": self.mind_id,
            "wsId": self.ws_id,
            "index": 0,
            "dataType": "text",
            "sender": "client",
            "type": "msg",
            "data": {"content": text},
        }
        await self.call("/rest/general/message/send", about)
        return await reply

    async def call(self, path: str, body: Json | None = None) -> Any:
        method = "GET" if body is None else "POST"
        async with self.http.request(method, self.base_url + path, json=body, headers=self.headers) as answer:
            said = await answer.json()
        if said["code"] != 0:
            raise RuntimeError(f"{path}: {said}")
        return said["data"]

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await self.socket.close()
