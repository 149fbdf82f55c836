"""No state of a payment, a saved card's page or a refund lasts for ever: which loop ends each, and
by when at the latest, with a clock that is put forward."""

import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import pytest

from talktime.core.errors import ProviderAway
from talktime.core.payment import PaymentStatus
from talktime.core.refund import PartStatus, Refund, RefundStatus
from talktime.gateways.sandbox_payments import SandboxPayments
from talktime.gateways.stripe_checkout import StripeCheckout
from talktime.ops.platform import Payments, Platform
from talktime.ops.refund_runs import CLAIM_LIFE, claim_due_parts
from talktime.ops.refunds import ASK_PENDING_SOONEST
from talktime.ops.reload_runs import ASK_AFTER as ASK_ABOUT_CHARGE_AFTER
from talktime.ops.reload_runs import PAGE_LIFE
from talktime.ops.saved_cards import ASK_AFTER as ASK_ABOUT_SETUP_AFTER
from talktime.ops.saved_cards import SETUP_LIFE, begin_card_setup
from talktime.ops.top_ups import ASK_AFTER, CHECKOUT_LIFE, GIVE_UP_AFTER
from talktime.payment_loops import (
    PAYMENTS_SECONDS,
    REFUNDS_SECONDS,
    RESUMES_SECONDS,
    SETUPS_SECONDS,
    STRANGERS_SECONDS,
)
from tests.conftest import AccountFactory
from tests.payments.looping import do_once
from tests.payments.paying import SECRET, Payer
from tests.payments.refunding import Refunder
from tests.payments.reloading import Dies, Reloader
from tests.payments.stripe_checkouts import StripeCheckouts

NOW = timedelta(0)
MOMENT = timedelta(seconds=1)


class Scene:
    """One account, its Stripe, and the clock of the installation."""

    def __init__(
        self, platform: Platform, provider: StripeCheckout, stripe: StripeCheckouts, account_id: str
    ) -> None:
        self.began = self.time = platform.clock()
        self.platform = msgspec.structs.replace(
            platform,
            clock=self.clock,
            payments=Payments(provider=provider, notice_secret=SECRET),
        )
        self.provider = provider
        self.stripe = stripe
        self.payer = Payer(self.platform, provider, account_id)
        self.reloader = Reloader(self.platform, provider, stripe, account_id)
        self.refunder = Refunder(self.payer, provider, stripe)

    def clock(self) -> datetime:
        return self.time

    async def look(self, loop: str, after: timedelta) -> None:
        """The loop's look at that time after the state began."""
        self.time = self.reloader.now = self.began + after
        await do_once(self.platform, loop)


@pytest.fixture
async def scene(
    platform: Platform,
    provider: StripeCheckout,
    stripe: StripeCheckouts,
    make_account: AccountFactory,
) -> Scene:
    """A fresh account with $10.00 paid."""
    return Scene(platform, provider, stripe, await make_account(paid="10"))


State = Callable[[], Awaitable[object]]
"""How the thing stands now."""


async def top_up(scene: Scene) -> State:
    """A page is open, and nobody pays on it."""
    payment = await scene.payer.begin()
    return lambda: payment_status(scene, payment.payment_id)


async def top_up_expired(scene: Scene) -> State:
    """The provider has closed the page."""
    payment = await scene.payer.begin()
    scene.stripe.expire(payment.checkout_id or "")
    return lambda: payment_status(scene, payment.payment_id)


async def top_up_paid(scene: Scene) -> State:
    """The customer has paid, and the provider's notice was lost."""
    payment = await scene.payer.begin()
    scene.stripe.pay(payment.checkout_id or "")
    return lambda: payment_status(scene, payment.payment_id)


async def top_up_forgotten(scene: Scene) -> State:
    """The provider knows of no such page."""
    payment = await scene.payer.begin()
    del scene.stripe.sessions[payment.checkout_id or ""]
    return lambda: payment_status(scene, payment.payment_id)


async def top_up_without_page(scene: Scene) -> State:
    """The provider did not answer when its page was to be opened."""
    scene.stripe.broken = True
    with suppress(ProviderAway):
        await scene.payer.begin(payment_id="top_never")
    scene.stripe.broken = False
    return lambda: payment_status(scene, "top_never")


async def top_up_unanswered(scene: Scene) -> State:
    """The provider never answers again."""
    payment = await scene.payer.begin()
    scene.stripe.broken = True
    return lambda: payment_status(scene, payment.payment_id)


async def top_up_of_another(scene: Scene) -> State:
    """The provider that opened the page is not set up any more."""
    state = await top_up(scene)
    scene.platform = msgspec.structs.replace(scene.platform, payments=None)
    return state


