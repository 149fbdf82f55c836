"""Top-ups over the API, and the door at which the payment provider knocks."""

import dataclasses
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar

from talktime.api.app import create_app
from talktime.config import Settings
from talktime.core.errors import InvalidInput
from talktime.core.return_address import check_return_url
from talktime.gateways.stripe_checkout import StripeCheckout
from talktime.ops.platform import Payments, Platform
from tests.api.account_client import (
    account_key,
    balances,
    entries,
    open_account,
    operator_client,
    problem,
)
from tests.api.caller import running
from tests.payments.paying import SECRET, event, signed
from tests.payments.stripe_checkouts import StripeCheckouts, served


@dataclasses.dataclass(frozen=True)
class Till:
    """The API of an installation that takes payments, and its Stripe."""

    client: httpx.AsyncClient
    stripe: StripeCheckouts

    async def knock(self, kind: str, about: dict[str, Any], **how: Any) -> httpx.Response:
        body = event(kind, about)
        headers = {"Stripe-Signature": signed(body, **how)}
        stranger = httpx.AsyncClient(transport=self.client._transport, base_url="https://api.test")
        async with stranger:
            return await stranger.post("/hooks/payments", content=body, headers=headers)


@pytest.fixture
async def till(platform: Platform, settings: Settings) -> AsyncIterator[Till]:
    async with served() as (stripe, url):
        provider = StripeCheckout("sk_test_right", api_base=url)
        payments = Payments(provider=provider, notice_secret=SECRET)
        paying = msgspec.structs.replace(platform, payments=payments)
        async with running(create_app(paying, settings)) as app, operator_client(app) as client:
            yield Till(client, stripe)
        await provider.close()


async def begin(till: Till, account_id: str, **body: Any) -> httpx.Response:
    return await till.client.post(f"/v1/accounts/{account_id}/top-ups", json=body)


async def test_a_top_up_from_beginning_to_end(till: Till) -> None:
    """Begun, paid, told by two kinds of event, and told again: one credit, one transaction."""
    account_id = await open_account(till.client)
    begun = await begin(till, account_id, amount="25.00")
    assert begun.status_code == 201
    top_up = begun.json()
    assert top_up["status"] == "waiting"
    assert top_up["checkout_url"].startswith("https://checkout.stripe.com/")
    assert (await balances(till.client, account_id))["paid"] == "0"
    [session_id] = till.stripe.sessions
    session = till.stripe.pay(session_id)
    intent = {
        "id": session["payment_intent"],
        "amount_received": 2500,
        "currency": "usd",
        "metadata": session["metadata"],
    }
    for _ in range(2):
        for kind, about in (
            ("payment_intent.succeeded", intent),
            ("checkout.session.completed", session),
        ):
            taken = await till.knock(kind, about)
            assert (taken.status_code, taken.json()["status"]) == (200, "succeeded")
    assert (await balances(till.client, account_id))["paid"] == "25"
    [entry] = await entries(till.client, account_id)
    assert (entry["kind"], entry["ref"]) == ("top_up", top_up["top_up_id"])
    read = await till.client.get(f"/v1/accounts/{account_id}/top-ups/{top_up['top_up_id']}")
    assert (read.json()["status"], read.json()["entry_seq"]) == ("succeeded", entry["seq"])


async def test_a_repeated_request_is_one_top_up(till: Till) -> None:
    """With an id of the caller's, the same request again is answered 200 with the same top-up."""
    account_id = await open_account(till.client)
    first = await begin(till, account_id, amount="10", top_up_id="invoice-7")
    again = await begin(till, account_id, amount="10.00", top_up_id="invoice-7")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    problem(
        await begin(till, account_id, amount="11", top_up_id="invoice-7"),
        409,
        "reference_conflict",
        "top_up_id",
    )


async def test_where_the_payer_goes_back_to(till: Till) -> None:
    """To the address that the request named, or to a page of ours with a key of its own; the same
    request again keeps it, and another address for it is a conflict."""
    account_id = await open_account(till.client)
    back = "https://app.example.com/billing?tab=credit"
    for top_up_id, body in (("a", {"return_url": back}), ("b", {})):
        for _ in range(2):
            await begin(till, account_id, amount="10", top_up_id=top_up_id, **body)
    named, ours = (one["success_url"] for one in till.stripe.sessions.values())
    assert named == f"{back}&back=paid"
    page, key = ours.rsplit(".", 1)
    assert page.startswith("https://talktime.test/payment/")
    assert len(key.removesuffix("?back=paid")) == 32
    elsewhere = await begin(till, account_id, amount="10", top_up_id="a", return_url=f"{back}s")
    problem(elsewhere, 409, "reference_conflict", "return_url")


