"""Conversations with the emulator; every answer and every frame is held against its schema."""

import asyncio
import json
import re
from pathlib import Path

import jsonschema
import requests
import websockets
import yaml
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

SPEC = Path(__file__).resolve().parent.parent
TALK = Path(__file__).with_name("talk.yaml")
FILES = {name: yaml.safe_load((SPEC / name).read_text()) for name in ("openapi.yaml", "openapi-visitor-chat.yaml", "asyncapi.yaml")}
REGISTRY = Registry().with_resources(
    (name, Resource.from_contents(file, default_specification=DRAFT202012)) for name, file in FILES.items()
)
DOCUMENTED = FILES["openapi.yaml"]["components"]["schemas"]["DocumentedCode"]["enum"]
VISITOR_ID = "feishu_550e8400-e29b-41d4-a716-446655440000"

# What each conversation is played under.
SWITCHES = [
    [],
    ["--frame-fields", "documented"],
    ["--client-text", "content", "--id-form", "number"],
    ["--streaming", "whole"],
    ["--end-mark", "empty", "--pings", "nothing"],
    ["--end-mark", "missing", "--second-socket", "both-get"],
    ["--end-mark", "twice", "--origin", "required", "--redelivery", "next-connection"],
]
# And what every failure is played under.
SHAPE_NAMES = {
    "code": "FailureInCode",
    "sub-code": "FailureInSubCode",
    "message": "FailureInMessage",
    "msg": "FailureInMsg",
    "error-code": "FailureInErrorCode",
    "detail": "FailureInDetail",
}
SHAPES = [
    ["--failure-shape", shape, "--failure-status", status] for shape in SHAPE_NAMES for status in ("200", "fitting")
]


def violations(file, pointer, value):
    validator = jsonschema.Draft202012Validator({"$ref": f"{file}#{pointer}"}, registry=REGISTRY)
    return [f"{pointer}: {error.json_path} {error.message}" for error in validator.iter_errors(value)]


def fields_of(schema):
    """The names a schema of asyncapi.yaml declares at its top."""
    names = set(schema.get("properties", {}))
    for part in schema.get("allOf", []):
        names |= fields_of(FILES["asyncapi.yaml"]["components"]["schemas"][part["$ref"].rsplit("/", 1)[1]])
    return names


def kind_of(frame):
    """The schema a frame has to match, by what tells frames apart."""
    if "subCode" in frame:
        return "Failure"
    by_type = {"hint": "Hint", "notice": "Notice", "recommend": "Recommend", "task": "Task", "cmd": "Command", "pong": "Pong"}
    if frame.get("type", "msg") != "msg":
        return by_type.get(frame["type"], "Other")
    return {"umm": "AvatarReply", "client": "ClientMessage"}[frame["sender"]]


def check_frame(frame):
    kind = kind_of(frame)
    problems = violations("asyncapi.yaml", f"/components/schemas/{kind}", frame)
    problems += violations("asyncapi.yaml", "/components/schemas/Frame", frame)
    known = fields_of(FILES["asyncapi.yaml"]["components"]["schemas"][kind])
    if kind != "Other" and not set(frame) <= known:
        problems.append(f"{kind}: {sorted(set(frame) - known)} stand in no schema")
    return kind, problems


