import asyncio
import logging
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest

from talktime_sdk import (
    AccountSuspended,
    Conflict,
    Forbidden,
    Gone,
    InsufficientCredits,
    InvalidRequest,
    InvalidUsage,
    NotFound,
    Overloaded,
    Refusal,
    TalktimeClient,
    Unauthenticated,
    UnexpectedAnswer,
    Unreachable,
    UsageLine,
    WrongState,
)

CALL: dict[str, Any] = {"account_id": "acme", "call_id": "CA1", "channel": "phone"}


async def test_a_call_step_by_step(server: Any, client: TalktimeClient) -> None:
    """start_call, report_usage and end_call speak the contract, with the key, money exact."""
    admission = await client.start_call(**CALL, from_="+15550100", metadata={"campaign": 7})
    assert (admission.hold, admission.lease_seconds) == (Decimal("0.1"), 60)
    line = UsageLine(service="stt", provider="Deepgram", quantities={"audio_seconds": 4.54})
    usage = await client.report_usage("acme", "CA1", [line])
    assert usage.accrued_charge is None
    await client.report_usage("acme", "CA1")
    receipt = await client.end_call(
        "acme",
        "CA1",
        "completed",
        lines=[line, UsageLine(service="sip", provider_cost=Decimal("0.0070"))],
        duration_seconds=60,
    )
    assert (receipt.charge, receipt.from_) == (Decimal("0.052"), "+15550100")
    assert receipt.lines[0].quantities == {"audio_seconds": Decimal("4.54")}

    start, report, heartbeat, end = server.seen
    assert start.headers["authorization"] == "Bearer tt_platform_k1_secret"
    assert start.headers["content-type"] == "application/json"
    assert start.body == CALL | {"from": "+15550100", "metadata": {"campaign": 7}}
    stt = {"service": "stt", "provider": "deepgram", "quantities": {"audio_seconds": "4.54"}}
    assert (report.method, report.path) == ("PUT", "/v1/accounts/acme/calls/CA1/usage")
    assert report.body == {"lines": [stt]}
    assert heartbeat.body == {"lines": []}
    assert end.path == "/v1/accounts/acme/calls/CA1/end"
    assert end.body == {
        "outcome": "completed",
        "duration_seconds": "60",
        "lines": [stt, {"service": "sip", "provider_cost": "0.007"}],
    }


async def test_accounts(server: Any, client: TalktimeClient) -> None:
    """Accounts, adjustments, coupons, links and lists follow the contract, and ids are quoted."""
    account = await client.create_account(name="Acme", email="b@acme.example", verified=True)
    assert (account.promo, account.margin_rate) == (Decimal("0.5"), None)
    await client.create_account(name="Acme", email="b@acme.example", account_id="acme")
    entry = await client.adjust(
        "acme", adjustment_id="a1", paid="5.000000001", promo=Decimal("-0.50"), reason="wrong"
    )
    assert (entry.paid_delta, entry.recorded_at.year) == (Decimal("5.000000001"), 2026)
    assert (await client.preview_coupon("acme", "WELCOME10")).bonus == 10
    assert (await client.redeem_coupon("acme", "WELCOME10")).kind == "coupon"
    assert (await client.portal_link("acme")).url.startswith("https://")
    assert (await client.get_account("a/b c")).startable == Decimal("5.4")
    assert (await client.get_call("acme", "CA1")).billing_status == "pending"
    calls = await client.list_calls("acme", outcome="failed", from_date=date(2026, 11, 1), limit=5)
    assert calls.next_cursor is None
    assert (await client.entries("acme", kind="adjustment", cursor="c1")).next_cursor == "c2"

    bodies = [seen.body for seen in server.seen]
    fresh_id = bodies[0].pop("account_id")
    assert len(fresh_id) == 36
    assert bodies[0] == {"name": "Acme", "email": "b@acme.example", "verified": True}
    assert bodies[1] == {"name": "Acme", "email": "b@acme.example", "account_id": "acme"}
    assert bodies[2] == {
        "adjustment_id": "a1",
        "paid": "5.000000001",
        "promo": "-0.5",
        "reason": "wrong",
    }
    assert bodies[3] == bodies[4] == {"code": "WELCOME10"}
    assert [seen.path for seen in server.seen[2:]] == [
        "/v1/accounts/acme/adjustments",
        "/v1/accounts/acme/coupons/preview",
        "/v1/accounts/acme/coupons/redeem",
        "/v1/accounts/acme/portal-sessions",
        "/v1/accounts/a%2Fb%20c",
        "/v1/accounts/acme/calls/CA1",
        "/v1/accounts/acme/calls?outcome=failed&from_date=2026-11-01&limit=5",
        "/v1/accounts/acme/entries?kind=adjustment&cursor=c1",
    ]


