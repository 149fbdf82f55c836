"""talktime webhooks, and the how-to page about them."""

import asyncio
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest

from talktime.core.errors import EndpointRefused, EndpointUnknown
from talktime.endpoints import new_secret
from talktime.gateways.webhook import signed_headers
from tests.cli.conftest import Command
from tests.worker.receiver import Receiver, receiving

HOW_TO = Path(__file__).parents[2] / "docs/how-to/receive-webhooks.md"


@pytest.fixture
def acme(command: Command) -> None:
    """The account of the page."""
    command("accounts", "create", "acme", "--name", "Acme", "--email", "pat@acme.example")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver in a thread of its own, since commands have an event loop of their own."""
    loop = asyncio.new_event_loop()
    context = receiving()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(10)
    asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.mark.usefixtures("acme")
def test_an_endpoint_on_the_command_line(
    command: Command, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Added with a secret, tried, looked at, sent again, disabled, removed."""
    monkeypatch.setenv("TALKTIME_WEBHOOKS_PRIVATE", "allow")
    account = ("--account", "acme")
    added = command("webhooks", "add", receiver.url, "--type", "call.settled", *account)
    receiver.secrets = [added.stdout.strip()]
    listed = command("webhooks", "list", *account).stdout
    [endpoint] = re.findall(r"ep_[0-9a-f]+", listed)
    assert "nothing delivered yet" in listed
    receiver.status = lambda _: 500
    tried = command("webhooks", "test", endpoint, *account)
    assert (tried.exit_code, tried.stderr) == (1, "Not taken: answered 500.\n")
    deliveries = command("webhooks", "deliveries", endpoint, "--bodies", *account).stdout
    [message] = re.findall(r"msg_[0-9a-f]+", deliveries)
    assert "webhook.test" in deliveries
    assert endpoint not in command("webhooks", "list", "--failing").stdout, "only a test failed"
    all_again = command("webhooks", "resend", endpoint, "--given-up", *account)
    assert (all_again.exit_code, all_again.stderr) == (1, "Not taken: answered 500.\n")
    receiver.status = lambda _: 200
    again = command("webhooks", "resend", endpoint, message, *account)
    assert again.stdout == "Taken: the endpoint answered 200.\n"
    assert receiver.ids == [message]
    command("webhooks", "test", endpoint, *account)
    all_again = command("webhooks", "resend", endpoint, "--given-up", *account)
    assert all_again.stdout == "None was given up.\n"
    rotated = command("webhooks", "rotate", endpoint, *account).stdout.strip()
    assert rotated.startswith("whsec_")
    assert rotated not in receiver.secrets
    command("webhooks", "disable", endpoint, *account)
    assert "disabled (by hand)" in command("webhooks", "list", *account).stdout
    command("webhooks", "enable", endpoint, *account)
    with pytest.raises(EndpointUnknown):
        command("webhooks", "remove", endpoint)  # the platform has none of this name
    command("webhooks", "remove", endpoint, *account)
    assert "ep_" not in command("webhooks", "list", *account).stdout


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("url", "way_out"),
    [
        ("http://127.0.0.1:3000/hook", "set TALKTIME_WEBHOOKS_PRIVATE=allow"),
        ("https://10.0.0.1/", "set TALKTIME_WEBHOOKS_PRIVATE=allow"),
        ("http://1.1.1.1/", "must begin with https://"),
    ],
)
def test_a_refused_address_names_the_way_out(command: Command, url: str, way_out: str) -> None:
    """Private addresses are refused unless the operator allows them, which the refusal names;
    a public one needs no more than https."""
    with pytest.raises(EndpointRefused) as refused:
        command("webhooks", "add", url, "--account", "acme")
    named = [one for one in ("TALKTIME_", "https://") if one in refused.value.message]
    assert way_out in refused.value.message
    assert len(named) == 1


@pytest.mark.usefixtures("acme")
def test_the_commands_of_the_page_work(command: Command) -> None:
    """Every command of the page that adds an endpoint adds one."""
    commands = re.findall(r"^talktime (webhooks add .*)$", HOW_TO.read_text(), re.MULTILINE)
    assert len(commands) == 2
    for line in commands:
        # Names cannot be looked up everywhere that tests run; an address can.
        words = shlex.split(line.replace("example.com", "1.1.1.1"), comments=True)
        assert command(*words).stdout.startswith("whsec_")
    for account in (["--account", "acme"], []):
        for endpoint in re.findall(r"ep_[0-9a-f]+", command("webhooks", "list", *account).stdout):
            command("webhooks", "remove", endpoint, *account)


def test_the_example_of_the_page_verifies(capsys: pytest.CaptureFixture[str]) -> None:
    """The page's handler takes a signed message and prints what was charged."""
    found = re.search(r"```python\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
    assert found is not None
    secret = new_secret()
    names: dict[str, object] = {}
    exec(found[1].replace("whsec_…", secret), names)
    body = '{"type":"call.settled","data":{"call_id":"CA1","charge":"0.052"}}'
    headers = dict(signed_headers("msg_1", body, [secret], datetime.now(UTC)))
    names["handle"](headers, body.encode())  # type: ignore[operator]
    assert capsys.readouterr().out == "CA1 0.052\n"
