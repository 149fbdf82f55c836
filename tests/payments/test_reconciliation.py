"""Comparing payments with the provider's books: what differs is said, and settled where it can."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from talktime.core.errors import ProviderAway
from talktime.core.payment import NoticeKind
from talktime.ops.disputes import credit_dispute
from talktime.ops.reconciliation import Comparison, compare_payments, reconcile_differences
from tests.payments.paying import notice
from tests.payments.refunding import Refunder, given, said, taken
from tests.payments.reloading import Reloader, chosen


async def compare(one: Refunder | Reloader) -> Comparison:
    platform = one.platform
    return await compare_payments(
        platform.connection,
        one.provider,
        since=platform.clock() - timedelta(days=1),
        account_id=one.account_id,
    )


async def words(one: Refunder | Reloader) -> list[str]:
    return [difference.words for difference in (await compare(one)).differences]


async def reconcile(one: Refunder | Reloader) -> list[str]:
    """What differs after acting on what differed."""
    differences = (await compare(one)).differences
    left = await reconcile_differences(
        one.platform.connection,
        one.provider,
        differences,
        terms=one.platform.terms,
        now=one.platform.clock(),
    )
    return [difference.words for difference in left]


async def test_clean(refunder: Refunder) -> None:
    """Payments that are waiting, credited and in part refunded and disputed as Stripe says."""
    await refunder.payer.begin("5")
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    back = refunder.stripe.back
    await refunder.approve(await refunder.ask("4"))
    await refunder.run()
    [sent] = back.refunds.values()
    assert await words(refunder) == []
    await refunder.tell(said(back.end(sent["id"])))
    dispute = back.dispute(payment.intent_id, 300)
    await refunder.tell(taken(dispute))
    await refunder.tell(given(back.give_again(dispute, 100), 100))
    found = await compare(refunder)
    assert found == Comparison(payments=2, refunds=1, disputes=1)


async def test_a_payment_that_nobody_told_of(refunder: Refunder) -> None:
    """Paid there and open here: said, credited once, and clean then; an expired page is ended."""
    payment = await refunder.payer.begin("10")
    refunder.charge(payment)
    expired = await refunder.payer.begin("5")
    assert expired.checkout_id is not None
    refunder.stripe.expire(expired.checkout_id)
    assert sorted(await words(refunder)) == [
        "open here, and over at the provider",
        "paid at the provider, and waiting here",
    ]
    assert await reconcile(refunder) == []
    assert await refunder.entries() == [("top_up", payment.payment_id, "10")]
    assert await reconcile(refunder) == []
    assert len(await refunder.entries()) == 1


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        ({"amount_total": 900}, "$10.00 here, $9.00 there"),
        ({"currency": "eur"}, "paid at the provider, and not so many US dollars"),
        (
            {"payment_status": "unpaid", "payment_intent": None},
            "credited here, and the provider says it was not paid",
        ),
        ({"payment_intent": "pi_other"}, "credited for {} here, paid by pi_other there"),
    ],
)
async def test_books_that_do_not_agree(
    refunder: Refunder, changed: dict[str, Any], differs: str
) -> None:
    """Other money than was credited: nothing moves, and it is said until an operator has seen."""
    payment = await refunder.paid("10")
    assert payment.checkout_id is not None
    refunder.stripe.sessions[payment.checkout_id] |= changed
    for _ in range(2):
        assert await reconcile(refunder) == [differs.format(payment.intent_id)]
    assert await refunder.balances() == ("10", "10")


async def test_a_page_that_the_provider_forgot(refunder: Refunder) -> None:
    """A credited payment that Stripe does not know is no clean one; an open one may yet expire."""
    for is_paid in (True, False):
        payment = await refunder.paid("10") if is_paid else await refunder.payer.begin("10")
        assert payment.checkout_id is not None
        session = refunder.stripe.sessions.pop(payment.checkout_id)
        # Its money is still known.
        refunder.stripe.sessions[f"{payment.checkout_id}_gone"] = session
    assert await words(refunder) == ["credited here, and the provider says it was not paid"]


async def test_refunds_that_nobody_told_of(refunder: Refunder) -> None:
    """One begun in the dashboard, and one of ours that bounced after it had gone: settled."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    back = refunder.stripe.back
    await refunder.approve(await refunder.ask("4"))
    await refunder.run()
    [sent] = back.refunds.values()
    await refunder.tell(said(back.end(sent["id"])))
    back.end(sent["id"], "failed")
    direct = back.from_dashboard(payment.intent_id, 100)
    back.end(direct["id"])
    assert sorted(await words(refunder)) == sorted(
        [
            f"refund {sent['id']} of $4.00 is succeeded here and failed there",
            f"refund {direct['id']} of $1.00 (succeeded) is not known here",
        ]
    )
    assert await reconcile(refunder) == []
    assert await refunder.balances() == ("9", "9")
    assert await refunder.faults() == []
    del back.refunds[direct["id"]]
    assert await reconcile(refunder) == [f"refund {direct['id']} is succeeded here and not there"]


