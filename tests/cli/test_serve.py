"""talktime serve as operators run it: a process, its signals, its refusals."""

import socket
import threading
import time
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from talktime.serve import DRAIN_SECONDS
from tests.cli.running import OPERATOR_KEY, served, talktime, talktime_environ

# Several processes each, on a machine that may be busy.
pytestmark = pytest.mark.timeout(120)

ACME = {"account_id": "acme", "name": "Acme", "email": "a@example.com"}
AUTHORIZED = {"Authorization": f"Bearer {OPERATOR_KEY}"}


def test_a_server_comes_up_serves_and_goes(home: Path) -> None:
    """One line says where; commands work beside it; SIGTERM stops it and its database cleanly."""
    environ = talktime_environ(home)
    with served(environ) as server:
        assert server.ready_line.startswith("Talktime is ready at http://127.0.0.1:")
        with httpx.Client(base_url=server.url, headers=AUTHORIZED) as client:
            assert client.get("/healthz").json() == {"status": "ok"}
            opened = client.post("/v1/accounts", json={**ACME, "verified": True})
            assert (opened.status_code, opened.json()["promo"]) == (201, "0.5")
        beside = talktime(environ, "accounts", "link", "acme")
        assert beside.stdout.startswith(f"{server.url}/enter?token="), beside.stderr
        entered = httpx.get(beside.stdout.strip(), follow_redirects=True)
        assert "$0.50" in entered.text
        assert server.stop() == 0
        [new_database, no_mail] = server.complaints
        assert f"making a new database in {home}" in new_database
        assert "messages wait until TALKTIME_SMTP_URL is set" in no_mail
    assert not (home / "address").exists()
    assert not (home / "postgres" / "data" / "postmaster.pid").exists()
    after = talktime(environ, "ledger", "verify")
    assert (after.returncode, "clean: 1 account" in after.stdout) == (0, True)
    assert not after.stderr


def test_a_server_that_nobody_can_use_says_so(home: Path) -> None:
    """Without any key, how to make one follows the ready line; a misspelt variable is named, and
    links that lead nowhere for others are told of."""
    environ = talktime_environ(home, TALKTIME_OPERATOR_KEY="", TALKTIME_FLOR="0.20")
    with served(environ, "--host", "0.0.0.0") as server:
        assert "talktime keys create" in " ".join(server.next_line() for _ in range(3))
        assert server.stop() == 0
        assert (
            "talktime: TALKTIME_FLOR is not known; did you mean TALKTIME_FLOOR?\n"
            in server.complaints
        )
        assert any("set TALKTIME_PUBLIC_URL" in complaint for complaint in server.complaints)


def test_open_pages_do_not_hold_up_the_end(home: Path) -> None:
    """Whoever listens to live events is told to go at once when the server stops."""
    with (
        served(talktime_environ(home)) as server,
        httpx.Client(base_url=server.url, headers=AUTHORIZED) as client,
    ):
        client.post("/v1/accounts", json=ACME)
        with client.stream("GET", "/v1/accounts/acme/events") as stream:
            next(stream.iter_lines())
            began = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - began < DRAIN_SECONDS


