"""Search in a history: what is found is what fits, each once, whichever way it is looked for."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from talktime.core.entry_filter import EntryFilter, check_search
from talktime.core.errors import InvalidInput
from talktime.core.ledger import Entry, EntryKind
from talktime.core.money import parse_usd
from talktime.db.pool import Connection
from talktime.ops import entries as history
from talktime.ops.entries import find_entries
from tests.conftest import AccountFactory

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
LEDGER = (
    (EntryKind.WELCOME_BONUS, "welcome", "0.5", None),
    (EntryKind.CALL, "CA100", "-0.05", None),
    (EntryKind.COUPON, "CA-SUMMER", "5", None),
    (EntryKind.CALL, "CA101", "-0.05", None),
    (EntryKind.CALL, "call_%_1", "-1.25", None),
    (EntryKind.ADJUSTMENT, "adj-1", "-1.25", "50% back for Tuesday's outage"),
    (EntryKind.CALL, "CA102", "-5", None),
    (EntryKind.ADJUSTMENT, "adj-2", "5", "a_b Ünder"),
    (EntryKind.CALL, "ca103", "-0.05", None),
    (EntryKind.CALL, "CA\U0010ffff", "-0.05", None),
)
FILTERS = (
    EntryFilter(),
    EntryFilter(kind=EntryKind.CALL),
    EntryFilter(kind=EntryKind.ADJUSTMENT),
    EntryFilter(kind=EntryKind.TOP_UP),
    EntryFilter(text="CA"),
    EntryFilter(text="CA1"),
    EntryFilter(text="CA101"),
    EntryFilter(text="ca"),
    EntryFilter(text="CA\U0010ffff"),
    EntryFilter(text="call_%"),
    EntryFilter(text="%"),
    EntryFilter(text="_"),
    EntryFilter(text="50%"),
    EntryFilter(text="OUTAGE"),
    EntryFilter(text="5.00"),
    EntryFilter(text="$5"),
    EntryFilter(text="-1.25"),
    EntryFilter(text="\N{MINUS SIGN}$1.25"),
    EntryFilter(text="+1.25"),
    EntryFilter(text="CA", kind=EntryKind.COUPON),
    EntryFilter(text="CA", kind=EntryKind.CALL),
    EntryFilter(from_time=BEGIN + 3 * HOUR),
    EntryFilter(to_time=BEGIN + 3 * HOUR),
    EntryFilter(from_time=BEGIN + 3 * HOUR, to_time=BEGIN + 7 * HOUR),
    EntryFilter(from_time=BEGIN + 7 * HOUR, to_time=BEGIN + 3 * HOUR),
    EntryFilter(from_time=BEGIN + 2 * HOUR, to_time=BEGIN + 8 * HOUR, text="CA"),
    EntryFilter(to_time=BEGIN - HOUR),
    EntryFilter(from_time=BEGIN + 100 * HOUR),
)


@pytest.fixture
async def account_id(database_url: str, make_account: AccountFactory) -> str:
    """An account with that ledger, an entry each hour."""
    account_id = await make_account()
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as owner:
        for seq, (kind, ref, amount, note) in enumerate(LEDGER, start=1):
            at = BEGIN + seq * HOUR
            nanos = parse_usd(amount, field="amount")
            await owner.execute(
                "INSERT INTO entry VALUES (%s, %s, %s, %s, 0, %s, 0, 0, 0, %s, %s, %s)",
                [account_id, seq, kind.value, ref, nanos, at, at, note],
            )
        await owner.execute(
            "UPDATE account SET entry_seq = %s WHERE account_id = %s", [len(LEDGER), account_id]
        )
    return account_id


async def everything(
    connection: Connection, account_id: str, wanted: EntryFilter, *, limit: int
) -> list[Entry]:
    """All pages one after the other."""
    found: list[Entry] = []
    before: int | None = None
    for _ in range(3 * len(LEDGER)):
        page, before = await find_entries(
            connection, account_id, wanted, before=before, limit=limit
        )
        assert len(page) <= limit
        found += page
        if before is None:
            return found
    pytest.fail("the pages have no end")


@pytest.mark.parametrize("limit", [1, 2, 50])
@pytest.mark.parametrize("walk", [1, 3, 1_000])
async def test_what_fits_is_found_once(
    connection: Connection,
    account_id: str,
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
    walk: int,
) -> None:
    """Every filter finds exactly what it admits, newest first, however short the steps are."""
    monkeypatch.setattr(history, "WALK_BESIDE_CALLS", walk)
    monkeypatch.setattr(history, "WALK_CALLS", walk)
    monkeypatch.setattr(history, "FEW_CALLS", 1 if walk == 3 else walk)
    whole = await everything(connection, account_id, EntryFilter(), limit=limit)
    assert [entry.seq for entry in whole] == list(range(len(LEDGER), 0, -1))
    for wanted in FILTERS:
        found = await everything(connection, account_id, wanted, limit=limit)
        expected = [entry.seq for entry in whole if wanted.admits(entry)]
        assert [entry.seq for entry in found] == expected, wanted


@pytest.mark.parametrize(
    ("text", "refs"),
    [
        ("CA10", {"CA100", "CA101", "CA102"}),
        ("ca10", {"ca103"}),
        ("CA-SUM", {"CA-SUMMER"}),
        ("outage", {"adj-1"}),
        ("ünder", {"adj-2"}),
        ("5", {"CA-SUMMER", "adj-2", "adj-1"}),
        ("5.00", {"CA-SUMMER", "adj-2"}),
        ("-1.25", {"adj-1"}),
        ("+1.25", set()),
        ("1.25", {"adj-1"}),
        ("0.5", {"welcome"}),
        ("zzz", set()),
        ("'; DROP TABLE entry; --", set()),
    ],
)
async def test_search_finds_by_reference_note_and_amount(
    connection: Connection, account_id: str, text: str, refs: set[str]
) -> None:
    """A reference by its beginning, as written; credits and corrections by note and amount too."""
    found = await everything(connection, account_id, EntryFilter(text=text), limit=50)
    assert {entry.ref for entry in found} == refs


@pytest.mark.parametrize("text", ["a\nb", "a\0", "\ud800", "x" * 301])
def test_a_search_is_one_short_line(text: str) -> None:
    """What no reference could contain is refused by name."""
    with pytest.raises(InvalidInput) as refused:
        check_search(text, field="q")
    assert refused.value.field == "q"
