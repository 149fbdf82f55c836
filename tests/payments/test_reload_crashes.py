"""Auto-reload whose worker, bank or provider stops half-way: a card is charged once."""

import asyncio
import random
from datetime import timedelta

import pytest

from talktime.core.auto_reload import (
    ReloadReason,
)
from talktime.core.errors import ProviderAway
from talktime.core.money import NANOS_PER_USD
from talktime.core.payment import NoticeKind, PaymentStatus
from talktime.ops.reload_runs import REPEAT_WITHIN
from talktime.ops.top_ups import GIVE_UP_AFTER, settle_payment
from tests.payments.paying import notice
from tests.payments.reloading import LATER, Dies, Reloader, chosen, nanos


@pytest.mark.parametrize("card_id", ["pm_pays", "pm_declines", "pm_asks"])
@pytest.mark.parametrize("before", [True, False])
async def test_a_crash_around_the_charge(reloader: Reloader, before: bool, card_id: str) -> None:
    """Killed before or after the provider acted: gone on with, and the card is charged once."""
    await reloader.save_card(card_id)
    await reloader.choose()
    await reloader.spend("6")
    whole = reloader.provider.cards
    reloader.provider.cards = Dies(whole, before=before)  # type: ignore[misc]
    with pytest.raises(ConnectionAbortedError):
        await reloader.look()
    assert (await reloader.reloads())[0].status is PaymentStatus.OPENING
    reloader.provider.cards = whole  # type: ignore[misc]
    reloader.passes(LATER)
    assert (await reloader.look()).reason is ReloadReason.IN_FLIGHT
    await reloader.resume()
    [payment] = await reloader.reloads()
    assert (
        payment.status
        is {
            "pm_pays": PaymentStatus.SUCCEEDED,
            "pm_declines": PaymentStatus.FAILED,
            "pm_asks": PaymentStatus.WAITING,
        }[card_id]
    )
    assert len(reloader.stripe.cards.intents) == 1


@pytest.mark.parametrize("before", [True, False])
async def test_a_crash_found_late(reloader: Reloader, before: bool) -> None:
    """After the minutes in which a key is sure to be known a charge is looked for, not repeated."""
    await reloader.save_card()
    await reloader.choose()
    await reloader.spend("6")
    whole = reloader.provider.cards
    reloader.provider.cards = Dies(whole, before=before)  # type: ignore[misc]
    with pytest.raises(ConnectionAbortedError):
        await reloader.look()
    reloader.provider.cards = whole  # type: ignore[misc]
    reloader.passes(REPEAT_WITHIN + timedelta(seconds=1))
    await reloader.resume()
    [payment] = await reloader.reloads()
    if before:
        assert payment.status is PaymentStatus.EXPIRED
        assert reloader.stripe.cards.intents == {}
    else:
        assert payment.status is PaymentStatus.SUCCEEDED
        assert len(await reloader.top_ups()) == 1


async def test_a_slow_bank(reloader: Reloader) -> None:
    """A charge that the bank takes its time over stays under way until it is said to be paid."""
    await reloader.save_card("pm_slow")
    await reloader.choose()
    await reloader.spend("6")
    await reloader.look()
    reloader.passes(LATER)
    await reloader.resume()
    assert (await reloader.reloads())[0].status is PaymentStatus.WAITING
    [intent] = reloader.stripe.cards.intents.values()
    intent |= {"status": "succeeded", "amount_received": intent["amount"]}
    reloader.passes(LATER)
    await reloader.resume()
    assert len(await reloader.top_ups()) == 1


async def test_the_provider_is_away(reloader: Reloader) -> None:
    """An answer that never came leaves the payment open; it is given up after days at last,
    of which open pages hear once."""
    await reloader.save_card()
    await reloader.choose()
    await reloader.spend("6")
    reloader.stripe.broken = True
    with pytest.raises(ProviderAway):
        await reloader.look()
    reloader.passes(LATER)
    await reloader.resume()
    assert (await reloader.reloads())[0].status is PaymentStatus.OPENING
    reloader.passes(GIVE_UP_AFTER)
    for _ in range(2):
        await reloader.resume()
    assert (await reloader.reloads())[0].status is PaymentStatus.EXPIRED
    assert await reloader.closings() == 1


@pytest.mark.parametrize("seed", range(12))
async def test_any_interleaving_keeps_the_laws(reloader: Reloader, seed: int) -> None:
    """Spending, workers that die, several at once, notices repeated and late, in any order: never
    two under way, never above a ceiling, and the balance is what was spent and credited."""
    chance = random.Random(seed)
    cards = ["pm_pays", "pm_pays", "pm_slow", "pm_declines", "pm_asks"]
    await reloader.save_card(chance.choice(cards))
    await reloader.choose(chosen("5", "10", "30", "80"))
    whole = reloader.provider.cards
    spent = 0
    for _ in range(40):
        act = chance.randrange(8)
        if act <= 1:
            cents = chance.randrange(1, 900)
            await reloader.spend(f"{cents // 100}.{cents % 100:02d}")
            spent += cents * NANOS_PER_USD // 100
        elif act == 2:
            await asyncio.gather(*[reloader.look() for _ in range(chance.randrange(1, 4))])
        elif act == 3:
            reloader.provider.cards = Dies(whole, before=chance.random() < 0.5)  # type: ignore[misc]
            await asyncio.gather(reloader.look(), return_exceptions=True)
            reloader.provider.cards = whole  # type: ignore[misc]
        elif act == 4:
            reloader.passes(timedelta(seconds=chance.choice([1, 60, 200, 2_000, 40_000])))
        elif act == 5:
            await reloader.resume()
        elif act == 6:
            await told_again(reloader, chance)
        else:
            await reloader.save_card(chance.choice(cards))
        await check_laws(reloader, spent, seed)
    assert reloader.provider.cards is whole


async def told_again(reloader: Reloader, chance: random.Random) -> None:
    """The provider's notices of what its charges came to, some of them more than once."""
    for intent in reloader.stripe.cards.intents.values():
        if intent["status"] == "processing" and chance.random() < 0.5:
            intent |= {"status": "succeeded", "amount_received": intent["amount"]}
    for payment in await reloader.reloads():
        for intent in reloader.stripe.cards.intents.values():
            if intent["metadata"]["payment_id"] != payment.payment_id:
                continue
            is_paid = intent["status"] == "succeeded"
            kind = NoticeKind.PAID if is_paid else NoticeKind.ATTEMPT_FAILED
            for _ in range(chance.randrange(3)):
                async with reloader.platform.connection() as connection:
                    await settle_payment(
                        connection,
                        notice(payment, kind, intent_id=intent["id"]),
                        terms=reloader.platform.terms,
                        now=reloader.now,
                    )


async def check_laws(reloader: Reloader, spent: int, seed: int) -> None:
    payments = await reloader.reloads()
    live = [one for one in payments if one.status in {"opening", "waiting"}]
    assert len(live) <= 1, seed
    by_day: dict[object, int] = {}
    for one in payments:
        if one.status in {"opening", "waiting", "succeeded"}:
            day = one.created_at.date()
            by_day[day] = by_day.get(day, 0) + one.amount_nanos
    assert all(charged <= nanos("30") for charged in by_day.values()), seed
    credited = sum(entry.paid_delta_nanos for entry in await reloader.top_ups())
    assert (await reloader.account()).paid_nanos == nanos("10") + credited - spent, seed
    paid = {one["metadata"]["payment_id"] for one in reloader.stripe.cards.paid()}
    assert len(paid) == len(reloader.stripe.cards.paid()), seed
    assert {entry.ref for entry in await reloader.top_ups()} <= paid, seed
