"""Where webhooks may go, and what is made of whatever answers there."""

import asyncio
import base64
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from talktime.core.errors import EndpointRefused
from talktime.core.webhook import Attempt
from talktime.core.webhook_address import is_public, parse_webhook_url
from talktime.gateways.webhook import Resolver, SystemNames, WebhookSender
from tests.worker.receiver import receiving

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


def answering(*addresses: str) -> Resolver:
    """A resolver that knows one answer."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


async def post(sender: WebhookSender, url: str) -> Attempt:
    try:
        return await sender.send(
            url, message_id="msg_1", body="{}", secrets=[SECRET], now=datetime.now(UTC)
        )
    finally:
        await sender.close()


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.8.8.8",
        "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1",
        "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
        "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "::7f00:1",
        "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::127.0.0.1", "64:ff9b::8.8.8.8",
        "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::1", "3fff::1",
        "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
        "not an address", "",
    ],
)  # fmt: skip
def test_private_addresses_are_not_public(address: str) -> None:
    """Local, private, reserved and multicast addresses, and IPv6 that carries IPv4: refused."""
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00::1"]
)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    """What lies just beside a private range is public."""
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://2130706433/", "https://0x7f000001/", "https://017700000001/",
        "https://127.1/", "https://0x7f.1/", "https://0/", "https://localhost/",
        "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/",
        "https://[fe80::1%25lo]/", "https://169.254.169.254/latest/meta-data",
        "https://①②⑦.⓪.⓪.①/",
    ],
)  # fmt: skip
async def test_no_spelling_of_a_private_address_is_taken(url: str) -> None:
    """Decimal, octal, hexadecimal, short, mapped, circled: it is the address that is judged."""
    sender = WebhookSender(allow_private=False)
    with pytest.raises(EndpointRefused):
        await sender.check(url)
    attempt = await post(sender, url)
    assert (attempt.status, attempt.is_taken) == (None, False)


@pytest.mark.parametrize(
    "url",
    [
        "", "hook", "example.com/hook", "ftp://example.com/", "http://example.com/", "https://",
        "https://ada@example.com/", "https://ada:pw@example.com/", "https://example.com/#part",
        "https://example.com:22/", "https://example.com:80/", "https://example.com:0/",
        "https://example.com:99999/", "https://exa mple.com/", "https://example.com/a b",
        "https://example.com\\@127.0.0.1/", "https://example.com/\n", "https://exam_ple..com/",
        "https://example.com/" + "a" * 2_000, "https://[::1", "//example.com/", "javascript:1",
        "https://example.com/ü",
    ],
)  # fmt: skip
def test_the_form_of_an_address_is_judged_first(url: str) -> None:
    """Anything but a plain https URL with a sensible port is refused with a reason."""
    with pytest.raises(EndpointRefused, match="this address cannot be used: "):
        parse_webhook_url(url, allow_private=False)


def test_an_address_is_taken_apart_as_it_is_sent() -> None:
    """Path and query stay; names outside ASCII are encoded; the usual port is not named."""
    parsed = parse_webhook_url("https://Bücher.example:443/a?b=c", allow_private=False)
    assert (parsed.host, parsed.port, parsed.target) == ("xn--bcher-kva.example", 443, "/a?b=c")
    assert parsed.authority == "xn--bcher-kva.example"
    other = parse_webhook_url("https://[2606:4700::1111]:8443", allow_private=False)
    assert (other.authority, other.target) == ("[2606:4700::1111]:8443", "/")


async def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    """A name that is both here and there would sooner or later lead here."""
    sender = WebhookSender(allow_private=False, resolve=answering("1.1.1.1", "10.0.0.1"))
    with pytest.raises(EndpointRefused, match="private network"):
        await sender.check("https://hooks.example.com/")
    attempt = await post(sender, "https://hooks.example.com/")
    assert attempt.failure == "its name leads into a private network"


async def test_a_name_that_changes_its_mind_gains_nothing() -> None:
    """Public when it is checked and private when it is connected to: no connection is made."""
    answers = iter([["1.1.1.1"], ["127.0.0.1"]])

    async def resolve(host: str, port: int) -> Sequence[str]:
        return next(answers)

    async with receiving() as receiver:
        port = receiver.url.partition("127.0.0.1:")[2].partition("/")[0]
        sender = WebhookSender(allow_private=False, resolve=resolve)
        await sender.check(f"https://rebind.example.com:{port}/")
        attempt = await post(sender, f"https://rebind.example.com:{port}/")
        assert attempt.failure == "its name leads into a private network"
        assert (receiver.connections, receiver.bodies) == (0, [])


async def test_the_connection_goes_to_the_address_that_was_judged() -> None:
    """One look-up per connection, and the name stays in the Host header."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    async with receiving() as receiver:
        receiver.secrets = [SECRET]
        url = receiver.url.replace("127.0.0.1", "hooks.example.com")
        attempt = await post(WebhookSender(allow_private=True, resolve=resolve), url)
        assert attempt == Attempt(status=204, failure=None)
        assert asked == ["hooks.example.com"]
        assert receiver.headers[0]["host"].startswith("hooks.example.com:")