def test_what_is_acknowledged_while_it_stops_is_kept(home: Path) -> None:
    """SIGTERM in the middle of a crowd of starts: every 201 is in the books afterwards."""
    environ = talktime_environ(home)
    acknowledged: list[str] = []
    going = threading.Event()

    def start_calls(url: str, worker: int) -> None:
        with httpx.Client(base_url=url, headers=AUTHORIZED, timeout=10) as client:
            for n in range(10_000):
                call_id = f"w{worker}-{n}"
                body = {"account_id": "acme", "call_id": call_id, "channel": "chat"}
                try:
                    answer = client.post("/v1/calls", json=body)
                except httpx.TransportError:
                    return
                if answer.status_code != 201:
                    return
                acknowledged.append(call_id)
                going.set()

    with served(environ) as server:
        with httpx.Client(base_url=server.url, headers=AUTHORIZED) as client:
            client.post("/v1/accounts", json=ACME)
            credit = {"adjustment_id": "1", "paid": "5000", "reason": "test"}
            client.post("/v1/accounts/acme/adjustments", json=credit)
        crowd = [threading.Thread(target=start_calls, args=(server.url, n)) for n in range(8)]
        for one in crowd:
            one.start()
        assert going.wait(10)
        time.sleep(0.4)
        assert server.stop() == 0
        for one in crowd:
            one.join(10)
    assert len(acknowledged) > 8
    with (
        served(environ) as server,
        httpx.Client(base_url=server.url, headers=AUTHORIZED) as client,
    ):
        for call_id in acknowledged[-50:]:
            assert client.get(f"/v1/accounts/acme/calls/{call_id}").status_code == 200
        held = Decimal(client.get("/v1/accounts/acme").json()["held"])
    assert held >= len(acknowledged) * Decimal("0.01")


@pytest.mark.parametrize(
    ("variables", "code", "words"),
    [
        ({"TALKTIME_OPERATOR_KEY": "short"}, 2, "TALKTIME_OPERATOR_KEY has 5 characters"),
        ({"TALKTIME_LEASE_SECONDS": "soon"}, 2, "TALKTIME_LEASE_SECONDS"),
        ({"TALKTIME_DATABASE_URL": "mysql://x"}, 2, "TALKTIME_DATABASE_URL is not a PostgreSQL"),
        (
            {"TALKTIME_DATABASE_URL": "postgresql://u:pa55word@127.0.0.1:9/x"},
            1,
            "the database of TALKTIME_DATABASE_URL cannot be reached",
        ),
    ],
)
def test_what_cannot_serve_says_why(
    home: Path, variables: dict[str, str], code: int, words: str
) -> None:
    """A refusal to start is one sentence with what to do, never a traceback or a secret."""
    refused = talktime(talktime_environ(home, **variables), "serve", "--port", "0")
    assert refused.returncode == code
    assert words in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert "Traceback" not in refused.stderr
    assert "pa55word" not in refused.stderr
    assert refused.stdout == ""


def test_a_taken_port_is_told(home: Path) -> None:
    """The port that another program has is named, with the way out."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = talktime(talktime_environ(home), "serve", "--port", str(port))
    assert refused.returncode == 1
    assert f"port {port} on 127.0.0.1 is taken" in refused.stderr
    assert "--port" in refused.stderr
    assert not (home / "postgres").exists(), "the database was started for nothing"


def test_a_sandbox_takes_payments_on_this_machine_alone(home: Path) -> None:
    """With the sandbox on, top-ups are open; where others could reach it, serving is refused."""
    environ = talktime_environ(home, TALKTIME_PAYMENTS="sandbox", TALKTIME_MAILBOX="on")
    with (
        served(environ) as server,
        httpx.Client(base_url=server.url, headers=AUTHORIZED) as client,
    ):
        client.post("/v1/accounts", json=ACME)
        begun = client.post("/v1/accounts/acme/top-ups", json={"amount": "10"}).json()
        assert httpx.post(begun["checkout_url"], data={"choice": "pay"}).status_code == 303
        deadline = time.monotonic() + 10
        while client.get("/v1/accounts/acme").json()["paid"] != "10":
            assert time.monotonic() < deadline, "the notice has not come through our own door"
            time.sleep(0.05)
        assert server.stop() == 0
    elsewhere = environ | {"TALKTIME_PUBLIC_URL": "https://billing.example.com"}
    refused = talktime(elsewhere | {"TALKTIME_MAILBOX": ""}, "serve", "--port", "0")
    assert refused.returncode != 0
    assert "TALKTIME_PAYMENTS is set" in refused.stderr
    assert "gets credit for nothing" in refused.stderr
