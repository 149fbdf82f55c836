"""The books as double entry: an auditor that we did not write agrees with them."""

import subprocess
import sys
from pathlib import Path

import pytest

from talktime.core.call import Outcome
from talktime.core.double_entry import book_call, paid_liability, promo_liability
from talktime.core.usage import LineReport
from talktime.ops.ledger_export import export_beancount
from talktime.ops.platform import Platform
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.conftest import AccountFactory


@pytest.fixture
async def books(platform: Platform, make_account: AccountFactory) -> str:
    """A bonus, money in, a call over both balances, a failed call that cost us, an overdraft."""
    account_id = await make_account(paid="0.90", verified=True)
    bots = Bots(platform, account_id)
    dear = LineReport(service="llm", provider="acme", model="mind", provider_cost="0.5")
    await bots.call("over promo and paid", dear)
    await bots.call('a "quoted" \\ id', *MINUTE_BY_PHONE)
    await bots.call("failed", dear, outcome=Outcome.FAILED)
    more = LineReport(service="llm", provider="acme", model="mind", provider_cost="0.6")
    overdrawn = await bots.call("overdraws", more)
    assert overdrawn.charge_nanos == 780_000_000, "more than the $0.698 that were left"
    return account_id


async def written(platform: Platform, account_id: str) -> str:
    async with platform.connection() as connection:
        pieces = export_beancount(connection, account_id=account_id)
        return "".join([text async for text in pieces])


def bean_check(path: Path) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).with_name("bean-check")
    return subprocess.run([tool, path], capture_output=True, text=True, timeout=60, check=False)


async def test_bean_check_accepts_the_books(platform: Platform, books: str, tmp_path: Path) -> None:
    """Every transaction balances and every balance asserted is the sum of its transactions."""
    text = await written(platform, books)
    assert promo_liability(books) in text
    file = tmp_path / "books.beancount"
    file.write_text(text)
    done = bean_check(file)
    assert (done.returncode, done.stderr) == (0, "")


async def test_bean_check_finds_a_nano(platform: Platform, books: str, tmp_path: Path) -> None:
    """One nano-dollar more on a balance than its transactions give is found."""
    lines = (await written(platform, books)).splitlines()
    [at] = [
        number
        for number, line in enumerate(lines)
        if " balance " in line and f"{paid_liability(books)} " in line
    ]
    head, amount, *rest = lines[at].rsplit(" ", 4)
    lines[at] = " ".join([head, f"{amount[:-1]}{(int(amount[-1]) + 1) % 10}", *rest])
    file = tmp_path / "books.beancount"
    file.write_text("\n".join(lines) + "\n")
    done = bean_check(file)
    assert done.returncode == 1
    assert paid_liability(books) in done.stderr


async def test_a_free_call_is_our_cost(platform: Platform, make_account: AccountFactory) -> None:
    """What a failed call cost is owed to the provider and borne by the platform."""
    bots = Bots(platform, await make_account(paid="1"))
    call = await bots.call("failed", *MINUTE_BY_PHONE, outcome=Outcome.FAILED)
    booked = book_call(call)
    assert booked is not None
    assert [(leg.account, leg.amount_nanos) for leg in booked.legs] == [
        ("Expenses:Absorbed-Cost", 40_000_000),
        ("Liabilities:Provider-Payable", -40_000_000),
    ]


def test_ids_never_share_a_name() -> None:
    """Ids that differ only in what a ledger's names cannot hold have different accounts."""
    ids = ["a-b", "a_b", "a.b", "a-2Db", "a", "A", "a|b", "aé"]
    assert len({promo_liability(one) for one in ids}) == len(ids)
