"""Refunds over the API: asked for, decided, sent, and told of by Stripe."""

from collections.abc import AsyncIterator

import pytest

from talktime.config import Settings
from talktime.ops.platform import Platform
from tests.api.account_client import account_key, balances, entries, problem
from tests.api.refund_desk import Desk, opened


@pytest.fixture
async def desk(platform: Platform, settings: Settings) -> AsyncIterator[Desk]:
    async with opened(platform, settings) as found:
        yield found


async def test_from_asking_to_the_card(desk: Desk) -> None:
    """Asked for by the customer, approved by the operator, sent by the worker, told by Stripe in
    three kinds of event, each repeated: one transaction, keyed by Stripe's id."""
    account_id, session = await desk.paid("25")
    asked = await desk.ask(account_id, amount="10.00", reason="Not needed.", refund_id="mine-1")
    assert asked.status_code == 201
    assert asked.json()["status"] == "asked"
    again = await desk.ask(account_id, amount="10", reason="Not needed.", refund_id="mine-1")
    assert (again.status_code, again.json()) == (200, asked.json())
    for _ in range(2):
        approved = await desk.decide(asked.json(), "approve")
        assert (approved.status_code, approved.json()["status"]) == (200, "running")
    assert (await balances(desk.client, account_id))["available"] == "15"
    await desk.work()
    [sent] = desk.stripe.back.refunds.values()
    done = desk.stripe.back.end(sent["id"])
    charge = {"id": "ch_1", "payment_intent": session["payment_intent"], "amount_refunded": 1000}
    for _ in range(2):
        for kind, about in (
            ("refund.created", done | {"status": "pending"}),
            ("charge.refunded", charge),
            ("refund.updated", done),
        ):
            taken = await desk.knock(kind, about)
            assert (taken.status_code, taken.json()["taken"]) == (200, True)
    newest, *_ = await entries(desk.client, account_id)
    assert (newest["kind"], newest["ref"], newest["paid_delta"]) == ("refund", sent["id"], "-10")
    read = await desk.client.get(f"/v1/accounts/{account_id}/refunds/mine-1")
    [part] = read.json()["parts"]
    assert (read.json()["status"], part["entry_seq"]) == ("succeeded", newest["seq"])
    listed = (await desk.client.get(f"/v1/accounts/{account_id}/refunds")).json()
    assert (listed["refundable"], listed["items"]) == ("15", [read.json()])


async def test_begun_at_stripe_and_disputed(desk: Desk) -> None:
    """A refund of the dashboard and a dispute are debited; an inquiry moves nothing; other shops'
    refunds are left alone."""
    account_id, session = await desk.paid("25")
    intent_id = session["payment_intent"]
    refund = desk.stripe.back.from_dashboard(intent_id, 500)
    await desk.knock("refund.updated", desk.stripe.back.end(refund["id"]))
    dispute = desk.stripe.back.dispute(intent_id, 2000)
    for kind in ("charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed"):
        left = await desk.knock(kind, dispute | {"status": "warning_needs_response"})
        assert left.json()["taken"] is False
    assert (await balances(desk.client, account_id))["paid"] == "20"
    await desk.knock("charge.dispute.funds_withdrawn", dispute)
    assert (await balances(desk.client, account_id))["paid"] == "0"
    desk.stripe.back.give_again(dispute, 1500)
    await desk.knock("charge.dispute.funds_reinstated", dispute)
    assert (await balances(desk.client, account_id))["paid"] == "15"
    listed = (await desk.client.get(f"/v1/accounts/{account_id}/refunds")).json()
    [begun] = listed["begun_at_provider"]
    assert (begun["provider_refund_id"], begun["amount"]) == (refund["id"], "5")
    other = await desk.knock("refund.updated", refund | {"payment_intent": "pi_of_other_shop"})
    assert (other.status_code, other.json()["taken"]) == (200, False)


