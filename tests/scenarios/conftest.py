"""Customers whose story is to be told."""

import pytest

from talktime.ops.platform import Platform
from tests.scenarios.story import MakeAccount, Story, StoryOf


@pytest.fixture
async def story(platform: Platform, make_account: MakeAccount) -> Story:
    """A customer with $0.50 promo and $5.00 paid."""
    return Story(platform, await make_account(promo="0.50", paid="5.00"))


@pytest.fixture
def story_of(platform: Platform, make_account: MakeAccount) -> StoryOf:
    async def make(promo: str = "0", paid: str = "0") -> Story:
        return Story(platform, await make_account(promo=promo, paid=paid))

    return make