@pytest.mark.parametrize(
    "step", ["drop", "refuse", "silence", "cut", "garbage", 429, 502, 503, 504]
)
async def test_trouble_is_tried_again(server: Any, client: TalktimeClient, step: Any) -> None:
    """Whatever happens on the way, the same request is sent again and the act happens once."""
    server.script("POST adjustments", step, step)
    entry = await client.adjust("acme", adjustment_id="a1", paid=5, reason="gift")
    assert entry.seq == 3
    assert len(server.seen) == 3
    assert len({str((seen.path, seen.body)) for seen in server.seen}) == 1


async def test_a_generated_account_id_survives_retries(server: Any, client: TalktimeClient) -> None:
    """When the answer to a creation is lost, the second attempt carries the same id."""
    server.script("POST accounts", "drop")
    await client.create_account(name="Acme", email="b@acme.example")
    first, second = server.seen
    assert first.body == second.body


@pytest.mark.parametrize(
    ("step", "error", "requests"),
    [
        ("drop", Unreachable, 3),
        ("silence", Unreachable, 3),
        ("garbage", UnexpectedAnswer, 3),
        (503, Overloaded, 3),
        (408, Overloaded, 3),
        (429, Overloaded, 3),
        ((500, b"oops", {}), UnexpectedAnswer, 1),
        ((302, b"", {"Location": "http://portal.example"}), UnexpectedAnswer, 1),
        ((503, {"code": "overloaded"}, {"Retry-After": "3600"}), Overloaded, 1),
    ],
)
async def test_trouble_that_stays_is_raised(
    server: Any, client: TalktimeClient, step: Any, error: type[Exception], requests: int
) -> None:
    """Attempts are bounded, and trying again what cannot help is left out."""
    server.script("GET acme", *[step] * 5)
    with pytest.raises(error):
        await client.get_account("acme")
    assert len(server.seen) == requests


async def test_retry_after_is_waited_for(server: Any, client: TalktimeClient) -> None:
    """The server's Retry-After is honoured: seconds, or a date compared with the answer's own."""
    dates = {
        "Date": "Mon, 23 Nov 2026 12:00:00 GMT",
        "Retry-After": "Mon, 23 Nov 2026 12:00:01 GMT",
    }
    server.script("GET acme", (503, {"code": "overloaded"}, dates))
    began = asyncio.get_running_loop().time()
    await client.get_account("acme")
    assert asyncio.get_running_loop().time() - began >= 1.0


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "line_not_allowed", InvalidRequest),
        (413, "body_too_large", InvalidRequest),
        (401, "unauthenticated", Unauthenticated),
        (402, "insufficient_credits", InsufficientCredits),
        (403, "forbidden", Forbidden),
        (403, "account_suspended", AccountSuspended),
        (404, "account_unknown", NotFound),
        (409, "call_id_conflict", Conflict),
        (410, "coupon_expired", Gone),
    ],
)
async def test_refusals(
    server: Any, client: TalktimeClient, status: int, code: str, error: type[Refusal]
) -> None:
    """Each refusal has its class, its stable code, its field and its facts; none is retried."""
    problem = {
        "type": "about:blank",
        "title": "No",
        "status": status,
        "code": code,
        "detail": "because",
        "field": "lines[0].service",
        "allowed": ["llm"],
    }
    server.script("start", (status, problem, {}))
    with pytest.raises(error) as caught:
        await client.start_call(**CALL)
    refusal = caught.value
    assert type(refusal) is error
    assert (refusal.status, refusal.code, refusal.field) == (status, code, "lines[0].service")
    assert refusal.facts == {"allowed": ["llm"]}
    assert str(refusal) == f"because [{code}]"
    assert len(server.seen) == 1


