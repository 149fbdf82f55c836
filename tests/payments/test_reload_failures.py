"""Auto-reload that fails: what is counted, what is told, and what ends it."""

from datetime import timedelta

import msgspec
import pytest
import structlog.testing

from talktime.core.auto_reload import (
    COOL_DOWN,
    COOL_DOWN_AFTER_FAILURE,
    FAILURES_MAX,
    ReloadReason,
)
from talktime.core.errors import PaymentMismatch, ProviderAway
from talktime.core.money_move import OpenState
from talktime.core.payment import PaymentStatus
from talktime.db.webhook_lanes import OutboxEvent
from talktime.ops.money_moves import list_open_moves
from talktime.ops.reload_runs import PAGE_LIFE
from talktime.ops.top_ups import settle_payment
from talktime.ops.webhook_bodies import messages_of, read_recorded
from tests.conftest import AccountFactory
from tests.payments.paying import notice
from tests.payments.reloading import LATER, Dies, Reloader, chosen, nanos


async def test_three_failures_stop_it(reloader: Reloader) -> None:
    """Each refusal is told by mail and event; the third in a row stops it until another card."""
    await reloader.save_card("pm_declines")
    await reloader.choose()
    await reloader.spend("6")
    for _ in range(FAILURES_MAX + 2):
        await reloader.look()
        reloader.passes(COOL_DOWN_AFTER_FAILURE)
    assert [one.status for one in await reloader.reloads()] == [PaymentStatus.FAILED] * 3
    assert {one.failure for one in await reloader.reloads()} == {"Your card was declined."}
    assert [kind for kind, _ in await reloader.told()] == [
        "auto_reload_failed",
        "auto_reload_failed",
        "auto_reload_stopped",
    ]
    assert await reloader.events() == ["auto_reload.failed"] * 2 + ["auto_reload.stopped"]
    assert (await reloader.checks())[0].reason is ReloadReason.STOPPED
    assert all(one["status"] == "canceled" for one in reloader.stripe.cards.intents.values())
    await reloader.save_card("pm_pays")
    assert (await reloader.look()).reason is ReloadReason.FIRED
    assert len(await reloader.top_ups()) == 1


async def test_what_webhooks_say_of_a_failure(reloader: Reloader) -> None:
    """Which payment, why, whether the customer is asked, and whether auto-reload has stopped."""
    await reloader.save_card("pm_asks")
    await reloader.choose()
    await reloader.spend("6")
    await reloader.look()
    [payment] = await reloader.reloads()
    happened = OutboxEvent(
        account_id=reloader.account_id,
        event_seq=1,
        recorded_at=reloader.now,
        kind="auto_reload.failed",
        ref=payment.payment_id,
        entry_seq=None,
        available_nanos=nanos("4"),
    )
    async with reloader.platform.connection() as connection:
        recorded = await read_recorded(connection, [happened], floor_nanos=0)
    [message] = messages_of(happened, recorded)
    assert message.type == "auto_reload.failed"
    assert msgspec.json.decode(message.body)["data"] == {
        "account_id": reloader.account_id,
        "top_up_id": payment.payment_id,
        "amount": "25",
        "reason": "Your card was declined. It requires authentication.",
        "needs_customer": True,
        "stopped": False,
        "available": "4",
    }


async def test_a_success_ends_the_row_of_failures(reloader: Reloader) -> None:
    """Failures count in a row: one that was charged makes the next failure the first again. Billing
    tells of a failure until then, unless there is enough again."""
    await reloader.save_card("pm_declines")
    await reloader.choose()
    await reloader.spend("6")
    await reloader.look()
    assert (await reloader.state()).failures == 1
    assert await open_states(reloader) == [OpenState.RELOAD_FAILED]
    await reloader.spend("-5")
    assert await open_states(reloader) == []
    await reloader.spend("5")
    await reloader.save_card("pm_pays")
    await reloader.look()
    assert (await reloader.state()).failures == 0
    assert await open_states(reloader) == []


async def open_states(reloader: Reloader) -> list[OpenState]:
    async with reloader.platform.connection() as connection:
        moves = await list_open_moves(connection, reloader.account_id, now=reloader.now)
    return [move.state for move in moves]


async def test_the_bank_wants_to_hear_the_customer(reloader: Reloader) -> None:
    """The same payment waits on a page, told by mail; paid there it is credited, and only once."""
    await reloader.save_card("pm_asks")
    await reloader.choose()
    await reloader.spend("6")
    await reloader.look()
    [payment] = await reloader.reloads()
    assert (payment.status, payment.needs_customer) == (PaymentStatus.WAITING, True)
    assert payment.checkout_id is not None
    assert [kind for kind, _ in await reloader.told()] == ["authentication_needed"]
    reloader.passes(COOL_DOWN_AFTER_FAILURE)
    assert (await reloader.look()).reason is ReloadReason.IN_FLIGHT
    reloader.stripe.pay(payment.checkout_id)
    for _ in range(2):
        await reloader.reconcile(timedelta(minutes=5))
    assert len(await reloader.top_ups()) == 1
    assert (await reloader.state()).failures == 0
    # Should the charge that failed come all the same, nobody credits it a second time.
    with pytest.raises(PaymentMismatch, match="other money"):
        async with reloader.platform.connection() as connection:
            await settle_payment(
                connection,
                notice(payment, intent_id=payment.intent_id),
                terms=reloader.platform.terms,
                now=reloader.now,
            )


