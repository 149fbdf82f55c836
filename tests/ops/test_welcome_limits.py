"""How many welcome bonuses a day gives out, by domain, by network and in all."""

import uuid

import pytest

from talktime.core.errors import TooManyAttempts
from talktime.db.pool import Connection
from talktime.ops.accounts import read_account
from talktime.ops.sign_in import (
    LINKS_FOR_NETWORK,
    sign_up_by_link,
)
from talktime.ops.terms import Terms
from tests.ops.signing_in import NOON, ask, browser, fresh


async def bonus_of(connection: Connection, address: str, *, client: str, terms: Terms) -> int:
    """What somebody new begins with, and the account's session says the same."""
    token, account_id = await ask(connection, address), f"acct_{uuid.uuid4().hex}"
    begun = await sign_up_by_link(
        connection,
        token=token,
        account_id=account_id,
        name="Ada",
        sign_up_open=True,
        browser=browser(client=client),
        terms=terms,
        now=NOON,
    )
    account = await read_account(connection, account_id, now=NOON)
    assert account.verified
    assert begun.is_without_bonus == (account.promo_nanos == 0)
    return account.promo_nanos


async def test_bonuses_of_a_domain_are_few_a_day(connection: Connection) -> None:
    """Beyond five a day accounts at a domain, its subdomains too, open without a bonus."""
    domain, terms = f"{uuid.uuid4().hex}.example", Terms(welcomes_per_day=1_000_000)
    given = [
        await bonus_of(connection, f"{n}@{n}.{domain}", client=uuid.uuid4().hex, terms=terms)
        for n in range(6)
    ]
    assert given == [terms.welcome_nanos] * 5 + [0]


async def test_providers_domains_are_not_counted(connection: Connection) -> None:
    """Customers of a large mail provider do not take each other's bonuses."""
    terms = Terms(welcomes_per_day=1_000_000)
    for _ in range(7):
        address, client = f"{uuid.uuid4().hex}@outlook.com", uuid.uuid4().hex
        assert await bonus_of(connection, address, client=client, terms=terms) > 0


async def test_bonuses_of_a_network_are_few_a_day(connection: Connection) -> None:
    """IPv6 is counted by the 48 bits of a site, whose owner chooses the other 80."""
    site = uuid.uuid4().hex[:8]
    terms = Terms(welcomes_per_day=1_000_000)
    given = [
        await bonus_of(
            connection, fresh(), client=f"2a01:{site[:4]}:{site[4:]}:{n:x}::/64", terms=terms
        )
        for n in range(11)
    ]
    assert given == [terms.welcome_nanos] * 10 + [0]


async def test_bonuses_of_a_day_are_counted_in_all(connection: Connection) -> None:
    """An installation gives out no more in a day than its terms say."""
    none = Terms(welcomes_per_day=0)
    assert await bonus_of(connection, fresh(), client=uuid.uuid4().hex, terms=none) == 0


async def test_links_for_a_site_are_counted(connection: Connection) -> None:
    """Asking from ever other networks of one IPv6 site ends, too."""
    site = uuid.uuid4().hex[:8]
    for n in range(LINKS_FOR_NETWORK.most):
        await ask(connection, fresh(), client=f"2a01:{site[:4]}:{site[4:]}:{n:x}::/64")
    with pytest.raises(TooManyAttempts):
        await ask(connection, fresh(), client=f"2a01:{site[:4]}:{site[4:]}:ffff::/64")
