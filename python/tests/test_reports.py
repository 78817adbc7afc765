"""``on_call``: what a program is told of the calls that a client makes."""

import asyncio
import logging
import threading
from datetime import datetime, timedelta, timezone

import pytest

from secondme_avatar import AuthenticationError, AvatarClient, CallReport, Visitor, sync
from secondme_avatar.testing import Emulator

ADA = Visitor.for_user("test", "ada")
STEPS = {"authenticate", "init_chat", "create_session", "create_socket", "connect", "send_message"}


async def test_each_call_is_reported(emulator: Emulator) -> None:
    reports: list[CallReport] = []
    loops = set()

    async def told(report: CallReport) -> None:
        await asyncio.sleep(0)
        loops.add(asyncio.get_running_loop())
        reports.append(report)

    async with emulator.client(on_call=told) as client:
        await (await client.open(ADA)).ask("my secret")
    assert {report.step for report in reports} >= STEPS
    assert all(report.visitor_id == ADA.id and report.took >= 0 and report.error is None for report in reports)
    now = datetime.now(timezone.utc)
    assert all(now - timedelta(minutes=1) < report.started <= now for report in reports)
    assert {report.server_time.utcoffset() for report in reports if report.server_time} == {timedelta(0)}
    assert loops == {asyncio.get_running_loop()}
    assert "my secret" not in repr(reports)


async def test_a_call_that_fails_is_reported_with_its_failure(emulator: Emulator) -> None:
    reports: list[CallReport] = []
    async with emulator.client("sk-unknown", on_call=reports.append) as client:
        with pytest.raises(AuthenticationError):
            await client.open(ADA)
    (report,) = reports
    assert isinstance(report.error, AuthenticationError)
    assert report.to_dict()["error"]["code"] == "open.api.key.not.found"


async def test_one_that_raises_is_logged_and_ends_no_reports(
    emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    reports: list[CallReport] = []

    def told(report: CallReport) -> None:
        reports.append(report)
        raise ValueError("mine")

    async with emulator.client(on_call=told) as client:
        await (await client.open(ADA)).ask("Hello")
    assert {report.step for report in reports} >= STEPS
    failures = [record for record in caplog.records if record.name == "secondme_avatar.callbacks"]
    assert len(failures) == len(reports)
    assert all(record.levelno == logging.ERROR and record.exc_info for record in failures)


def test_reports_reach_the_next_loop(emulator: Emulator) -> None:
    reports: list[CallReport] = []
    client = emulator.client(on_call=reports.append)

    async def use() -> None:
        await (await client.open(ADA)).ask("Hello")

    asyncio.run(use())
    asyncio.run(client.close())
    assert {report.step for report in reports} >= STEPS


def test_a_script_is_told_in_a_thread_that_ends_with_the_client(
    emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    reports: list[CallReport] = []

    def told(report: CallReport) -> None:
        reports.append(report)
        raise ValueError("mine")

    with sync.AvatarClient(on_call=told) as client:
        client.open(ADA).ask("Hello")
    assert {report.step for report in reports} >= STEPS
    assert "mine" in caplog.text
    assert not [thread for thread in threading.enumerate() if thread.name == "secondme-avatar-reports"]


def test_the_thread_of_a_script_ends_with_a_client_that_is_forgotten(emulator: Emulator) -> None:
    client = sync.AvatarClient(on_call=lambda report: None)
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "secondme-avatar-reports")
    client.open(ADA)
    del client
    thread.join(10)
    assert not thread.is_alive()


async def test_a_client_without_on_call_reports_nothing(emulator: Emulator) -> None:
    async with AvatarClient() as client:
        assert client._native.reports is None