async def test_notices_that_do_not_fit(desk: Desk) -> None:
    """Another currency or amount is a conflict, an unreachable Stripe asks for the notice again,
    an odd shape is refused; nothing is moved."""
    account_id, session = await desk.paid("25")
    refund = desk.stripe.back.from_dashboard(session["payment_intent"], 500)
    done = desk.stripe.back.end(refund["id"])
    for wrong in ({"currency": "eur"}, {"amount": 2501}):
        problem(await desk.knock("refund.updated", done | wrong), 409, "payment_mismatch")
    unknown = {"account_id": account_id, "payment_id": "top_unknown"}
    problem(
        await desk.knock("refund.updated", done | {"metadata": unknown}), 404, "payment_unknown"
    )
    problem(await desk.knock("refund.updated", {"id": "re_1"}), 400, "invalid_input")
    desk.stripe.broken = True
    problem(await desk.knock("refund.updated", done), 503, "payment_provider_away")
    desk.stripe.broken = False
    assert (await balances(desk.client, account_id))["paid"] == "25"


async def test_refused(desk: Desk) -> None:
    """More than can go back, a second one while the first is open, odd amounts and words: each
    refused by its name."""
    account_id, _ = await desk.paid("25")
    over = problem(await desk.ask(account_id, amount="25.01"), 409, "refund_too_much", "amount")
    assert over["refundable"] == "25"
    for amount in ("0", "-1", "1.001", "ten"):
        problem(await desk.ask(account_id, amount=amount), 400, "invalid_amount", "amount")
    problem(await desk.ask(account_id, reason="x" * 501), 400, "invalid_input", "reason")
    problem(await desk.ask(account_id, refund_id="a b"), 400, "invalid_input", "refund_id")
    refund = (await desk.ask(account_id)).json()
    assert refund["amount"] == "25"
    problem(await desk.ask(account_id, amount="1"), 409, "refund_open")
    problem(await desk.decide(refund, "decline", reason=" "), 400, "invalid_input", "reason")
    declined = await desk.decide(refund, "decline", reason="Promised otherwise.")
    assert (declined.json()["status"], declined.json()["answer"]) == (
        "declined",
        "Promised otherwise.",
    )
    problem(await desk.decide(refund, "approve"), 409, "refund_decided")
    problem(await desk.decide(refund | {"refund_id": "other"}, "approve"), 404, "refund_unknown")


async def test_who_may(desk: Desk) -> None:
    """An account's key with the scope asks for its own account; deciding is the operator's."""
    (mine, _), (other, _) = await desk.paid("10"), await desk.paid("10")
    key = await account_key(desk.client, mine, ["refunds:ask"])
    for account_id, status in ((mine, 201), (other, 403)):
        answer = await desk.client.post(
            f"/v1/accounts/{account_id}/refunds", json={"refund_id": "r"}, headers=key
        )
        assert answer.status_code == status
    for path in (
        f"/v1/accounts/{mine}/refunds/r/approve",
        f"/v1/accounts/{mine}/refunds/r/decline",
    ):
        refused = await desk.client.post(path, json={"reason": "x"}, headers=key)
        assert refused.status_code == 403
    assert (await desk.client.get("/v1/refunds", headers=key)).status_code == 403


async def test_the_operators_list(desk: Desk) -> None:
    """Refunds of all accounts, newest first, in pages, by how they stand."""
    made = []
    for _ in range(3):
        account_id, _ = await desk.paid("10")
        made.append((await desk.ask(account_id)).json()["refund_id"])
    found: list[str] = []
    cursor: str | None = None
    while set(made) - set(found):
        asked = "/v1/refunds?limit=2&status=asked" + (f"&cursor={cursor}" if cursor else "")
        page = (await desk.client.get(asked)).json()
        found += [one["refund_id"] for one in page["items"]]
        cursor = page["next_cursor"]
        assert cursor is not None or not set(made) - set(found)
    assert [one for one in found if one in made] == made[::-1]
    for wrong in ("x", "1.61", "1.61.6", "2026-11-23T00:00:00~a~b"):
        refused = await desk.client.get("/v1/refunds", params={"cursor": wrong})
        problem(refused, 400, "invalid_input", "cursor")
