"""All of money in and out together: whatever happens in whatever order, the balances are Stripe's.

``TALKTIME_FULL=1`` tries hundreds of histories instead of a dozen.
"""

import inspect
import os
import random
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, cast

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from talktime.api.app import create_app
from talktime.config import Settings
from talktime.core.errors import Overloaded
from talktime.core.refund import PaymentProvider
from talktime.gateways.stripe_checkout import StripeCheckout
from talktime.ops.platform import Payments, Platform, utc_now
from tests.api.account_client import operator_client
from tests.api.caller import OPERATOR_KEY, running
from tests.conftest import AccountFactory
from tests.payments.money_world import ACTS, Killed, MoneyWorld, check_books
from tests.payments.paying import SECRET, Payer
from tests.payments.refunding import Refunder
from tests.payments.reloading import Reloader, chosen
from tests.payments.stripe_checkouts import StripeCheckouts, served

FULL = "TALKTIME_FULL" in os.environ
HISTORIES = 200 if FULL else 12
ACTS_MAX = 100 if FULL else 70
DEATHS = 0.2
LONG = timedelta(minutes=31)
"""Longer than anything is claimed for or waits for, but for what is asked about hourly."""
PAUSES = {"a pause": timedelta(minutes=3), "a long pause": LONG}
"""After which the worker looks at everything."""


class Mortal:
    """Stripe as a process sees it that may die before it asks, or after Stripe has acted."""

    def __init__(self, whole: object, fate: "Fate") -> None:
        self._whole = whole
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._whole, name)
        if name in {"refunds", "cards"}:
            return Mortal(found, self._fate)
        if not inspect.iscoroutinefunction(found):
            return found

        async def asked(*args: object) -> object:
            moment = self._fate.moment()
            if moment == "before":
                raise Killed
            answer = await found(*args)
            if moment == "after":
                raise Killed
            return answer

        return asked


class Fate:
    """When processes die; never, before it has dice."""

    dice: random.Random | None = None

    def moment(self) -> str | None:
        if self.dice is None or self.dice.random() >= DEATHS:
            return None
        return self.dice.choice(["before", "after"])


class Office:
    """Our server, its worker, and Stripe; time goes by as it is told to."""

    client: httpx.AsyncClient
    """The platform's backend."""

    def __init__(self, platform: Platform, stripe: StripeCheckouts, url: str, home: Any) -> None:
        self.stripe = stripe
        self.skew = timedelta()
        self.fate = Fate()
        self.whole = StripeCheckout("sk_test_right", api_base=url)
        self.provider = cast("PaymentProvider", Mortal(self.whole, self.fate))
        self.platform = msgspec.structs.replace(
            platform,
            clock=lambda: utc_now() + self.skew,
            payments=Payments(provider=self.provider, notice_secret=SECRET),
        )
        self.settings = Settings(home=home, operator_key=OPERATOR_KEY)
        stripe.cards.clock = lambda: time.time() + self.skew.total_seconds()

    def reloader(self, account_id: str) -> Reloader:
        return Reloader(
            self.platform, cast("StripeCheckout", self.provider), self.stripe, account_id
        )

    def refunder(self, account_id: str) -> Refunder:
        payer = Payer(self.platform, self.provider, account_id)
        return Refunder(payer, self.provider, self.stripe)

    async def work(self, world: MoneyWorld) -> None:
        """One look of the worker at everything, which may die at any of its steps."""
        refunder = self.refunder(world.buyers[0])
        acts: list[Coroutine[Any, Any, object]] = [
            refunder.payer.reconcile(now=self.platform.clock()),
            refunder.run(),
        ]
        for account_id in world.reloaders:
            reloader = self.reloader(account_id)
            acts += [reloader.resume(), reloader.look()]
        for act in acts:
            with suppress(Killed, Overloaded):
                await act


@pytest.fixture(scope="module")
async def office(
    platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Office]:
    """One for all histories; each has accounts of its own."""
    async with served() as (stripe, url):
        office = Office(platform, stripe, url, tmp_path_factory.getbasetemp())
        async with (
            running(create_app(office.platform, office.settings)) as app,
            operator_client(app) as office.client,
        ):
            yield office
        await office.whole.close()


async def play(office: Office, world: MoneyWorld, acts: Sequence[str]) -> None:
    """A history, and what comes after it: everything is told and asked about to the end."""
    office.fate.dice = world.dice
    for act in acts:
        if act in PAUSES:
            office.skew += PAUSES[act]
            await office.work(world)
        else:
            await world.act(office.client, act)
    office.fate.dice = None
    for _ in range(4):
        await world.finish(office.client)
        world.close_pages()
        office.skew += 3 * LONG
        await office.work(world)


@pytest.mark.timeout(1200)
@settings(
    max_examples=HISTORIES,
    deadline=None,
    derandomize=not FULL,
    database=None,
    # Cutting down what was found takes minutes.
    phases=[Phase.generate, Phase.shrink] if FULL else [Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(seed=st.integers(0, 2**32 - 1), length=st.integers(20, ACTS_MAX))
async def test_any_history_ends_in_stripes_books(
    office: Office, make_account: AccountFactory, seed: int, length: int
) -> None:
    """Top-ups, auto-reloads, refunds by operator and by dashboard, some of which bounce later, and
    disputes, with notices repeated, delayed and in any order, and processes that die before and
    after Stripe acts: every balance ends as Stripe's books say, each payment credited once, each
    refund sent once, each need charged for once, the ledger clean."""
    print(f"seed {seed}, {length} acts")
    office.fate.dice = None
    buyers = [await make_account() for _ in range(2)]
    saver = office.reloader(await make_account())
    await saver.save_card(f"pm_pays_{saver.account_id}")
    await saver.choose(chosen("5", "25", "2000", "5000"))
    dice = random.Random(seed)
    world = MoneyWorld(office.stripe, dice, buyers=buyers, reloaders=[saver.account_id])
    await play(office, world, dice.choices([*ACTS, *PAUSES], k=length))
    await check_books(office.platform, world)
