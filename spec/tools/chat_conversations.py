"""Conversations through Visitor Chat; every answer and every frame is held against its schema."""

import asyncio
import json

import requests
import websockets

from conversations import FILES, TALK, check_frame, violations

DESCRIPTION = "openapi-visitor-chat.yaml"
VISITOR_ID = "web_6ba7b810-9dad-11d1-80b4-00c04fd430c8"

# What each conversation is played under.
SWITCHES = [
    [],
    ["--visitor-chat-frame-ids", "none", "--visitor-chat-socket-url", "opaque"],
    ["--visitor-chat-echo", "content", "--visitor-chat-echo-id", "absent", "--id-form", "number"],
    ["--visitor-chat-echo", "none", "--visitor-chat-send-answer", "message-id", "--visitor-chat-voice", "type"],
    ["--visitor-chat-send-answer", "absent", "--visitor-chat-opening", "absent", "--visitor-chat-voice", "urls"],
    ["--visitor-chat-opening", "null", "--visitor-chat-expires-in", "string", "--end-mark", "twice"],
]
# And what every failure is played under.
SHAPES = [
    ["--visitor-chat-failure-form", form, "--visitor-chat-failure-http", http]
    for form in ("sub-code", "error-code", "detail")
    for http in ("code", "200")
]
SHAPE_NAMES = {"sub-code": "FailureInSubCode", "error-code": "FailureInErrorCode", "detail": "FailureInDetail"}
FIELDS = {"sub-code": "subCode", "error-code": "error_code", "detail": "detail"}