async def charge_begun(scene: Scene, card_id: str = "pm_pays", *, before: bool = False) -> State:
    """The worker died around ordering a charge."""
    await scene.reloader.save_card(card_id)
    await scene.reloader.choose()
    await scene.reloader.spend("6")
    whole = scene.provider.cards
    scene.provider.cards = Dies(whole, before=before)  # type: ignore[misc]
    with suppress(ConnectionAbortedError):
        await scene.reloader.look()
    scene.provider.cards = whole  # type: ignore[misc]
    return lambda: reload_status(scene)


async def charge_unordered(scene: Scene) -> State:
    return await charge_begun(scene, before=True)


async def charge_declined(scene: Scene) -> State:
    return await charge_begun(scene, "pm_declines")


async def charge_undecided(scene: Scene) -> State:
    """The bank takes its time for ever."""
    return await charge_begun(scene, "pm_slow")


async def charge_unanswered(scene: Scene) -> State:
    state = await charge_begun(scene)
    scene.stripe.broken = True
    return state


async def charge_asks(scene: Scene) -> State:
    """The bank wants to hear the customer, who does not come."""
    await scene.reloader.save_card("pm_asks")
    await scene.reloader.choose()
    await scene.reloader.spend("6")
    await scene.reloader.look()
    [payment] = await scene.reloader.reloads()
    scene.stripe.expire(payment.checkout_id or "")
    return lambda: reload_status(scene)


async def charge_asks_without_page(scene: Scene) -> State:
    """And the page on which they could pay was not opened."""
    await scene.reloader.save_card("pm_asks")
    await scene.reloader.choose()
    await scene.reloader.spend("6")
    scene.stripe.opens_pages = False
    with suppress(ProviderAway):
        await scene.reloader.look()
    return lambda: reload_status(scene)


async def charge_asks_with_page_later(scene: Scene) -> State:
    """The provider opens pages again."""
    state = await charge_asks_without_page(scene)
    scene.stripe.opens_pages = True
    return state


async def setup(scene: Scene) -> State:
    """A page to save a card on, and nobody does."""
    await begin_card_setup(
        scene.platform.connection,
        scene.provider.cards,
        account_id=scene.reloader.account_id,
        setup_id=f"setup_{secrets.token_hex(8)}",
        return_url="https://talktime.test/billing/auto-reload",
        now=scene.time,
    )
    return lambda: setup_state(scene)


async def setup_finished(scene: Scene) -> State:
    """A card was saved, and the provider's notice was lost."""
    state = await setup(scene)
    saved = await scene.reloader.saved()
    scene.stripe.cards.save(saved.setup_checkout_id or "", "pm_pays")
    return state


async def refund_let_go(scene: Scene) -> State:
    """An operator let it go, and the provider has not been asked yet."""
    await scene.refunder.paid("50")
    refund = await scene.refunder.approve(await scene.refunder.ask("50"))
    return lambda: part_status(scene, refund)


async def refund_claimed(scene: Scene) -> State:
    """The worker that was to send it died with it in its hands."""
    state = await refund_let_go(scene)
    await claim_due_parts(scene.platform.connection, scene.provider, limit=50, now=scene.time)
    return state


async def refund_sent(scene: Scene) -> State:
    """The provider has sent it, and its notice was lost."""
    state = await refund_let_go(scene)
    await scene.refunder.run()
    for refund_id in scene.stripe.back.refunds:
        scene.stripe.back.end(refund_id)
    return state


async def payment_status(scene: Scene, payment_id: str) -> str:
    return (await scene.payer.payment(payment_id)).status.value


async def reload_status(scene: Scene) -> str:
    [payment] = await scene.reloader.reloads()
    return payment.status.value


async def setup_state(scene: Scene) -> str:
    saved = await scene.reloader.saved()
    if saved.setup_id is not None:
        return "open"
    return "forgotten" if saved.card is None else "saved"


async def part_status(scene: Scene, refund: Refund) -> str:
    [part] = (await scene.refunder.refund(refund)).parts
    return part.status.value


def soon(interval_seconds: float, *, asked_after: timedelta = NOW) -> timedelta:
    """The longest a loop takes to come back to what it has just looked at."""
    return asked_after + timedelta(seconds=interval_seconds) + MOMENT


PAYMENTS = soon(PAYMENTS_SECONDS, asked_after=ASK_AFTER)
RESUMES = soon(RESUMES_SECONDS, asked_after=ASK_ABOUT_CHARGE_AFTER)
SETUPS = soon(SETUPS_SECONDS, asked_after=ASK_ABOUT_SETUP_AFTER)
STRANGERS = soon(STRANGERS_SECONDS)
REFUNDS = soon(REFUNDS_SECONDS)
PENDING = soon(REFUNDS_SECONDS, asked_after=ASK_PENDING_SOONEST)

CHARGES_END = GIVE_UP_AFTER - MOMENT
PAGES_END = CHECKOUT_LIFE - MOMENT


class Lasting(NamedTuple):
    """A state, and what is said of it."""

    begin: Callable[[Scene], Awaitable[State]]
    begins: str
    loop: str
    lasts: timedelta
    """It is right that it lasts this long."""
    within: timedelta
    """The longest it may last after that."""
    ends: str


