"""What outlives a mail server that dies, and a worker that is killed in the middle."""

import asyncio
import os
import signal
import subprocess
import sys
import uuid

from talktime.core.message import MessageState
from talktime.ops.platform import Platform
from tests.conftest import AccountFactory
from tests.mail_office import Office, listening, working, write_key_mail


async def test_a_server_that_dies_and_returns_gets_every_mail(
    platform: Platform, make_account: AccountFactory
) -> None:
    """Mail waits out a mail server that is away, and arrives when it is back, once each."""
    account_id = await make_account()
    office = Office(platform)
    address = f"{uuid.uuid4().hex}@example.com"
    async with listening(office) as port:
        pass
    async with working(platform, port):
        for n in range(5):
            await write_key_mail(platform, account_id, f"k{n}", address)
        async with asyncio.timeout(20):
            while not any(  # noqa: ASYNC110
                m.attempts for m in await office.messages_of(account_id)
            ):
                await asyncio.sleep(0.05)
        async with listening(office, port):
            messages = await office.settled(account_id)
    assert {m.state for m in messages} == {MessageState.SENT}
    ids = [str(mail["Message-ID"]) for mail in office.mails_to(address)]
    assert len(ids) == len(set(ids)) == 5


WORKER = """
import asyncio, sys
from talktime.ops.platform import open_platform
from talktime.ops.terms import Terms
from tests.mail_office import working

async def main():
    async with open_platform(sys.argv[1], terms=Terms(), public_url="https://talktime.test") as p:
        async with working(p, int(sys.argv[2])):
            print("working", flush=True)
            await asyncio.sleep(3600)

asyncio.run(main())
"""


async def test_a_killed_worker_loses_no_mail(
    platform: Platform, database_url: str, make_account: AccountFactory
) -> None:
    """A worker killed while it hands mail over loses none; repeats keep their Message-ID."""
    account_id = await make_account()
    office = Office(platform)
    address = f"{uuid.uuid4().hex}@example.com"
    async with listening(office) as port:
        for n in range(60):
            await write_key_mail(platform, account_id, f"k{n}", address)
        worker = subprocess.Popen(  # noqa: ASYNC220
            [sys.executable, "-c", WORKER, database_url, str(port)],
            stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": os.getcwd()},  # noqa: PTH109
        )  # fmt: skip
        async with asyncio.timeout(30):
            while len(office.mails_to(address)) < 10:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        before = len(office.mails_to(address))
        async with working(platform, port):
            messages = await office.settled(account_id)
    assert before < 60
    assert {m.state for m in messages} == {MessageState.SENT}
    ids = [str(mail["Message-ID"]) for mail in office.mails_to(address)]
    assert {f"<{m.message_id.hex}@talktime.test>" for m in messages} == set(ids)
    assert len(set(ids)) == 60
    # Only what was between the server's yes and our taking note can come twice.
    assert len(ids) <= 60 + 4
