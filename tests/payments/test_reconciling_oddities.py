"""What a comparison with the provider's books must not overlook, and what it must not cry over."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
import structlog.testing

from talktime.core.dispute import DisputeState
from talktime.core.errors import PaymentMismatch
from talktime.core.refund import DisputeNotice
from talktime.gateways.payment_notices import read_notice
from talktime.gateways.sandbox_payments import SandboxPayments
from talktime.ops.disputes import credit_dispute
from talktime.ops.platform import Payments, Platform
from talktime.ops.reconciliation import Comparison, compare_payments
from talktime.ops.top_ups import settle_payment
from tests.conftest import AccountFactory
from tests.payments.paying import SECRET, Payer, event, notice, signed
from tests.payments.refunding import Refunder, given, said, taken
from tests.payments.reloading import Reloader, chosen
from tests.payments.stripe_checkouts import StripeCheckouts
from tests.payments.test_reconciliation import compare, reconcile, words


def moved(*cents: int, currency: str = "usd") -> list[dict[str, Any]]:
    return [{"amount": one, "currency": currency} for one in cents]


async def test_given_again_and_not_clear_how_much(refunder: Refunder) -> None:
    """A customer to whom an unclear amount is owed is no clean comparison: the word is acted on, so
    that an operator can credit it, and then it is clean."""
    payment = await refunder.paid("10")
    dispute = refunder.stripe.back.dispute(payment.intent_id or "", 600)
    await refunder.tell(taken(dispute))
    dispute["balance_transactions"] = moved(-540, 450, currency="eur")
    differs = (
        f"dispute {dispute['id']}: some of $6.00 was given again, and how much the provider "
        "cannot say: credit it with `talktime disputes credit`"
    )
    for _ in range(2):
        assert await reconcile(refunder) == [differs]
        [one] = await refunder.disputes()
        assert one.state is DisputeState.GIVEN_AGAIN_UNCLEAR
    platform = refunder.platform
    async with platform.connection() as connection:
        await credit_dispute(
            connection,
            account_id=refunder.account_id,
            dispute_id=dispute["id"],
            amount_nanos=5 * 10**9,
            terms=platform.terms,
            now=platform.clock(),
        )
    assert await words(refunder) == []
    assert await refunder.balances() == ("9", "9")


async def test_a_second_payment_sent_back(refunder: Refunder) -> None:
    """The second payment of one top-up, refunded in the dashboard, touches no balance: clean."""
    payment = await refunder.paid("10")
    with pytest.raises(PaymentMismatch):
        await refunder.payer.tell(notice(payment, intent_id="pi_second"))
    whose = {"account_id": payment.account_id, "payment_id": payment.payment_id}
    second = {"id": "re_second", "amount": 1000, "currency": "usd", "status": "succeeded"}
    await refunder.tell(said(second, payment_intent="pi_second", metadata=whose))
    assert await reconcile(refunder) == []


@pytest.mark.parametrize("currency", ["usd", "eur"])
async def test_taken_again_after_it_was_won(refunder: Refunder, currency: str) -> None:
    """Nothing is debited by itself, and nobody overlooks it: an error is logged, the audit warns,
    and the comparison says what differs, until it is won again."""
    payment = await refunder.paid("10")
    dispute = refunder.stripe.back.dispute(payment.intent_id or "", 600)
    dispute["balance_transactions"] = moved(-600, currency=currency)
    first = funds_withdrawn(dispute)
    assert await alarms(refunder, first) == []
    dispute["balance_transactions"] = moved(-600, 600, currency=currency)
    await refunder.tell(given(dispute, 600))
    assert await alarms(refunder, first) == []
    assert await refunder.warnings() == []

    dispute["balance_transactions"] = moved(-600, 600, -600, currency=currency)
    [alarm] = await alarms(refunder, funds_withdrawn(dispute))
    assert "taken again" in alarm
    assert await refunder.balances() == ("10", "10")
    [warning] = await refunder.warnings()
    assert dispute["id"] in warning
    assert await refunder.faults() == []
    for _ in range(2):
        assert await reconcile(refunder) == [
            f"dispute {dispute['id']}: $6.00 given again here, $0.00 there"
        ]
    assert len(await refunder.warnings()) == 1

    dispute["balance_transactions"] = moved(-600, 600, -600, 600, currency=currency)
    if currency == "usd":
        await refunder.tell(given(dispute, 600))
        assert (await words(refunder), await refunder.warnings()) == ([], [])


async def test_taken_again_and_heard_from_the_comparison(refunder: Refunder) -> None:
    """Where no second notice came the comparison itself makes the audit warn."""
    payment = await refunder.paid("10")
    dispute = refunder.stripe.back.dispute(payment.intent_id or "", 600)
    await refunder.tell(taken(dispute))
    await refunder.tell(given(dispute, 600))
    dispute["balance_transactions"] = moved(-600, 600, -600)
    assert len(await reconcile(refunder)) == 1
    assert len(await refunder.warnings()) == 1
    assert await refunder.balances() == ("10", "10")


async def test_a_dispute_in_another_currency(refunder: Refunder) -> None:
    """The same figure in another currency is not the same money."""
    payment = await refunder.paid("10")
    dispute = refunder.stripe.back.dispute(payment.intent_id or "", 600)
    await refunder.tell(taken(dispute))
    dispute["currency"] = "eur"
    assert await reconcile(refunder) == [f"dispute {dispute['id']} is in EUR"]


@pytest.mark.parametrize("how", ["refund", "dispute"])
async def test_money_back_of_an_old_payment(refunder: Refunder, how: str) -> None:
    """A payment from before the days asked for is asked about where money went back in them."""
    payment = await refunder.paid("10")
    old = refunder.platform.clock()
    intent_id = payment.intent_id or ""
    if how == "refund":
        await refunder.tell(said(refunder.stripe.back.from_dashboard(intent_id, 300)))
    else:
        await refunder.tell(taken(refunder.stripe.back.dispute(intent_id, 300)))
    for since, asked in ((old, 1), (refunder.platform.clock() + timedelta(seconds=1), 0)):
        compared = await compare_payments(
            refunder.platform.connection,
            refunder.provider,
            since=since,
            account_id=refunder.account_id,
        )
        assert (compared.payments, compared.differences) == (asked, [])


async def test_paid_by_its_own_intent_beside_the_page(reloader: Reloader) -> None:
    """A reload that its bank let through while the customer's page was open is paid: clean; where
    that intent is not paid either, the difference is told."""
    await reloader.save_card("pm_asks")
    await reloader.choose(chosen(threshold="50", amount="25"))
    await reloader.look()
    [payment] = await reloader.reloads()
    [intent] = reloader.stripe.cards.intents.values()
    assert payment.checkout_id is not None
    platform = reloader.platform
    async with platform.connection() as connection:
        await settle_payment(
            connection,
            notice(payment, intent_id=intent["id"]),
            terms=platform.terms,
            now=platform.clock(),
        )
    assert await words(reloader) == ["credited here, and the provider says it was not charged"]
    intent |= {"status": "succeeded", "amount_received": intent["amount"]}
    assert await words(reloader) == []


async def test_the_sandbox(
    platform: Platform, stripe: StripeCheckouts, make_account: AccountFactory
) -> None:
    """The sandbox is asked about its refunds as Stripe is, also those begun on its own page; of
    disputes, of which it keeps no record, it is said that none were compared."""
    sandbox = SandboxPayments(
        platform.connection, public_url="http://127.0.0.1:9", clock=platform.clock
    )
    till = msgspec.structs.replace(
        platform, payments=Payments(provider=sandbox, notice_secret=sandbox.secret)
    )
    payer = Payer(till, sandbox, await make_account())
    payment = await payer.begin("10")
    page = await sandbox.page(payer.account_id, payment.checkout_id or "")
    await sandbox.pay(page)
    refunder = Refunder(payer, sandbox, stripe)
    assert await reconcile(refunder) == []
    await refunder.approve(await refunder.ask("4"))
    await refunder.run()
    assert await words(refunder) == []
    await refunder.run(later=timedelta(hours=1))
    await sandbox.refunds.refund_here(page, 3 * 10**9)
    assert len(await words(refunder)) == 1
    assert await reconcile(refunder) == []
    intent_id = page.checkout_id.replace("cs_", "pi_")
    about = {"id": "dp_sandbox", "payment_intent": intent_id, "amount": 300}
    whose = {"account_id": payer.account_id, "payment_id": payment.payment_id}
    await refunder.tell(msgspec.structs.replace(taken(about), **whose))
    await sandbox.close()
    assert await compare(refunder) == Comparison(payments=1, refunds=2, unasked=1)


def funds_withdrawn(dispute: dict[str, Any]) -> DisputeNotice:
    """Stripe's event of a taking, read as its door reads it."""
    body = event("charge.dispute.funds_withdrawn", dispute)
    told = read_notice(body, signed(body), SECRET)
    assert isinstance(told, DisputeNotice)
    return told


async def alarms(refunder: Refunder, told: DisputeNotice) -> list[str]:
    """The errors that were logged as it was told."""
    with structlog.testing.capture_logs() as lines:
        await refunder.tell(told)
    return [line["event"] for line in lines if line["log_level"] == "error"]
