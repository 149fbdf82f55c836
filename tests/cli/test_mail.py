"""talktime mail: what was given up and why, and sending it again."""

import asyncio
import uuid
from datetime import timedelta
from importlib import import_module
from secrets import token_urlsafe

import pytest

from talktime.core.message import MessageKind
from talktime.ops.messages import relay_messages, write_message
from talktime.ops.platform import open_platform
from talktime.ops.terms import Terms
from tests.cli.conftest import Command


@pytest.fixture
def account(command: Command) -> str:
    """A fresh account."""
    account_id = f"acct-{uuid.uuid4().hex}"
    email = f"{account_id}@example.com"
    command("accounts", "create", account_id, "--name", "Ada's Bots", "--email", email)
    return account_id


def given_up(
    database_url: str,
    account_id: str,
    refs: list[str],
    kind: MessageKind = MessageKind.KEY_CREATED,
) -> None:
    """Messages that nobody handed over while they were news."""

    async def write() -> None:
        async with (
            open_platform(database_url, terms=Terms(), public_url="https://t.test") as platform,
            platform.connection() as connection,
        ):
            for ref in refs:
                await write_message(
                    connection,
                    account_id=account_id,
                    kind=kind,
                    ref=ref,
                    recipient=f"{ref}@example.com",
                    facts={"name": ref, "key_id": ref, "created_by": "A", "account_name": "A"},
                    now=platform.clock() - timedelta(days=4),
                )
            await relay_messages(
                connection, new_secret=token_urlsafe, now=platform.clock(), limit=1000
            )

    asyncio.run(write())


def test_given_up_and_sent_again(command: Command, account: str, database_url: str) -> None:
    """What was given up is listed with the reason and can be sent again, one or all of it; any
    list says that there is some."""
    given_up(database_url, account, ["k1", "k2", "k3"])
    listed = command("mail", "list", account, "--state", "dead").output
    for word in ("k1@example.com", "k3@example.com", "nobody could hand it over", "resend --dead"):
        assert word in listed
    assert "given up in all" in command("mail", "list", account).output

    message_id = next(line for line in listed.splitlines() if "k2@" in line).split()[0]
    again = command("mail", "resend", message_id, "--account", account).output
    assert "key_created to k2@example.com is on its way again." in again
    assert "k2@" not in command("mail", "list", account, "--state", "dead").output

    assert (
        "2 on their way again." in command("mail", "resend", "--dead", "--account", account).output
    )
    assert "No such messages." in command("mail", "list", account, "--state", "dead").output
    assert command("mail", "list", account, "--state", "deferred").output.count("@example.com") == 3


def test_all_of_it_is_all(
    command: Command, account: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many were given up, and some of them for good: all the others go out again."""
    monkeypatch.setattr(import_module("talktime.cli.mail"), "AT_ONCE", 2)
    given_up(database_url, account, ["k1", "k2", "k3"])
    given_up(database_url, account, ["in", "out"], kind=MessageKind.SIGN_IN)
    done = command("mail", "resend", "--dead", "--account", account).output
    assert "3 on their way again." in done
    assert "2 cannot be sent again" in done


@pytest.mark.parametrize("arguments", [(), (str(uuid.uuid4()), "--dead")])
def test_one_or_all(command: Command, arguments: tuple[str, ...]) -> None:
    """Neither a message nor --dead, or both, is refused with what to say instead."""
    refused = command("mail", "resend", *arguments)
    assert refused.exit_code == 2
    assert "--dead" in refused.output
