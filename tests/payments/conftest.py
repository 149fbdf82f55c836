"""Payments: a Stripe to ask, and an account that wants to pay."""

from collections.abc import AsyncIterator

import pytest

from talktime.gateways.stripe_checkout import StripeCheckout
from talktime.ops.platform import Platform
from tests.conftest import AccountFactory
from tests.payments.paying import Payer
from tests.payments.refunding import Refunder
from tests.payments.reloading import Reloader
from tests.payments.stripe_checkouts import StripeCheckouts, served


@pytest.fixture
async def stripe_server() -> AsyncIterator[tuple[StripeCheckouts, str]]:
    """Our model of Stripe, and its address."""
    async with served() as found:
        yield found


@pytest.fixture
def stripe(stripe_server: tuple[StripeCheckouts, str]) -> StripeCheckouts:
    return stripe_server[0]


@pytest.fixture
async def provider(stripe_server: tuple[StripeCheckouts, str]) -> AsyncIterator[StripeCheckout]:
    """The official library, speaking to it."""
    speaking = StripeCheckout("sk_test_right", api_base=stripe_server[1])
    yield speaking
    await speaking.close()


@pytest.fixture
async def payer(
    platform: Platform, provider: StripeCheckout, make_account: AccountFactory
) -> Payer:
    """A fresh account without any money, and its hand."""
    return Payer(platform, provider, await make_account())


@pytest.fixture
def refunder(payer: Payer, provider: StripeCheckout, stripe: StripeCheckouts) -> Refunder:
    """The same account, which wants money back."""
    return Refunder(payer, provider, stripe)


@pytest.fixture
async def reloader(
    platform: Platform,
    provider: StripeCheckout,
    stripe: StripeCheckouts,
    make_account: AccountFactory,
) -> Reloader:
    """A fresh account with $10.00 paid, that may reload."""
    return Reloader(platform, provider, stripe, await make_account(paid="10"))