@pytest.mark.parametrize(
    "wrong",
    [
        "http://app.example.com/", "https://", "/billing", "javascript:alert(1)", "https://a.test/#x",
        "https://me@a.test/", "https://a.test/{CHECKOUT_SESSION_ID}", "https://a.test:x/",
        "https://a.test/\n", "https://a.test/" + "x" * 1_500, "",
    ],
)  # fmt: skip
async def test_where_no_payer_may_be_sent(till: Till, wrong: str) -> None:
    """What is no address over https, or may mean another one to somebody else, is refused."""
    account_id = await open_account(till.client)
    refused = await begin(till, account_id, amount="10", return_url=wrong)
    problem(refused, 400, "invalid_input", "return_url")


def test_where_frames_are_allowed_payers_go_back() -> None:
    """Where the operator names the sites that frame our pages, payers go back to these or to us."""
    check = partial(
        check_return_url, allowed_origins=["https://app.test"], public_url="https://us.test/sub"
    )
    for right in ("https://app.test/x", "https://APP.test", "https://us.test/billing"):
        assert check(right) == right
    assert check_return_url("http://127.0.0.1:8080/x", allowed_origins=[], public_url="")
    for wrong in ("https://app.test.evil.test/", "https://app.test:8443/", "http://localhost/"):
        with pytest.raises(InvalidInput, match=r"at https://app\.test; ask the operator"):
            check(wrong)


@pytest.mark.parametrize("amount", ["4.99", "2000.01", "10.005", "-5", "1e2", "", "ten"])
async def test_amounts_over_the_limits(till: Till, amount: str) -> None:
    """An amount outside the limits is refused by its name, and nothing is begun."""
    account_id = await open_account(till.client)
    problem(await begin(till, account_id, amount=amount), 400, "invalid_amount", "amount")
    listed = await till.client.get(f"/v1/accounts/{account_id}/top-ups")
    assert listed.json() == {"items": [], "next_cursor": None}


async def test_who_may_top_up(till: Till) -> None:
    """An account's own key with the scope may, for its own account and no other."""
    mine, other = await open_account(till.client), await open_account(till.client)
    key = await account_key(till.client, mine, ["top_ups:write"])
    for account_id, status in ((mine, 201), (other, 403)):
        answer = await till.client.post(
            f"/v1/accounts/{account_id}/top-ups", json={"amount": "10"}, headers=key
        )
        assert answer.status_code == status


async def test_the_door_opens_to_the_provider_alone(till: Till) -> None:
    """A wrong signature or an old one is refused, and nothing is credited."""
    account_id = await open_account(till.client)
    await begin(till, account_id, amount="10")
    [session_id] = till.stripe.sessions
    session = till.stripe.pay(session_id)
    for how in ({"secret": "whsec_other"}, {"at": 1_700_000_000}):
        refused = await till.knock("checkout.session.completed", session, **how)
        problem(refused, 400, "invalid_input", "Stripe-Signature")
    assert (await balances(till.client, account_id))["paid"] == "0"


async def test_money_that_does_not_fit(till: Till) -> None:
    """Another amount or currency is a conflict, an unknown payment not found."""
    account_id = await open_account(till.client)
    await begin(till, account_id, amount="10")
    [session_id] = till.stripe.sessions
    session = till.stripe.pay(session_id)
    kind = "checkout.session.completed"
    problem(await till.knock(kind, session | {"amount_total": 5}), 409, "payment_mismatch")
    problem(await till.knock(kind, session | {"currency": "eur"}), 409, "payment_mismatch")
    unknown = {"account_id": account_id, "payment_id": "top_unknown"}
    problem(await till.knock(kind, session | {"metadata": unknown}), 404, "payment_unknown")
    left = await till.knock(kind, session | {"metadata": {}})
    assert (left.status_code, left.json()) == (200, {"taken": False, "status": None})
    assert (await balances(till.client, account_id))["paid"] == "0"


async def test_top_ups_in_pages(till: Till) -> None:
    """The list goes on where its cursor says, put into the address as it is, newest first; a
    made-up cursor is refused."""
    account_id = await open_account(till.client)
    begun = [(await begin(till, account_id, amount="10")).json()["top_up_id"] for _ in range(5)]
    path = f"/v1/accounts/{account_id}/top-ups"
    found: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        asked = f"{path}?limit=2" + (f"&cursor={cursor}" if cursor else "")
        page = (await till.client.get(asked)).json()
        found += [one["top_up_id"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert (sorted(found), cursor) == (sorted(begun), None)
    for wrong in ("x", "2026-11-23T00:00:00_top", "9999-99-99T00:00:00+00:00_top"):
        refused = await till.client.get(path, params={"cursor": wrong})
        problem(refused, 400, "invalid_input", "cursor")


async def test_without_a_provider(app: Litestar) -> None:
    """Where the operator has set no provider, both doors say so."""
    async with operator_client(app) as client:
        account_id = await open_account(client)
        refused = await client.post(f"/v1/accounts/{account_id}/top-ups", json={"amount": "10"})
        problem(refused, 403, "top_ups_off")
        problem(await client.post("/hooks/payments", content=b"{}"), 403, "top_ups_off")
