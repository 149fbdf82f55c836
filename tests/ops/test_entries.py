"""The transaction history: newest first, in pages, and as CSV that fools no spreadsheet."""

import csv
import io
from collections.abc import Awaitable, Callable

import pytest

from talktime.core.entry_filter import EntryFilter
from talktime.core.errors import AccountUnknown, InvalidInput
from talktime.core.ledger import EntryKind
from talktime.core.money import parse_usd
from talktime.core.spreadsheet import safe_cell
from talktime.db.pool import Connection
from talktime.ops import entries as history
from talktime.ops.adjustments import post_adjustment
from talktime.ops.entries import CSV_COLUMNS, export_entries, list_entries
from talktime.ops.platform import Platform

MakeAccount = Callable[..., Awaitable[str]]


async def adjust(
    platform: Platform, account_id: str, adjustment_id: str, paid: str, reason: str = "test"
) -> None:
    async with platform.connection() as connection:
        await post_adjustment(
            connection,
            account_id=account_id,
            adjustment_id=adjustment_id,
            promo_nanos=0,
            paid_nanos=parse_usd(paid, field="paid"),
            reason=reason,
            terms=platform.terms,
            now=platform.clock(),
        )


async def csv_of(
    platform: Platform, account_id: str, kind: EntryKind | None = None
) -> list[dict[str, str]]:
    pieces = [
        piece
        async for piece in export_entries(platform.connection, account_id, EntryFilter(kind=kind))
    ]
    return list(csv.DictReader(io.StringIO("".join(pieces), newline="")))


async def test_pages_hold_every_entry_once_newest_first(
    platform: Platform, connection: Connection, make_account: MakeAccount
) -> None:
    """Following the cursor finds them all, and one posted meanwhile disturbs no page."""
    account_id = await make_account()
    for n in range(7):
        await adjust(platform, account_id, f"adj-{n}", "1")
    seen: list[int] = []
    before: int | None = None
    while True:
        page, before = await list_entries(connection, account_id, before=before, kind=None, limit=3)
        seen += [entry.seq for entry in page]
        if before is None:
            break
        await adjust(platform, account_id, f"meanwhile-{before}", "1")
    assert seen == [7, 6, 5, 4, 3, 2, 1]


async def test_a_full_last_page_has_no_next(
    platform: Platform, connection: Connection, make_account: MakeAccount
) -> None:
    """The cursor says that there is more only where there is."""
    account_id = await make_account(paid="1")
    page, before = await list_entries(connection, account_id, before=None, kind=None, limit=1)
    assert (len(page), before) == (1, None)


async def test_a_kind_can_be_picked(
    platform: Platform, connection: Connection, make_account: MakeAccount
) -> None:
    """Only entries of the kind asked for are listed and exported."""
    account_id = await make_account(paid="1", verified=True)
    for kind, seqs in [
        (EntryKind.WELCOME_BONUS, [1]),
        (EntryKind.ADJUSTMENT, [2]),
        (EntryKind.COUPON, []),
        (None, [2, 1]),
    ]:
        page, _ = await list_entries(connection, account_id, before=None, kind=kind, limit=10)
        assert [entry.seq for entry in page] == seqs
        exported = await csv_of(platform, account_id, kind)
        assert [int(row["seq"]) for row in exported] == seqs


async def test_an_account_sees_its_own_entries_only(
    connection: Connection, make_account: MakeAccount
) -> None:
    """Another account's history does not show."""
    await make_account(paid="1")
    account_id = await make_account()
    page, _ = await list_entries(connection, account_id, before=None, kind=None, limit=10)
    assert page == []


async def test_an_unknown_account_has_no_history(connection: Connection) -> None:
    """No account is not an account without entries."""
    with pytest.raises(AccountUnknown):
        await list_entries(connection, "acct-nobody", before=None, kind=None, limit=10)


@pytest.mark.parametrize("limit", [0, 201])
async def test_a_page_of_entries_has_a_limit(
    connection: Connection, make_account: MakeAccount, limit: int
) -> None:
    """At most 200 at once."""
    account_id = await make_account()
    with pytest.raises(InvalidInput) as refused:
        await list_entries(connection, account_id, before=None, kind=None, limit=limit)
    assert refused.value.field == "limit"


async def test_csv_amounts_are_exact(platform: Platform, make_account: MakeAccount) -> None:
    """Every amount is there to the nano, and each balance is the one before plus the delta."""
    account_id = await make_account(promo="0.5")
    for n, paid in enumerate(["0.000000001", "-0.052", "10000000", "-0.0429"]):
        await adjust(platform, account_id, f"adj-{n}", paid)
    rows = await csv_of(platform, account_id)
    assert tuple(rows[0]) == CSV_COLUMNS
    assert [row["amount"] for row in rows] == [
        "-0.0429",
        "10000000",
        "-0.052",
        "0.000000001",
        "0.5",
    ]
    assert rows[0]["available_after"] == "10000000.405100001"
    paid_after = 0
    for row in reversed(rows):
        paid_after += parse_usd(row["paid_delta"], field="paid_delta")
        assert parse_usd(row["paid_after"], field="paid_after") == paid_after
        assert row["account_id"] == account_id
        assert row["recorded_at"].endswith("Z")


@pytest.mark.parametrize("text", ["=1+1", "+49 30", "-x", "@SUM(A1)", "\t=1", "\r\n=1"])
async def test_csv_text_is_never_a_formula(
    platform: Platform, make_account: MakeAccount, text: str
) -> None:
    """A reason that a spreadsheet would run stands behind an apostrophe."""
    account_id = await make_account()
    await adjust(platform, account_id, "adj-1", "1", reason=text)
    [row] = await csv_of(platform, account_id)
    assert row["note"] == f"'{text}"
    assert safe_cell("plain = text") == "plain = text"


async def test_csv_text_keeps_quotes_and_lines(
    platform: Platform, make_account: MakeAccount
) -> None:
    """Commas, quotes and line ends come back as they were."""
    reason = 'said "sorry", twice;\nreally'
    account_id = await make_account()
    await adjust(platform, account_id, "a,b", "1", reason=reason)
    [row] = await csv_of(platform, account_id)
    assert (row["ref"], row["note"]) == ("a,b", reason)


async def test_csv_is_read_in_pieces(
    platform: Platform, make_account: MakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it is cut into pieces, the export is the same."""
    account_id = await make_account()
    for n in range(5):
        await adjust(platform, account_id, f"adj-{n}", "1")
    whole = await csv_of(platform, account_id)
    for size in (1, 2, 5):
        monkeypatch.setattr(history, "CSV_PAGE", size)
        assert await csv_of(platform, account_id) == whole
    assert [row["seq"] for row in whole] == ["5", "4", "3", "2", "1"]
