"""Auto-reload: when a saved card is charged, how much, and never twice."""

import asyncio
import random
from datetime import datetime, timedelta

import msgspec
import pytest

from talktime.core.auto_reload import (
    COOL_DOWN,
    COOL_DOWN_AFTER_FAILURE,
    FAILURES_MAX,
    ReloadReason,
    ReloadSettings,
    Standing,
    decide_reload,
)
from talktime.core.errors import InvalidAmount, PaymentMismatch, ProviderAway
from talktime.core.money import NANOS_PER_USD, parse_usd
from talktime.core.payment import NoticeKind, PaymentStatus
from talktime.core.saved_card import Charge, ChargeOrder
from talktime.db.webhook_lanes import OutboxEvent
from talktime.gateways.stripe_cards import StripeCards
from talktime.gateways.stripe_checkout import StripeCheckout
from talktime.ops.platform import Platform
from talktime.ops.reload_runs import ASK_AFTER, PAGE_LIFE, REPEAT_WITHIN
from talktime.ops.top_ups import GIVE_UP_AFTER, settle_payment
from talktime.ops.webhook_bodies import messages_of, read_recorded
from tests.conftest import AccountFactory
from tests.payments.paying import notice
from tests.payments.reloading import Reloader, chosen
from tests.payments.stripe_checkouts import StripeCheckouts

LATER = ASK_AFTER + timedelta(seconds=1)


@pytest.fixture
async def reloader(
    platform: Platform,
    provider: StripeCheckout,
    stripe: StripeCheckouts,
    make_account: AccountFactory,
) -> Reloader:
    """A fresh account with $10.00 paid."""
    return Reloader(platform, provider, stripe, await make_account(paid="10"))


def nanos(amount: str) -> int:
    return parse_usd(amount, field="amount")


def standing(**facts: object) -> Standing:
    usual = {
        "settings": chosen("5", "25", "100", "500"),
        "is_suspended": False,
        "has_card": True,
        "startable_nanos": nanos("4.99"),
        "has_open_payment": False,
        "charged_today_nanos": 0,
        "charged_this_month_nanos": 0,
        "failures": 0,
        "stopped_at": None,
        "attempted_at": None,
    }
    return Standing(**(usual | facts))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "reason", "amount"),
    [
        ({}, ReloadReason.FIRED, "25"),
        ({"startable_nanos": nanos("5")}, ReloadReason.ENOUGH, "0"),
        ({"startable_nanos": nanos("5") - 1}, ReloadReason.FIRED, "25"),
        # One payment closes the whole gap, up to the cent.
        ({"startable_nanos": nanos("-30")}, ReloadReason.FIRED, "35"),
        ({"startable_nanos": nanos("-30.001")}, ReloadReason.FIRED, "35.01"),
        # No more than ceilings leave, as long as that is what the customer chose at least.
        ({"startable_nanos": nanos("-130")}, ReloadReason.FIRED, "100"),
        (
            {"startable_nanos": nanos("-130"), "charged_today_nanos": nanos("60")},
            ReloadReason.FIRED,
            "40",
        ),
        ({"charged_today_nanos": nanos("75")}, ReloadReason.FIRED, "25"),
        ({"charged_today_nanos": nanos("75.01")}, ReloadReason.DAY_CEILING, "0"),
        ({"charged_this_month_nanos": nanos("475")}, ReloadReason.FIRED, "25"),
        ({"charged_this_month_nanos": nanos("475.01")}, ReloadReason.MONTH_CEILING, "0"),
        (
            {
                "settings": chosen("5", "25", "9000", "9000"),
                "startable_nanos": nanos("-5000"),
            },
            ReloadReason.FIRED,
            "2000",
        ),
        ({"has_card": False}, ReloadReason.NO_CARD, "0"),
        ({"is_suspended": True}, ReloadReason.SUSPENDED, "0"),
        ({"has_open_payment": True}, ReloadReason.IN_FLIGHT, "0"),
        ({"settings": chosen(is_on=False)}, ReloadReason.OFF, "0"),
    ],
)
def test_each_standing_has_one_decision(
    now: datetime, facts: dict[str, object], reason: ReloadReason, amount: str
) -> None:
    """What keeps it, in a fixed order; and what is charged where nothing does."""
    decision = decide_reload(standing(**facts), now=now)
    assert (decision.reason, decision.amount_nanos) == (reason, nanos(amount))
    assert decision.look_at > now


async def test_attempts_keep_their_distance(reloader: Reloader) -> None:
    """Two attempts are apart by the cool-down, longer after a failure, and none after three."""
    now = reloader.now
    just = standing(attempted_at=now - COOL_DOWN + timedelta(seconds=1))
    assert decide_reload(just, now=now).reason is ReloadReason.COOLING_DOWN
    assert decide_reload(just, now=now).look_at == now + timedelta(seconds=1)
    over = standing(attempted_at=now - COOL_DOWN)
    assert decide_reload(over, now=now).reason is ReloadReason.FIRED
    failed = standing(attempted_at=now - COOL_DOWN, failures=1)
    assert decide_reload(failed, now=now).reason is ReloadReason.COOLING_DOWN
    stopped = standing(failures=3, stopped_at=now - timedelta(days=9))
    assert decide_reload(stopped, now=now).reason is ReloadReason.STOPPED


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        (chosen(threshold="0.09"), "threshold"),
        (chosen(threshold="2000.01"), "threshold"),
        (chosen(threshold="1.005"), "threshold"),
        (chosen(amount="4.99"), "amount"),
        (chosen(amount="2000.01", day="9000", month="9000"), "amount"),
        (chosen(amount="25", day="24.99"), "day_ceiling"),
        (chosen(day="500.01", month="500"), "month_ceiling"),
        (chosen(month="100000.01"), "month_ceiling"),
    ],
)
async def test_choices_nobody_can_mean(
    reloader: Reloader, settings: ReloadSettings, field: str
) -> None:
    """Whole cents within the limits, an amount that a day and a month can hold; else by field."""
    with pytest.raises(InvalidAmount) as refused:
        await reloader.choose(settings)
    assert refused.value.field == field


