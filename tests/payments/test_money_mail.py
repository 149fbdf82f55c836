"""What is told by mail of money that goes back, comes back, or is taken back: each once."""

import pytest

from talktime.core.message import Message, MessageKind
from talktime.gateways.mail.letter import write_letter
from talktime.ops.messages import list_messages
from talktime.ops.refunds import ask_refund
from tests.payments.refunding import Refunder, given, said, taken

ABOUT = {
    MessageKind.REFUND_ASKED,
    MessageKind.REFUND_DECLINED,
    MessageKind.REFUND_SUCCEEDED,
    MessageKind.REFUND_PARTLY,
    MessageKind.REFUND_FAILED,
    MessageKind.REFUND_REVERSED,
    MessageKind.CHARGEBACK,
    MessageKind.CHARGEBACK_REVERSED,
}


async def told(refunder: Refunder) -> list[Message]:
    """Messages about money back that were written, oldest first, each of them fit to be sent."""
    async with refunder.platform.connection() as connection:
        newest = await list_messages(
            connection, account_id=refunder.account_id, state=None, limit=200
        )
    found = [message for message in newest if message.kind in ABOUT]
    found.sort(key=lambda message: (message.created_at, message.ref))
    for message in found:
        message.facts.setdefault("account_name", "Ada's Bots")  # added where it is spread
        write_letter(message, public_url="https://talktime.test")
    return found


def facts(message: Message, *names: str) -> tuple[str, ...]:
    return tuple(message.facts[name] for name in names)


async def test_declined_with_the_operators_words(refunder: Refunder) -> None:
    """A refund that is declined is told once, with the reason that the operator gave."""
    await refunder.paid("10")
    refund = await refunder.ask("4")
    for _ in range(2):
        await refunder.decline(refund, "Used until Monday")
    [message] = await told(refunder)
    assert message.kind is MessageKind.REFUND_DECLINED
    assert facts(message, "amount", "answer") == ("4", "Used until Monday")


async def test_the_operator_hears_of_it(refunder: Refunder) -> None:
    """Where the seller has an address it is told of a refund that waits, once for each; the same
    request again tells nobody."""
    await refunder.paid("10")
    for _ in range(2):
        async with refunder.platform.connection() as connection:
            await ask_refund(
                connection,
                account_id=refunder.account_id,
                refund_id="ticket-81",
                provider=refunder.provider.name,
                amount_nanos=None,
                reason="Pilot is over",
                operator="billing@voice.example",
                now=refunder.platform.clock(),
            )
    [message] = await told(refunder)
    assert (message.kind, message.recipient) == (MessageKind.REFUND_ASKED, "billing@voice.example")
    assert facts(message, "amount", "refund", "reason") == ("10", "ticket-81", "Pilot is over")


async def test_one_that_never_left(refunder: Refunder) -> None:
    """A refund that fails under way is told once, with the reason and the balance it is back on."""
    await refunder.paid("10")
    await refunder.approve(await refunder.ask("4"))
    await refunder.run()
    [sent] = refunder.stripe.back.refunds.values()
    failed = said(
        refunder.stripe.back.end(sent["id"], "failed", failure_reason="expired_or_canceled_card")
    )
    for _ in range(3):
        await refunder.tell(failed)
    [message] = await told(refunder)
    assert message.kind is MessageKind.REFUND_FAILED
    assert facts(message, "amount", "available", "paid") == ("4", "10", "10")
    assert message.facts["reason"] == "the card has expired or was canceled"


async def test_one_that_came_back(refunder: Refunder) -> None:
    """A refund that a bank sends back was told of as sent, and is told of as come back, once
    each, whatever is repeated in whatever order."""
    await refunder.paid("10")
    refund = await refunder.approve(await refunder.ask("4"))
    await refunder.run()
    [sent] = refunder.stripe.back.refunds.values()
    gone = said(refunder.stripe.back.end(sent["id"]))
    back = said(refunder.stripe.back.end(sent["id"], "failed"))
    for notice in (gone, gone, back, gone, back):
        await refunder.tell(notice)
    sent_away, came_back = await told(refunder)
    assert (sent_away.kind, came_back.kind) == (
        MessageKind.REFUND_SUCCEEDED,
        MessageKind.REFUND_REVERSED,
    )
    assert facts(sent_away, "amount", "refund", "available") == ("4", refund.refund_id, "6")
    assert facts(came_back, "amount", "refund", "available") == ("4", sent["id"], "10")


@pytest.mark.parametrize(
    ("ends", "kind"),
    [
        (("succeeded", "succeeded"), MessageKind.REFUND_SUCCEEDED),
        (("succeeded", "failed"), MessageKind.REFUND_PARTLY),
        (("failed", "succeeded"), MessageKind.REFUND_PARTLY),
        (("failed", "failed"), MessageKind.REFUND_FAILED),
    ],
)
async def test_over_two_payments(
    refunder: Refunder, ends: tuple[str, str], kind: MessageKind
) -> None:
    """However many payments a refund goes back over, it is told once, when the last of them has
    come to its end, with what went back of which."""
    payments = [await refunder.paid(amount) for amount in ("6", "10")]
    await refunder.approve(await refunder.ask("12"))
    await refunder.run()
    # All of the newer payment, and what is missing of the older one.
    sent = sorted(refunder.stripe.back.refunds.values(), key=lambda one: -one["amount"])
    for nth, end in enumerate(ends):
        assert await told(refunder) == []
        notice = said(refunder.stripe.back.end(sent[nth]["id"], end))
        for _ in range(2):
            await refunder.tell(notice)
    [message] = await told(refunder)
    assert message.kind is kind
    gone = [
        (payment.payment_id, amount)
        for payment, amount, end in zip(payments[::-1], ("10", "2"), ends, strict=True)
        if end == "succeeded"
    ]
    assert message.facts["parts"].split() == [word for pair in gone for word in pair]
    assert facts(message, "amount", "gone", "stayed") == (
        "12", str(sum(int(amount) for _, amount in gone)),
        str(12 - sum(int(amount) for _, amount in gone)),
    )  # fmt: skip


async def test_taken_by_a_bank_and_given_again(refunder: Refunder) -> None:
    """What a bank takes, and what it gives again, is told once each with the balance after it,
    also where the giving was heard of first and the taking is repeated."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    dispute = refunder.stripe.back.dispute(payment.intent_id, 1000)
    for notice in (given(dispute, 1000), taken(dispute), taken(dispute), given(dispute, 1000)):
        await refunder.tell(notice)
    took, gave = await told(refunder)
    assert (took.kind, gave.kind) == (MessageKind.CHARGEBACK, MessageKind.CHARGEBACK_REVERSED)
    assert facts(took, "amount", "top_up_id", "available", "floor") == (
        "10",
        payment.payment_id,
        "0",
        "0.1",
    )
    assert facts(gave, "amount", "dispute", "available") == ("10", dispute["id"], "10")


async def test_one_that_stripe_will_not_send(refunder: Refunder) -> None:
    """A refund that the provider refuses for good is told once, with its reason."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    await refunder.approve(await refunder.ask("4"))
    refunder.stripe.back.from_dashboard(payment.intent_id, 1000)
    for _ in range(2):
        await refunder.run()
    [message] = [m for m in await told(refunder) if m.kind is MessageKind.REFUND_FAILED]
    assert facts(message, "amount", "available") == ("4", "10")
    assert message.facts["reason"]