class Chat:
    """One visitor, who checks everything it is told."""

    def __init__(self, started):
        self.started, self.problems, self.kinds, self.seen = started, [], set(), 0

    def call(self, path, body, token=None, schema=None):
        """Makes a call, and checks its answer against the schemas of that call and that status."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        what = {"data": body} if path.startswith("/api/oauth") else {"json": body}
        answer = requests.post(self.started["lab_base_url"] + path, headers=headers, timeout=10, **what)
        said, status = answer.json(), str(answer.status_code)
        self.seen += 1
        responses = FILES[DESCRIPTION]["paths"][path]["post"]["responses"]
        if status not in responses:
            self.problems.append(f"{path}: status {status} stands nowhere: {said}")
            return status, said
        at = f"/paths/{path.replace('/', '~1')}/post/responses/{status}"
        at = responses[status].get("$ref", f"#{at}")[1:]
        at += "/content/application~1json/schema"
        if said.get("code") == 0:
            at += "/anyOf/0"
        elif schema:
            at = f"/components/schemas/{schema}"
        self.problems += [f"{path}: {one}" for one in violations(DESCRIPTION, at, said)]
        return status, said

    def data(self, *arguments):
        status, said = self.call(*arguments)
        if status != "200" or said.get("code") != 0:
            self.problems.append(f"{arguments}: {said}")
        return said.get("data")

    def form(self, **changed):
        form = {"grant_type": "client_credentials", "scope": "chat.write"}
        return form | {name: self.started[name] for name in ("client_id", "client_secret")} | changed

    def token(self):
        return self.data("/api/oauth/token/client", self.form())["accessToken"]

    def init(self, token, **changed):
        body = {"apiKey": self.started["api_key"], "visitorId": VISITOR_ID, "visitorName": "张三"}
        return self.data("/api/secondme/visitor-chat/init", body | changed, token)

    def message(self, session, text):
        return {"sessionId": str(session), "apiKey": self.started["api_key"], "message": text}

    async def hear(self, socket, until):
        while True:
            frame = json.loads(await asyncio.wait_for(socket.recv(), 10))
            self.seen += 1
            if "voice.mp3" in json.dumps(frame):
                kind, problems = "Voice", violations("asyncapi.yaml", "/components/schemas/Voice", frame)
            elif frame == {"type": "pong"}:
                kind, problems = "BarePong", violations("asyncapi.yaml", "/components/schemas/BarePong", frame)
            else:
                kind, problems = check_frame(frame)
            self.kinds.add(kind)
            self.problems += [f"frame {frame}: {one}" for one in problems]
            if until(frame):
                return

    def control(self, path, body):
        answer = requests.post(f"{self.started['control_url']}/{path}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()

    async def converse(self):
        token = self.token()
        chat = self.init(token)
        session = str(chat["sessionId"])
        async with websockets.connect(chat["wsUrl"], compression=None) as socket:
            await socket.send(json.dumps({"type": "ping"}))
            await self.hear(socket, lambda frame: frame.get("type") == "pong")
            self.data("/api/secondme/visitor-chat/send", self.message(session, "talk"), token)
            await self.hear(socket, lambda frame: "I'm back." in json.dumps(frame))
            self.control("push", {"sessionId": session, "voice": "https://example.com/voice.mp3"})
            await self.hear(socket, lambda frame: "voice.mp3" in json.dumps(frame))
            self.control("owner/reply", {"sessionId": session, "text": "It is me"})
            await self.hear(socket, lambda frame: "It is me" in json.dumps(frame))
        user = self.control("user-tokens", {"user": "ann"})["token"]
        self.data("/api/secondme/visitor-chat/init", {"apiKey": self.started["api_key"]}, user)

    def fail(self, shape):
        """A failure of each kind that this door knows."""
        token = self.token()
        session = self.init(token)["sessionId"]
        send, init = "/api/secondme/visitor-chat/send", "/api/secondme/visitor-chat/init"
        fetch = "/api/oauth/token/client"
        wrong = {"apiKey": "sk-other", "visitorId": VISITOR_ID}
        for code, *call in [
            ("oauth2.client.secret_mismatch", fetch, self.form(client_secret="wrong")),
            ("oauth2.application.not_found", fetch, self.form(client_id="unknown")),
            ("oauth2.scope.invalid", fetch, self.form(scope="user.read")),
            ("oauth2.token.invalid", init, wrong, "lba_at_unknown"),
            ("apikey.auth.invalid", init, wrong, token),
            ("session_not_found", send, self.message("unknown", "Hi"), token),
        ]:
            self.refused(code, shape, *call)
        for path, body, caller in [
            (fetch, {}, None),
            (init, {}, token),
            (send, self.message(session, "Hi") | {"wsId": "x"}, token),
        ]:
            status, said = self.call(path, body, caller, "Unprocessable")
            if status != "422":
                self.problems.append(f"{path} with {body} got {status}: {said}")
        status, said = self.call(init, wrong, None, "FailureInDetail")
        if status != "401":
            self.problems.append(f"{init} without a token got {status}: {said}")
        self.control("settings", {"money": "refused"})
        self.refused("avatar.unlock.required", shape, send, self.message(session, "Hi"), token)
        self.control("settings", {"visitor-chat-quota": "per-key", "quota-per-minute": 1, "retry-after": "seconds"})
        self.call(send, self.message(session, "Hi"), token)
        self.refused("open.api.rate.limited", shape, send, self.message(session, "Hi"), token)
        self.control("chat-tokens", {"standing": "revoked"})
        self.refused("oauth2.token.revoked", shape, send, self.message(session, "Hi"), token)
        app = {name.replace("_", "-"): self.started[name] for name in ("client_id", "client_secret")}
        self.control("settings", {"apps": [app | {"standing": "suspended"}]})
        self.refused("oauth2.application.suspended", shape, fetch, self.form())

    def refused(self, code, shape, path, body, token=None):
        _, said = self.call(path, body, token, SHAPE_NAMES[shape])
        if said.get(FIELDS[shape]) != code:
            self.problems.append(f"{path} with {body} got {said}, not {code}")


async def play_all(emulator):
    """Plays every conversation; how many went by the schemas, and how many did not."""
    passed, failed, seen, kinds = 0, 0, 0, set()
    for options in SWITCHES + SHAPES:
        brain = ["--brain", str(TALK)] if options in SWITCHES else []
        with emulator(*brain, *options) as started:
            chat = Chat(started)
            if options in SHAPES:
                chat.fail(options[1])
            else:
                await chat.converse()
            kinds |= chat.kinds
            seen += chat.seen
            passed, failed = passed + (not chat.problems), failed + bool(chat.problems)
            if chat.problems:
                print(f"FAILED {' '.join(options) or 'by default'}")
                print("\n".join(f"  {problem}" for problem in dict.fromkeys(chat.problems)))
    unheard = {"Voice", "BarePong", "Pong", "AvatarReply", "ClientMessage", "Failure"} - kinds
    if unheard:
        failed += 1
        print(f"FAILED no conversation had a frame of {sorted(unheard)}")
    print(f"{seen} answers and frames in {len(SWITCHES) + len(SHAPES)} conversations through Visitor Chat")
    return passed, failed
