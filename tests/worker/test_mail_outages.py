"""What outlives a mail server that dies, and a worker that is killed in the middle."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import structlog

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


async def test_an_outage_is_said_once(platform: Platform, make_account: AccountFactory) -> None:
    """Where no mail at all goes out the log says so, and why, once a minute and not once a mail;
    each mail keeps the reason, and is tried again."""
    account_id = await make_account()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    office = Office(platform)
    with structlog.testing.capture_logs() as lines:
        async with working(platform, port):
            for n in range(6):
                await write_key_mail(platform, account_id, f"k{n}", "ada@example.com")
            async with asyncio.timeout(20):
                while not all(  # noqa: ASYNC110
                    message.attempts for message in await office.messages_of(account_id)
                ):
                    await asyncio.sleep(0.05)
    said = [line for line in lines if line["event"].startswith(("no mail goes out", "mail "))]
    assert [(line["log_level"], line["could_not"]) for line in said] == [("error", "reach it")]
    assert all(message.last_error for message in await office.messages_of(account_id))


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
            stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
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


SERVER = """
import asyncio, sys
from pathlib import Path
from aiosmtpd.smtp import SMTP

class Keeping:
    async def handle_DATA(self, server, session, envelope):
        # On disk before the answer: what was taken is not lost with the process.
        with Path(sys.argv[2]).open("ab") as kept:
            kept.write(envelope.original_content.split(b"Message-ID: ")[1].split(b"\\r\\n")[0])
            kept.write(b"\\n")
        await asyncio.sleep(0.01)
        return "250 taken"

async def main():
    loop = asyncio.get_running_loop()
    port = int(sys.argv[1])
    server = await loop.create_server(lambda: SMTP(Keeping(), loop=loop), "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


def mail_server(port: int, kept: Path) -> tuple[subprocess.Popen[str], int]:
    """A mail server of its own process, and its port."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(port), str(kept)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    told = process.stdout.readline()
    process.stdout.close()
    return process, int(told)


async def test_a_mail_server_killed_in_the_middle_loses_no_mail(
    platform: Platform, make_account: AccountFactory, tmp_path: Path
) -> None:
    """Killed between two mails, or before its yes: all arrive, and repeats keep their id."""
    account_id = await make_account()
    kept = tmp_path / "kept"
    server, port = mail_server(0, kept)
    try:
        for n in range(40):
            await write_key_mail(platform, account_id, f"k{n}", "ada@example.com")
        async with working(platform, port):
            async with asyncio.timeout(30):
                while not kept.exists() or kept.read_bytes().count(b"\n") < 8:  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
            server.kill()
            server.wait()
            assert any(m.sent_at is None for m in await Office(platform).messages_of(account_id))
            server, _ = mail_server(port, kept)
            messages = await Office(platform).settled(account_id)
    finally:
        server.kill()
        server.wait()
    assert {m.state for m in messages} == {MessageState.SENT}
    ids = kept.read_text().split()
    assert {f"<{m.message_id.hex}@talktime.test>" for m in messages} == set(ids)
    # Of what it had in hand when it was killed, it had kept some and had not said so.
    assert len(ids) <= 40 + 4