async def test_a_dispute_that_was_won(refunder: Refunder) -> None:
    """Money given again of which nobody told is said and credited."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    dispute = refunder.stripe.back.dispute(payment.intent_id, 600)
    await refunder.tell(taken(dispute))
    refunder.stripe.back.give_again(dispute, 600)
    assert await words(refunder) == [
        f"dispute {dispute['id']}: $0.00 given again here, $6.00 there"
    ]
    assert await reconcile(refunder) == []
    assert await refunder.balances() == ("10", "10")


async def test_a_dispute_that_nobody_told_of(refunder: Refunder) -> None:
    """It is found among all that Stripe lists, said and debited once; an inquiry, which took
    nothing, and one of a payment that is not ours are not."""
    payments = [await refunder.paid("10") for _ in range(2)]
    back = refunder.stripe.back
    found, inquiry = [
        back.dispute(payment.intent_id, 600) for payment in payments if payment.intent_id
    ]
    inquiry["balance_transactions"] = []
    for _ in range(2):
        back.dispute("pi_of_somebody_else", 500)
    assert await words(refunder) == [f"dispute {found['id']} of $6.00 is not known here"]
    for _ in range(2):
        assert await reconcile(refunder) == []
        assert await refunder.balances() == ("14", "14")
    assert (await compare(refunder)) == Comparison(payments=2, disputes=1)
    assert await refunder.faults() == []


async def test_a_dispute_that_an_operator_credited(refunder: Refunder) -> None:
    """Where the provider cannot say what it gave again, the operator's word is no difference."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    dispute = refunder.stripe.back.dispute(payment.intent_id, 600)
    dispute["balance_transactions"] = [
        {"amount": -540, "currency": "eur"},
        {"amount": 450, "currency": "eur"},
    ]
    await refunder.tell(replace(given(dispute, 1), reinstated_cents=None, is_unclear=True))
    await refunder.run()
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
    assert await refunder.balances() == ("9", "9")
    assert await words(refunder) == []


async def test_charges_of_saved_cards(reloader: Reloader) -> None:
    """One that nobody told of is credited, once; one that Stripe took back is said."""
    await reloader.save_card("pm_slow")
    await reloader.choose(chosen(threshold="50", amount="25"))
    await reloader.look()
    [intent] = reloader.stripe.cards.intents.values()
    assert await words(reloader) == []
    intent |= {"status": "succeeded", "amount_received": intent["amount"]}
    [differs] = await words(reloader)
    assert differs.startswith("paid at the provider, and ")
    assert await reconcile(reloader) == []
    assert await reconcile(reloader) == []
    assert len(await reloader.top_ups()) == 1
    intent |= {"status": "canceled", "amount_received": 0}
    assert await words(reloader) == ["credited here, and the provider says it was not charged"]


async def test_a_provider_that_is_away(refunder: Refunder) -> None:
    """No answer is no clean answer."""
    await refunder.paid("10")
    refunder.stripe.broken = True
    with pytest.raises(ProviderAway):
        await compare(refunder)


async def test_what_is_old_and_over_is_not_asked_about(refunder: Refunder) -> None:
    """Payments begun before the days asked for are left out, unless they are open."""
    await refunder.paid("10")
    over = await refunder.payer.begin("5")
    await refunder.payer.tell(notice(over, NoticeKind.EXPIRED))
    await refunder.payer.begin("6")
    compared = await compare_payments(
        refunder.platform.connection,
        refunder.provider,
        since=refunder.platform.clock() + timedelta(seconds=1),
        account_id=refunder.account_id,
    )
    assert compared == Comparison(payments=1)