STATES = [
    Lasting(top_up_expired, "waiting", "payments", NOW, PAYMENTS, "expired"),
    Lasting(top_up_paid, "waiting", "payments", NOW, PAYMENTS, "succeeded"),
    Lasting(top_up_forgotten, "waiting", "payments", PAGES_END, PAYMENTS, "expired"),
    Lasting(top_up_without_page, "opening", "payments", PAGES_END, PAYMENTS, "expired"),
    Lasting(top_up_unanswered, "waiting", "payments", CHARGES_END, PAYMENTS, "expired"),
    Lasting(
        top_up_of_another, "waiting", "strangers", CHECKOUT_LIFE + CHARGES_END, STRANGERS, "expired"
    ),
    Lasting(charge_begun, "opening", "resumes", NOW, RESUMES, "succeeded"),
    Lasting(charge_unordered, "opening", "resumes", NOW, RESUMES, "succeeded"),
    Lasting(charge_declined, "opening", "resumes", NOW, RESUMES, "failed"),
    Lasting(charge_undecided, "opening", "resumes", CHARGES_END, RESUMES, "expired"),
    Lasting(charge_unanswered, "opening", "resumes", CHARGES_END, RESUMES, "expired"),
    Lasting(charge_asks, "waiting", "payments", NOW, PAYMENTS, "expired"),
    Lasting(charge_asks_with_page_later, "opening", "resumes", NOW, RESUMES, "waiting"),
    Lasting(
        charge_asks_without_page, "opening", "payments", PAGE_LIFE - MOMENT, PAYMENTS, "expired"
    ),
    Lasting(setup, "open", "setups", SETUP_LIFE - MOMENT, SETUPS, "forgotten"),
    Lasting(setup_finished, "open", "setups", NOW, SETUPS, "saved"),
    Lasting(refund_let_go, "reserved", "refunds", NOW, REFUNDS, "pending"),
    Lasting(refund_claimed, "reserved", "refunds", CLAIM_LIFE - MOMENT, REFUNDS, "pending"),
    Lasting(refund_sent, "pending", "refunds", NOW, PENDING, "succeeded"),
]


@pytest.mark.parametrize("row", STATES, ids=lambda row: f"{row.begin.__name__}-{row.loop}")
async def test_each_state_has_a_loop_that_ends_it(scene: Scene, row: Lasting) -> None:
    """It lasts no longer than it must, even where the loop has looked the moment before."""
    state = await row.begin(scene)
    assert await state() == row.begins
    if row.lasts:
        await scene.look(row.loop, row.lasts)
        assert await state() not in FINAL, "it was given up too soon"
    await scene.look(row.loop, row.lasts + row.within)
    assert await state() == row.ends


FINAL = {"succeeded", "failed", "expired", "forgotten", "saved"}


def test_no_state_is_left_out() -> None:
    """Each status of a payment and of a refund's part is an end, or has a row above."""
    statuses = {status.value for status in (*PaymentStatus, *PartStatus)}
    assert statuses - FINAL == {row.begins for row in STATES} - {"open"}


async def test_a_pending_refund_is_asked_about_ever_less_often(scene: Scene) -> None:
    """After two minutes, then each time after twice as long, and every hour at last."""
    await refund_let_go(scene)
    await scene.look("refunds", NOW)
    back, after = scene.stripe.back, NOW
    [refund_id] = back.refunds
    for minutes in (2, 2, 4, 8, 16, 32, 60, 60):
        pause = timedelta(minutes=minutes)
        for early, reads in ((MOMENT, 0), (NOW, 1)):
            before = back.reads[refund_id]
            await scene.look("refunds", after + pause - early)
            assert back.reads[refund_id] - before == reads, (after, early)
        after += pause


async def test_a_sandbox_that_was_killed(
    platform: Platform, stripe: StripeCheckouts, make_account: AccountFactory
) -> None:
    """A refund of the sandbox whose confirmation died with it is there two minutes later."""
    time = platform.clock()
    sandbox = SandboxPayments(
        platform.connection, public_url="http://127.0.0.1:9", clock=lambda: time
    )
    till = msgspec.structs.replace(
        platform,
        clock=lambda: time,
        payments=Payments(provider=sandbox, notice_secret=sandbox.secret),
    )
    payer = Payer(till, sandbox, await make_account())
    payment = await payer.begin("50")
    await sandbox.pay(await sandbox.page(payer.account_id, payment.checkout_id or ""))
    time += PAYMENTS
    await do_once(till, "payments")
    refunder = Refunder(payer, sandbox, stripe)
    refund = await refunder.approve(await refunder.ask("50"))
    await do_once(till, "refunds")
    await sandbox.close()
    assert (await refunder.refund(refund)).status is RefundStatus.RUNNING
    time += PENDING
    await do_once(till, "refunds")
    assert (await refunder.refund(refund)).status is RefundStatus.SUCCEEDED