async def test_nobody_answers_the_bank(reloader: Reloader) -> None:
    """A page on which nobody pays expires, and the next attempt is free to be made."""
    await reloader.save_card("pm_asks")
    await reloader.choose()
    await reloader.spend("6")
    await reloader.look()
    [payment] = await reloader.reloads()
    assert payment.checkout_id is not None
    reloader.stripe.expire(payment.checkout_id)
    await reloader.reconcile(PAGE_LIFE + timedelta(minutes=5))
    assert [one.status for one in await reloader.reloads()] == [PaymentStatus.EXPIRED]
    assert (await reloader.look()).reason is ReloadReason.FIRED


async def test_the_same_choice_again_changes_nothing(reloader: Reloader) -> None:
    """A choice that is sent again and again, and other amounts, forgive no failure: after three
    there is no fourth."""
    await reloader.save_card("pm_declines")
    await reloader.choose()
    await reloader.spend("6")
    for nth in range(FAILURES_MAX + 2):
        await reloader.look()
        before = await reloader.state()
        assert await reloader.choose() == before
        changed = await reloader.choose(chosen(amount=str(30 + nth)))
        assert (changed.failures, changed.stopped_at) == (before.failures, before.stopped_at)
        await reloader.choose()
        reloader.passes(COOL_DOWN_AFTER_FAILURE)
    assert len(reloader.stripe.cards.intents) == FAILURES_MAX
    assert (await reloader.state()).stopped_at is not None


@pytest.mark.parametrize("how", ["off and on", "switched on again"])
async def test_switching_on_again_is_one_more_attempt(reloader: Reloader, how: str) -> None:
    """After a stop the customer can go on with the same card, half an hour after the last attempt;
    one more failure stops it again, and a charge that succeeds forgives all."""
    await reloader.save_card("pm_declines")
    await reloader.choose()
    await reloader.spend("6")
    for nth in range(2):
        for _ in range(FAILURES_MAX):
            await reloader.look()
            reloader.passes(COOL_DOWN_AFTER_FAILURE)
        assert (await reloader.state()).stopped_at is not None
        assert len(reloader.stripe.cards.intents) == FAILURES_MAX + nth
        if nth == 1:
            reloader.stripe.cards.renew("pm_declines", "pm_pays")
        if how == "off and on":
            await reloader.choose(chosen(is_on=False))
            await reloader.choose()
        else:
            await reloader.switch_on_again()
    await reloader.look()
    assert len(await reloader.top_ups()) == 1
    assert (await reloader.state()).failures == 0


@pytest.mark.parametrize("how", ["off and on", "switched on again"])
async def test_one_more_attempt_after_a_stop_for_good(reloader: Reloader, how: str) -> None:
    """Stopped at the first failure and switched on again, an ordinary no stops it at once again."""
    await reloader.save_card("pm_expired")
    await reloader.choose()
    await reloader.spend("6")
    await reloader.look()
    reloader.stripe.cards.renew("pm_expired", "pm_declines")
    if how == "off and on":
        await reloader.choose(chosen(is_on=False))
        await reloader.choose()
    else:
        await reloader.switch_on_again()
    for _ in range(3):
        reloader.passes(COOL_DOWN_AFTER_FAILURE)
        await reloader.look()
    assert len(await reloader.reloads()) == 2
    assert (await reloader.state()).stopped_at is not None


async def test_switching_on_what_has_not_stopped_forgives_nothing(reloader: Reloader) -> None:
    """Off and on after one failure: it still counts, and the next attempt waits as long."""
    await reloader.save_card("pm_declines")
    await reloader.choose()
    await reloader.spend("6")
    await reloader.look()
    reloader.passes(COOL_DOWN)
    await reloader.switch_on_again()
    await reloader.choose(chosen(is_on=False))
    assert (await reloader.choose()).failures == 1
    assert (await reloader.look()).reason is ReloadReason.COOLING_DOWN