async def test_insufficient_credits_tells_the_figures(server: Any, client: TalktimeClient) -> None:
    """A refused start says what there is, what is held and what is needed, in Decimals."""
    figures = {"available": "0.19", "held": "0.1", "startable": "0.09", "floor": "0.1"}
    server.script("start", (402, {"code": "insufficient_credits", **figures}, {}))
    with pytest.raises(InsufficientCredits) as caught:
        await client.start_call(**CALL)
    refusal = caught.value
    assert refusal.available == Decimal("0.19")
    assert refusal.held == Decimal("0.1")
    assert refusal.startable == Decimal("0.09")
    assert refusal.floor == Decimal("0.1")


async def test_our_own_success_can_be_told(server: Any, client: TalktimeClient) -> None:
    """A coupon redeemed by an attempt whose answer got lost is met as a conflict that says so."""
    twice: tuple[Any, ...] = (409, {"code": "coupon_already_redeemed"}, {})
    server.script("POST redeem", "drop", twice, twice)
    with pytest.raises(Conflict) as ours:
        await client.redeem_coupon("acme", "WELCOME10")
    with pytest.raises(Conflict) as theirs:
        await client.redeem_coupon("acme", "WELCOME10")
    assert (ours.value.after_lost_answer, theirs.value.after_lost_answer) == (True, False)


async def test_nobody_there() -> None:
    """A server that is not there is Unreachable, within the bounds."""
    async with TalktimeClient("http://127.0.0.1:9", "tt_x", dice=lambda: 0.0) as client:
        with pytest.raises(Unreachable):
            await client.get_account("acme")


async def test_a_dripping_answer_is_cut_off(client: TalktimeClient) -> None:
    """The timeout bounds the whole attempt, though every single byte comes in time."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        try:
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)
        except ConnectionError:
            writer.close()

    dripping = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = dripping.sockets[0].getsockname()[1]
    async with TalktimeClient(
        f"http://127.0.0.1:{port}", "tt_x", timeout=0.2, dice=lambda: 0.0
    ) as slow:
        began = asyncio.get_running_loop().time()
        with pytest.raises(Unreachable):
            await slow.get_account("acme")
        assert asyncio.get_running_loop().time() - began < 3
    dripping.close()


async def test_the_key_is_never_told(
    server: Any, client: TalktimeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither errors nor logs nor representations contain the key."""
    caplog.set_level(logging.DEBUG, logger="talktime_sdk")
    server.script("GET acme", "drop", "garbage", 503)
    with pytest.raises(Overloaded) as caught:
        await client.get_account("acme")
    assert "secret" not in caplog.text + str(caught.value) + repr(client) + repr(vars(client))
    for wrong in ("", "tt x", "tt_x\n", "tt_é"):
        with pytest.raises(InvalidUsage):
            TalktimeClient(server.url, wrong)


async def test_the_transport_is_a_seam() -> None:
    """Another transport replaces the network; the base URL may have a path of its own."""
    paths = []

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(str(request.url))
        return httpx.Response(404, json={"code": "account_unknown", "title": "Unknown"})

    transport = httpx.MockTransport(answer)
    async with TalktimeClient(
        "https://billing.example/talktime/", "tt_x", transport=transport
    ) as client:
        with pytest.raises(NotFound):
            await client.get_account("acme")
    assert paths == ["https://billing.example/talktime/v1/accounts/acme"]


async def test_floats_are_no_money(client: TalktimeClient) -> None:
    """An adjustment by a float is refused before anything is sent."""
    with pytest.raises(InvalidUsage, match="never a float"):
        await client.adjust("acme", adjustment_id="a", paid=0.1, reason="x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "base_url",
    ["", "localhost", "localhost:8080", "ftp://t.example", "http://t.example/v1/", "http://t/?a=1"],
)
def test_an_address_that_is_none(base_url: str) -> None:
    """What can be no server's address is refused at once, not taken for a server that is away."""
    with pytest.raises(InvalidUsage, match="base_url"):
        TalktimeClient(base_url, "tt_x")


async def test_nothing_was_admitted_yet(client: TalktimeClient) -> None:
    """A call that was not entered has no admission, and says so as one of our errors."""
    with pytest.raises(WrongState):
        _ = client.call(**CALL).admission