class Talk:
    """One visitor, who checks everything it is told."""

    def __init__(self, started):
        self.base_url, self.key, self.control = started["base_url"], started["api_key"], started["control_url"]
        self.headers, self.problems, self.kinds, self.codes, self.seen = {}, [], set(), set(), 0
        self.number = 0

    def call(self, method, path, body=None, headers=None, shape=None):
        """Makes a call, and checks its answer against the schemas of that call and that status."""
        route = re.sub(r"public/.+", "public/{shareCode}", path.split("?")[0])
        headers = self.headers if headers is None else headers
        answer = requests.request(method, f"{self.base_url}/rest/{path}", json=body, headers=headers, timeout=10)
        at = f"/paths/~1rest~1{route.replace('/', '~1')}/{method.lower()}/responses/{answer.status_code}"
        said = answer.json()
        self.seen += 1
        try:
            response = FILES["openapi.yaml"]["paths"][f"/rest/{route}"][method.lower()]["responses"][str(answer.status_code)]
        except KeyError:
            self.problems.append(f"{method} {path}: status {answer.status_code} stands nowhere: {said}")
            return said
        at = response["$ref"][1:] if "$ref" in response else at.replace("{", "%7B").replace("}", "%7D")
        schema = f"{at}/content/application~1json/schema"
        if said["code"] == 0:
            schema += "/anyOf/0"
        elif shape:
            schema = f"/components/schemas/{shape}"
        self.problems += [f"{method} {path}: {one}" for one in violations("openapi.yaml", schema, said)]
        return said

    def data(self, *arguments):
        said = self.call(*arguments)
        if said["code"] != 0:
            self.problems.append(f"{arguments}: {said}")
        return said.get("data")

    def open(self):
        key = {"Authorization": f"Bearer {self.key}"}
        visitor = {"visitorId": VISITOR_ID, "visitorName": "张三", "channel": "feishu"}
        self.visitor = self.data("POST", "open/avatar/auth", visitor, key)
        self.headers = {"token": self.visitor["visitorToken"], "Fp": VISITOR_ID}
        share_code = self.visitor["avatarShareCode"]
        self.init = self.data("POST", "os/avatar/chat/init", {"shareCode": share_code})
        session = {"mindId": int(self.visitor["visitorMindId"]), "mindType": "shadow", "mode": "PERSONAL"}
        session |= {"sessionType": "SHARE", "memberUserIds": [self.visitor["ownerUserId"]]}
        self.session = self.data("POST", "general/session/create", session)["sessionId"]
        avatar = self.data("GET", f"os/avatar/public/{share_code}")
        self.data("POST", "os/avatar/chat/start", {"avatarId": avatar["id"], "sessionId": self.session})

    def address(self):
        socket = {"userId": self.visitor["visitorUserId"], "channel": ["ALL"]}
        return self.data("POST", "general/ws/create", socket | {"apiVersion": "1.3.0", "sdkVersion": "1.0.0"})

    def message(self, text, ws_id):
        self.number += 1
        name, user = f"{self.number}_____1774580000000", self.visitor["visitorUserId"]
        return {
            **{"timestamp": 1774580000000, "seqId": name, "messageId": name, "sessionId": self.session},
            **{"userId": user, "sendUserId": user, "mindId": self.init["mindId"], "index": 0, "dataType": "text"},
            **{"sender": "client", "type": "msg", "wsId": ws_id, "data": {"content": text}},
        }

    async def hear(self, socket, until):
        """Reads, checks and acknowledges frames until one is what is waited for."""
        while True:
            frame = json.loads(await asyncio.wait_for(socket.recv(), 10))
            self.seen += 1
            kind, problems = check_frame(frame)
            self.kinds.add(kind)
            self.problems += [f"frame {frame}: {one}" for one in problems]
            if until(frame):
                return
            if "seqId" in frame and "wsId" in frame:
                await socket.send(json.dumps({"type": "ack", "seqId": frame["seqId"], "wsId": frame["wsId"]}))

    async def converse(self, pings):
        self.open()
        ticket = self.address()
        async with websockets.connect(ticket["address"], origin="https://mindos.mindverse.ai") as socket:
            await socket.send(json.dumps({"type": "ping", "wsId": ticket["wsId"]}))
            if pings:
                await self.hear(socket, lambda frame: frame.get("type") == "pong")
            self.data("POST", "general/message/send", self.message("talk", ticket["wsId"]))
            await self.hear(socket, lambda frame: "I'm back." in json.dumps(frame))
            push = {"sessionId": str(self.session), "failure": {"code": "message.length.limit", "reason": "Too long"}}
            requests.post(f"{self.control}/push", json=push, timeout=10).raise_for_status()
            await self.hear(socket, lambda frame: frame.get("subCode") == "message.length.limit")
        frames = self.data("GET", f"general/message/query?sessionId={self.session}&direction=forward")
        frames += self.data("GET", f"general/message/query?sessionId={self.session}&direction=backward&seqId=x")
        frames += self.data("GET", f"general/message/latest?sessionId={self.session}")
        for frame in frames:
            self.problems += check_frame(frame)[1]
        self.data("POST", "general/session/close", {"sessionId": self.session})

    def fail(self, shape):
        """Every documented failure, and some of each step that the page has no code for."""
        settings = {"quota-per-minute": 1000, "retry-after": "seconds"}
        share = requests.get(f"{self.control}/settings", timeout=10).json()["avatars"][0]["share-code"]
        keys = [("sk-emulator", share, False), ("sk-off", share, True), ("sk-orphan", "gone", False)]
        settings["keys"] = [{"key": key, "share-code": code, "disabled": off} for key, code, off in keys]

        def change(changed):
            requests.post(f"{self.control}/settings", json=changed, timeout=10).raise_for_status()

        change(settings)
        self.open()
        ws_id = self.address()["wsId"]
        calls = [("open.api.unauthorized", "POST", "open/avatar/auth", {"visitorId": VISITOR_ID}, {})]
        for code, key in [("key.not.found", "sk-unknown"), ("key.disabled", "sk-off"), ("avatar.not.found", "sk-orphan")]:
            headers = {"Authorization": f"Bearer {key}"}
            calls.append((f"open.api.{code}", "POST", "open/avatar/auth", {"visitorId": VISITOR_ID}, headers))
        key = {"Authorization": f"Bearer {self.key}"}
        calls += [
            ("open.api.invalid.visitor.id", "POST", "open/avatar/auth", {"visitorId": "feishu"}, key),
            ("open.api.avatar.not.found", "POST", "os/avatar/chat/init", {"shareCode": "gone"}),
            ("open.api.avatar.not.found", "GET", "os/avatar/public/gone", None),
            (None, "POST", "general/ws/create", {"userId": "unknown"}),
            (None, "POST", "general/session/create", {}),
            (None, "POST", "os/avatar/chat/start", {"avatarId": 67, "sessionId": "gone"}),
            (None, "POST", "general/message/send", self.message("Hello", "ws:gone")),
            (None, "GET", "general/message/query?sessionId=gone&direction=forward", None),
            (None, "GET", "general/message/latest", None),
            (None, "POST", "general/session/close", {"sessionId": "gone"}),
        ]
        for path in ("os/avatar/chat/init", "general/ws/create", "general/session/create", "general/message/send"):
            calls.append((None, "POST", path, {}, {}))
            calls.append((None, "POST", path, {}, {"token": "dead", "Fp": VISITOR_ID}))
        for wanted, *call in calls:
            self.refused(wanted, shape, *call)
        # Another visitor's session.
        other = {"visitorId": VISITOR_ID[:-1] + "9"}
        token = self.data("POST", "open/avatar/auth", other, key)["visitorToken"]
        headers = {"token": token, "Fp": other["visitorId"]}
        close = ("POST", "general/session/close", {"sessionId": self.session}, headers)
        self.refused("session.not.member", shape, *close)
        self.data("POST", "general/session/close", {"sessionId": self.session})
        self.refused("session.status.closed", shape, "POST", "general/message/send", self.message("Hello", ws_id))
        change({"quota-per-minute": 1})
        self.refused("open.api.rate.limited", shape, "POST", "open/avatar/auth", other, key)

    def refused(self, wanted, shape, *call):
        said = self.call(*call, *([None] if len(call) == 3 else []), SHAPE_NAMES[shape])
        field = {"sub-code": "subCode", "error-code": "error_code"}.get(shape, shape)
        if said["code"] == 0 or (wanted and said[field] != wanted):
            self.problems.append(f"{call} got {said}, not {wanted}")
        self.codes.add(said.get(field))