@pytest.mark.parametrize(
    ("card_id", "gone", "reason"),
    [
        ("pm_expired", None, "Your card has expired."),
        ("pm_stolen", None, "Your card was declined."),
        ("pm_pays", "card", "The saved card was removed at Stripe"),
        ("pm_pays", "customer", "The saved card was removed at Stripe"),
    ],
)
async def test_a_card_that_no_later_try_makes_better(
    reloader: Reloader, card_id: str, gone: str | None, reason: str
) -> None:
    """Expired, stolen, detached or its customer deleted at Stripe: said so by one mail and asked no
    more until another card is saved, which is charged."""
    saved = await reloader.save_card(card_id)
    await reloader.choose()
    await reloader.spend("6")
    desk = reloader.stripe.cards
    if gone == "card":
        desk.owners.pop(card_id)
    elif gone == "customer":
        assert saved.customer_id is not None
        desk.delete_customer(saved.customer_id)
    for _ in range(3):
        await reloader.look()
        reloader.passes(COOL_DOWN_AFTER_FAILURE)
    [payment] = await reloader.reloads()
    assert payment.status is PaymentStatus.FAILED
    assert payment.failure is not None
    assert reason in payment.failure
    assert [kind for kind, _ in await reloader.told()] == ["auto_reload_stopped"]
    assert await reloader.events() == ["auto_reload.stopped"]
    assert ((await reloader.saved()).card is None) == (gone is not None)
    await reloader.save_card("pm_pays_2")
    assert (await reloader.look()).reason is ReloadReason.FIRED
    assert len(await reloader.top_ups()) == 1


async def test_a_wrong_key_takes_no_card_away(reloader: Reloader) -> None:
    """The key of another account or mode knows no customer of ours: an operator hears of it, the
    customer does not, nothing stops, and the card is charged when the key is right again."""
    saved = await reloader.save_card()
    await reloader.choose()
    await reloader.spend("6")
    reloader.stripe.cards.is_another_account = True
    with structlog.testing.capture_logs() as lines, pytest.raises(ProviderAway):
        await reloader.look()
    assert "error" in [line["log_level"] for line in lines]
    reloader.passes(LATER)
    await reloader.resume()
    assert (await reloader.told(), await reloader.events()) == ([], [])
    assert await reloader.saved() == saved
    assert ((await reloader.state()).failures, (await reloader.state()).stopped_at) == (0, None)
    reloader.stripe.cards.is_another_account = False
    reloader.passes(LATER)
    await reloader.resume()
    assert len(await reloader.top_ups()) == 1


async def test_a_card_that_was_replaced_meanwhile(reloader: Reloader) -> None:
    """A charge of a card that gave way to another is not made later, and stops nothing."""
    await reloader.save_card("pm_pays_1")
    await reloader.choose()
    await reloader.spend("6")
    whole = reloader.provider.cards
    reloader.provider.cards = Dies(whole, before=True)  # type: ignore[misc]
    with pytest.raises(ConnectionAbortedError):
        await reloader.look()
    reloader.provider.cards = whole  # type: ignore[misc]
    await reloader.save_card("pm_pays_2")
    reloader.passes(LATER)
    await reloader.resume()
    assert [one.status for one in await reloader.reloads()] == [PaymentStatus.EXPIRED]
    assert await reloader.told() == []
    reloader.passes(COOL_DOWN)
    assert (await reloader.look()).reason is ReloadReason.FIRED
    [charge] = reloader.stripe.cards.paid()
    assert charge["payment_method"] == "pm_pays_2"


async def test_two_accounts_with_the_same_card(
    reloader: Reloader, make_account: AccountFactory
) -> None:
    """Each saved it for itself: one that is stopped or suspended keeps the other from nothing."""
    others = [
        Reloader(reloader.platform, reloader.provider, reloader.stripe, await make_account())
        for _ in range(2)
    ]
    for nth, (one, card_id) in enumerate(
        zip([reloader, *others], ["pm_pays", "pm_expired", "pm_pays"], strict=True)
    ):
        await one.save_card(f"{card_id}_{nth}")
        await one.choose(chosen("20", "25"))
    stopped, suspended = others
    await suspended.suspend()
    assert (await stopped.look()).reason is ReloadReason.FIRED
    assert (await suspended.look()).reason is ReloadReason.SUSPENDED
    assert (await reloader.look()).reason is ReloadReason.FIRED
    assert [len(await one.top_ups()) for one in (reloader, stopped, suspended)] == [1, 0, 0]
    [charge] = reloader.stripe.cards.paid()
    assert charge["metadata"]["account_id"] == reloader.account_id


async def test_a_suspended_account_is_never_charged(reloader: Reloader) -> None:
    """Neither by a look nor by going on with what stopped before the provider heard of it."""
    await reloader.save_card()
    await reloader.choose()
    await reloader.spend("6")
    whole = reloader.provider.cards
    reloader.provider.cards = Dies(whole, before=True)  # type: ignore[misc]
    with pytest.raises(ConnectionAbortedError):
        await reloader.look()
    reloader.provider.cards = whole  # type: ignore[misc]
    await reloader.suspend()
    reloader.passes(LATER)
    await reloader.resume()
    reloader.passes(COOL_DOWN)
    assert (await reloader.look()).reason is ReloadReason.SUSPENDED
    assert [one.status for one in await reloader.reloads()] == [PaymentStatus.EXPIRED]
    assert reloader.stripe.cards.intents == {}
