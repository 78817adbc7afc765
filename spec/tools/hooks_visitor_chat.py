"""How schemathesis talks with the emulator through Visitor Chat: as an app, or as a user, with ids that are live."""

import os

import requests
import schemathesis
from schemathesis.specs.openapi.checks import negative_data_rejection

BASE_URL, CONTROL_URL = os.environ["EMULATOR_BASE_URL"], os.environ["EMULATOR_CONTROL_URL"]
API_KEY = os.environ["EMULATOR_API_KEY"]
CLIENT = {"client_id": os.environ["EMULATOR_CLIENT_ID"], "client_secret": os.environ["EMULATOR_CLIENT_SECRET"]}
VISITOR_ID = "web_6ba7b810-9dad-11d1-80b4-00c04fd430c8"

http = requests.Session()


def told(answer):
    """The data of an answer that must be a success."""
    assert answer.ok and answer.json()["code"] == 0, answer.text
    return answer.json()["data"]


class Callers:
    """An app with a visitor's session, and a user."""

    def __init__(self):
        form = {"grant_type": "client_credentials", "scope": "chat.write"} | CLIENT
        self.app = told(http.post(f"{BASE_URL}/api/oauth/token/client", data=form, timeout=10))["accessToken"]
        self.user = http.post(f"{CONTROL_URL}/user-tokens", json={"user": "ann"}, timeout=10).json()["token"]
        headers = {"Authorization": f"Bearer {self.app}"}
        body = {"apiKey": API_KEY, "visitorId": VISITOR_ID}
        init = http.post(f"{BASE_URL}/api/secondme/visitor-chat/init", json=body, headers=headers, timeout=10)
        self.session = told(init)["sessionId"]


callers = Callers()


def is_wrong(case):
    return case.meta is None or case.meta.generation.mode.is_negative


def operation_id(case):
    return case.operation.definition.raw["operationId"]


@schemathesis.auth()
class Pass:
    def get(self, case, ctx):
        return callers

    def set(self, case, data, ctx):
        anonymous = operation_id(case) == "sendVisitorMessage" or (
            isinstance(case.body, dict) and "visitorId" in case.body
        )
        case.headers["Authorization"] = f"Bearer {data.app if anonymous else data.user}"


@schemathesis.hook
def before_call(ctx, case, kwargs):
    if is_wrong(case) or not isinstance(case.body, dict):
        return
    # Made-up secrets and sessions are never right.
    live = {
        "fetchToken": CLIENT,
        "initVisitorChat": {"apiKey": API_KEY},
        "sendVisitorMessage": {"apiKey": API_KEY, "sessionId": callers.session},
    }[operation_id(case)]
    case.body = case.body | live


def is_success(response):
    return response.status_code == 200 and response.json().get("code") == 0


@schemathesis.check
def wrong_requests_are_refused(ctx, response, case):
    """negative_data_rejection, which knows statuses only, where a refusal may have status 200."""
    if response.status_code == 200 and not is_success(response):
        return None
    return negative_data_rejection(ctx, response, case)


@schemathesis.check
def right_requests_are_taken(ctx, response, case):
    """positive_data_acceptance, sharper: nothing may be in the way of a request that is right by its schema."""
    if not is_wrong(case) and response.status_code != 405:
        assert is_success(response), f"a request that is right by its schema got {response.text}"