async def play_all(emulator):
    """Plays every conversation; how many went by the schemas, and how many did not."""
    passed, failed, seen, kinds = 0, 0, 0, set()

    def note(options, talk, extra):
        nonlocal passed, failed, seen
        seen += talk.seen
        problems = talk.problems + extra
        passed, failed = passed + (not problems), failed + bool(problems)
        if problems:
            print(f"FAILED {' '.join(options) or 'by default'}")
            print("\n".join(f"  {problem}" for problem in dict.fromkeys(problems)))

    for options in SWITCHES:
        with emulator("--brain", str(TALK), *options) as started:
            talk = Talk(started)
            await talk.converse("nothing" not in options)
            kinds |= talk.kinds
            note(options, talk, [])
    for options in SHAPES:
        with emulator(*options) as started:
            talk = Talk(started)
            talk.fail(options[1])
            missing = [f"no conversation got {code}" for code in DOCUMENTED if code not in talk.codes]
            note(options, talk, missing)
    heard = {message["payload"]["$ref"].rsplit("/", 1)[1] for message in FILES["asyncapi.yaml"]["components"]["messages"].values()}
    # What Visitor Chat alone has is heard in its own conversations.
    unheard = heard - kinds - {"Ping", "Ack", "BarePing", "BarePong", "Voice"}
    if unheard:
        failed += 1
        print(f"FAILED no conversation had a frame of {sorted(unheard)}")
    print(f"{seen} answers and frames in {len(SWITCHES) + len(SHAPES)} conversations")
    return passed, failed