async def test_one_payment_when_the_balance_runs_low(reloader: Reloader) -> None:
    """Below the threshold the card is charged once, credited once, and told by mail once."""
    await reloader.save_card()
    await reloader.choose(chosen("5", "25"))
    assert (await reloader.look()).reason is ReloadReason.ENOUGH
    await reloader.spend("5.01")
    assert (await reloader.look()).reason is ReloadReason.FIRED
    [entry] = await reloader.top_ups()
    assert (entry.paid_delta_nanos, entry.note) == (nanos("25"), "Auto-reload")
    [payment] = await reloader.reloads()
    assert (payment.status, entry.ref) == (PaymentStatus.SUCCEEDED, payment.payment_id)
    [charge] = reloader.stripe.cards.paid()
    assert (charge["amount"], charge["off_session"]) == (2500, "true")
    assert (await reloader.look()).reason is ReloadReason.ENOUGH
    assert [kind for kind, _ in await reloader.told()] == ["auto_reload_done"]
    assert [check.reason for check in await reloader.checks()] == [
        ReloadReason.ENOUGH,
        ReloadReason.FIRED,
        ReloadReason.ENOUGH,
    ]


async def test_a_deep_gap_is_one_payment(reloader: Reloader) -> None:
    """An overdraft far below the threshold is closed at once, not in steps of the amount."""
    await reloader.save_card()
    await reloader.choose(chosen("5", "10"))
    await reloader.spend("60.005")
    await reloader.look()
    [entry] = await reloader.top_ups()
    assert entry.paid_delta_nanos == nanos("55.01")
    assert (await reloader.account()).startable_nanos == nanos("5.005")


async def test_many_workers_at_once_make_one_payment(reloader: Reloader) -> None:
    """Eight workers that look at the same moment charge the card once."""
    await reloader.save_card()
    await reloader.choose()
    await reloader.spend("6")
    await asyncio.gather(*[reloader.look() for _ in range(8)])
    assert len(reloader.stripe.cards.paid()) == len(await reloader.top_ups()) == 1


async def test_ceilings_of_day_and_month(reloader: Reloader) -> None:
    """What a day may cost is never passed, and the next day there is as much again; nor a month."""
    await reloader.save_card()
    await reloader.choose(chosen("5", "25", "60", "110"))
    # From the first of a month at noon on.
    reloader.now = reloader.now.replace(day=1, hour=12) + timedelta(days=40)
    reloader.now = reloader.now.replace(day=1)
    charged: list[int] = []
    for _ in range(4):
        for _ in range(4):
            await reloader.spend("30")
            await reloader.look()
            reloader.passes(COOL_DOWN)
        charged.append(sum(entry.paid_delta_nanos for entry in await reloader.top_ups()))
        reloader.passes(timedelta(days=1))
    assert charged == [nanos("55"), nanos("110"), nanos("110"), nanos("110")]
    assert (await reloader.checks())[0].reason is ReloadReason.MONTH_CEILING


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
    """Failures count in a row: one that was charged makes the next failure the first again."""
    await reloader.save_card("pm_declines")
    await reloader.choose()
    await reloader.spend("6")
    await reloader.look()
    assert (await reloader.state()).failures == 1
    await reloader.save_card("pm_pays")
    await reloader.look()
    assert (await reloader.state()).failures == 0


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


class Dies(StripeCards):
    """Before the provider hears of it, or after it has acted: nobody lives to hear the answer."""

    def __init__(self, whole: StripeCards, *, before: bool) -> None:
        self._whole = whole
        self._before = before

    async def charge_card(self, order: ChargeOrder) -> Charge:
        if not self._before:
            await self._whole.charge_card(order)
        raise ConnectionAbortedError("the process was killed here")


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
    """An answer that never came leaves the payment open; it is given up after days at last."""
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
    await reloader.resume()
    assert (await reloader.reloads())[0].status is PaymentStatus.EXPIRED


async def test_why_it_did_not_fire(reloader: Reloader) -> None:
    """Each look leaves its reason, the same one in a row as one line with its first and last."""
    await reloader.choose()
    await reloader.spend("6")
    first = reloader.now + timedelta(microseconds=1)
    for _ in range(3):
        assert (await reloader.look()).reason is ReloadReason.NO_CARD
        reloader.passes(timedelta(seconds=30))
    [check] = await reloader.checks()
    assert (check.reason, check.first_at) == (ReloadReason.NO_CARD, first)
    assert check.last_at - check.first_at == timedelta(seconds=60, microseconds=2)
    assert (check.startable_nanos, check.threshold_nanos) == (nanos("4"), nanos("5"))
    await reloader.choose(chosen(is_on=False))
    assert (await reloader.look()).reason is ReloadReason.OFF


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
