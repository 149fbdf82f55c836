"""A saved card is not charged when its owner wants money back, or wants no charge any more."""

import pytest

from talktime.core.auto_reload import OffBy, ReloadReason
from talktime.core.payment import PaymentStatus
from tests.payments.paying import Payer
from tests.payments.refunding import Refunder, taken
from tests.payments.reloading import LATER, Dies, Reloader, chosen


@pytest.fixture
def refunder(reloader: Reloader) -> Refunder:
    """The account that reloads, which wants money back."""
    payer = Payer(reloader.platform, reloader.provider, reloader.account_id)
    return Refunder(payer, reloader.provider, reloader.stripe)


@pytest.mark.parametrize("by", OffBy)
async def test_whoever_wants_money_back_is_not_charged_again(
    reloader: Reloader, refunder: Refunder, by: OffBy
) -> None:
    """A refund that is let go, or a payment that a bank takes back, switches auto-reload off, and
    which of them it was and when is kept until the customer switches it on."""
    payment = await refunder.paid("50")
    await reloader.save_card()
    await reloader.choose()
    if by is OffBy.CHARGEBACK:
        assert payment.intent_id is not None
        await refunder.tell(taken(refunder.stripe.back.dispute(payment.intent_id, 5000)))
    else:
        await refunder.approve(await refunder.ask("50"))
        await refunder.run()
    await reloader.choose(chosen(is_on=False, threshold="6"))
    off = await reloader.state()
    assert not off.settings.is_on
    assert off.switched_off is not None
    assert (off.switched_off.by, off.switched_off.at.date()) == (by, reloader.now.date())
    assert (await reloader.look()).reason is ReloadReason.OFF
    assert await reloader.reloads() == []
    await reloader.choose()
    assert (await reloader.state()).switched_off is None


@pytest.mark.parametrize("change", ["switched off", "money came"])
async def test_a_charge_that_was_never_ordered_is_not_ordered_against_the_will(
    reloader: Reloader, change: str
) -> None:
    """Killed before the provider heard of a charge, and no longer wanted: it is not made later."""
    await reloader.save_card()
    await reloader.choose()
    await reloader.spend("6")
    whole = reloader.provider.cards
    reloader.provider.cards = Dies(whole, before=True)  # type: ignore[misc]
    with pytest.raises(ConnectionAbortedError):
        await reloader.look()
    reloader.provider.cards = whole  # type: ignore[misc]
    if change == "switched off":
        await reloader.choose(chosen(is_on=False))
    else:
        await reloader.spend("-500")
    reloader.passes(LATER)
    await reloader.resume()
    assert [one.status for one in await reloader.reloads()] == [PaymentStatus.EXPIRED]
    assert await reloader.top_ups() == []