async def test_a_name_that_is_not_known_says_so() -> None:
    """Somebody who mistyped reads that there is no such host."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    with pytest.raises(EndpointRefused, match=r"there is no host nowhere\.example"):
        await WebhookSender(allow_private=False, resolve=resolve).check("https://nowhere.example/")


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would connect for us to wherever the name leads by then."""
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    async with receiving() as receiver:
        attempt = await post(WebhookSender(allow_private=True), receiver.url)
        assert attempt.is_taken


@asynccontextmanager
async def saying(*parts: bytes, pause: float = 0.0) -> AsyncIterator[str]:
    """A server that says this to whoever comes, with pauses between; its URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def test_no_answer_is_waited_for_a_while_alone() -> None:
    """Silence, and an answer that comes letter by letter, end with the attempt's time."""
    for parts in ((), tuple(b"HTTP/1.1 200 OK"[n : n + 1] for n in range(15))):
        async with saying(*parts, b"", b"", b"", b"", pause=0.3) as url, asyncio.timeout(3):
            attempt = await post(WebhookSender(allow_private=True, timeout_seconds=0.5), url)
        assert attempt.failure == "no answer within 0.5 seconds"


async def test_an_endless_body_is_not_read_to_its_end() -> None:
    """The status counts; of what follows a little is read."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n"
    async with saying(head, *[b"x" * 65_536] * 200) as url, asyncio.timeout(5):
        attempt = await post(WebhookSender(allow_private=True), url)
    assert attempt.is_taken


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "what it answered is not HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 40_000, "what it answered is not HTTP"),
        (b"", "it ended the connection without an answer"),
        (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "answered 404"),
    ],
)
async def test_what_went_wrong_is_told(said: bytes, failure: str) -> None:
    """A failure has words that the endpoint's owner can act on."""
    async with saying(said) as url:
        attempt = await post(WebhookSender(allow_private=True), url)
    assert attempt.failure == failure


async def test_a_closed_port_is_told() -> None:
    """Nobody listens there."""
    async with receiving() as receiver:
        url = receiver.url
    attempt = await post(WebhookSender(allow_private=True), url)
    assert attempt.failure == "the connection was refused"


def self_signed(folder: Path) -> ssl.SSLContext:
    """TLS of a server whose certificate nobody vouches for."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate with")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate),
        ],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


async def test_a_certificate_of_its_own_making_is_not_accepted(tmp_path: Path) -> None:
    """TLS is not waived: who cannot prove the name is told nothing."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(100))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=self_signed(tmp_path))
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        attempt = await post(WebhookSender(allow_private=True), url)
    assert attempt.failure == "its certificate was not accepted: self-signed certificate"
    assert heard == []


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("localhost", {"127.0.0.1", "::1"}),
        ("127.1", {"127.0.0.1"}),
        ("0x7f.1", {"127.0.0.1"}),
        ("2130706433", {"127.0.0.1"}),
        ("::1", {"::1"}),
    ],
)
async def test_names_and_odd_spellings(host: str, addresses: set[str]) -> None:
    """A name has the addresses the machine knows; an address in any spelling is that address."""
    names = SystemNames()
    found = await names(host, 443)
    assert found
    assert set(found) <= addresses
    await names.close()


async def test_a_name_that_is_none() -> None:
    """A name nobody has is an error of the network, soon."""
    names = SystemNames()
    with pytest.raises(OSError, match="no such name"):
        await names("nobody.invalid", 443)
    await names.close()
