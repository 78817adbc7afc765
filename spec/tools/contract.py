"""Holds the emulator against the descriptions in this folder; `make spec` runs it.

First schemathesis: thousands of requests, right and wrong, against the description of each door. Then conversations
under the switches that change what is said: every answer and every frame against its schema.
"""

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests

from chat_conversations import play_all as play_all_chats
from conversations import play_all

TOOLS = Path(__file__).resolve().parent
SPEC = TOOLS.parent
# Both answers to the open question which status a failure has, with two of the six shapes; the
# conversations play all twelve. Then the same of Visitor Chat, with each of its three forms.
RUNS = [
    ("avatar-open-api", "200", "code", 1),
    ("avatar-open-api", "fitting", "sub-code", 2),
    ("visitor-chat", "200", "sub-code", 3),
    ("visitor-chat", "code", "error-code", 4),
    ("visitor-chat", "code", "detail", 5),
]
# What differs between the doors: the description, the hooks, the base URL's name, and the two options.
DOORS = {
    "avatar-open-api": ("openapi.yaml", "hooks", "base_url", "--failure-status", "--failure-shape"),
    "visitor-chat": (
        *("openapi-visitor-chat.yaml", "hooks_visitor_chat", "lab_base_url"),
        *("--visitor-chat-failure-http", "--visitor-chat-failure-form"),
    ),
}
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "wrong_requests_are_refused",
    "right_requests_are_taken",
]
# These tell a refusal by its status, so they need one that fits.
CHECKS_OF_STATUS = ["negative_data_rejection", "ignored_auth", "missing_required_header", "use_after_free"]


@contextlib.contextmanager
def emulator(program, *options):
    command = [program, "--json", "--reply-delay", "0ms", "--piece-delay", "0ms", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(10)


def schemathesis(program, door, status, shape, seed, examples):
    description, hooks, base_url, status_option, shape_option = DOORS[door]
    with emulator(program, status_option, status, shape_option, shape) as started:
        # The quota is not what is tested here, and would be all that is.
        settings = {"quota-per-minute": 1_000_000}
        requests.post(f"{started['control_url']}/settings", json=settings, timeout=10).raise_for_status()
        environment = os.environ | {
            "EMULATOR_BASE_URL": started[base_url],
            "EMULATOR_CONTROL_URL": started["control_url"],
            "EMULATOR_API_KEY": started["api_key"],
            "EMULATOR_CLIENT_ID": started["client_id"],
            "EMULATOR_CLIENT_SECRET": started["client_secret"],
            "SCHEMATHESIS_HOOKS": hooks,
            "PYTHONPATH": str(TOOLS),
        }
        checks = CHECKS + (CHECKS_OF_STATUS if status != "200" else [])
        command = [
            *(str(Path(sys.executable).with_name("st")), "run", str(SPEC / description)),
            *("--url", started[base_url], "--checks", ",".join(checks)),
            *("--max-examples", str(examples), "--seed", str(seed)),
            *("--generation-database", "none", "--no-color"),
            *("--warnings", "off", "--request-timeout", "10"),
        ]
        # It remembers in its folder what failed; each run is to begin without memories.
        with tempfile.TemporaryDirectory() as folder:
            return subprocess.run(command, env=environment, cwd=folder, check=False).returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("emulator", help="the built secondme-avatar-emulator")
    parser.add_argument("--examples", type=int, default=100, help="cases per operation and phase")
    parser.add_argument("--seed", type=int, default=0, help="another one finds other cases")
    arguments = parser.parse_args()
    passed, failed = 0, 0
    for door, status, shape, seed in RUNS:
        began = time.monotonic()
        print(f"== schemathesis: {door}, failures with status {status}, named in {shape}", flush=True)
        well = schemathesis(arguments.emulator, door, status, shape, seed + arguments.seed, arguments.examples)
        passed, failed = passed + well, failed + (not well)
        print(f"== {'passed' if well else 'FAILED'} in {time.monotonic() - began:.1f} s", flush=True)
    print("== conversations", flush=True)
    start = lambda *options: emulator(arguments.emulator, *options)
    well, badly = asyncio.run(play_all(start))
    chat_well, chat_badly = asyncio.run(play_all_chats(start))
    well, badly = well + chat_well, badly + chat_badly
    print(f"{passed + well} passed, {failed + badly} failed")
    return 1 if failed + badly else 0


if __name__ == "__main__":
    sys.exit(main())
