"""Credits and corrections, as post_entries puts them on the ledger."""

import pytest

from tests.db.desk import CENT, FLOOR, USD, Desk, entry


async def test_verdicts_in_one_batch(desk: Desk) -> None:
    """Each item is judged by what stood before it, in the order given, and told by itself."""
    account = await desk.open_account(paid=USD)
    verdicts = await desk.post(
        entry(account, "a", promo=5, note="thanks"),
        entry(account, "a", promo=5, note="thanks"),
        entry(account, "a", promo=6, note="thanks"),
        entry(account, "a", promo=5),
        entry(account, "b", promo=-6),
        entry(account, "c", promo=-5),
        entry("nobody", "a", promo=5),
        entry(account, "a", promo=5, kind="top_up"),
        entry(account, "d", paid=-3 * USD),
    )
    assert [v.verdict for v in verdicts] == [
        "posted", "repeated", "reference_conflict", "reference_conflict", "promo_insufficient",
        "posted", "account_unknown", "posted", "posted",
    ]  # fmt: skip
    assert await desk.money(account) == (5, -2 * USD, 0)
    assert verdicts[1].seq == verdicts[0].seq
    assert [r["seq"] for r in await desk.rows("entry", account)] == [1, 2, 3, 4, 5]


async def test_repeat_answers_the_first_entry(desk: Desk) -> None:
    """The same reference with the same facts answers its entry as it was, balances and all."""
    account = await desk.open_account(paid=USD)
    [first] = await desk.post(entry(account, "x", paid=CENT))
    await desk.post(entry(account, "y", paid=USD, promo=USD))
    before = await desk.books(account)
    [again] = await desk.post(entry(account, "x", paid=CENT))
    assert again.verdict == "repeated"
    assert (again.seq, again.paid_after_nanos, again.recorded_at) == (
        first.seq, USD + CENT, first.recorded_at,
    )  # fmt: skip
    assert await desk.books(account) == before


async def test_refusals_write_nothing(desk: Desk) -> None:
    """A conflict, a promo that would turn negative or an unknown account leaves the books alone."""
    account = await desk.open_account(promo=5, paid=USD)
    before = await desk.books(account)
    verdicts = await desk.post(
        entry(account, "opening", promo=5, paid=USD, note="another note"),
        entry(account, "less", promo=-6, paid=10),
        entry("nobody", "less", promo=6),
    )
    assert [v.verdict for v in verdicts] == [
        "reference_conflict", "promo_insufficient", "account_unknown",
    ]  # fmt: skip
    assert await desk.books(account) == before


@pytest.mark.parametrize(
    ("paid", "delta", "kinds"),
    [
        (2 * USD, -USD, []),
        (2 * USD, -USD - 1, ["balance.below_warning"]),
        (2 * USD, -2 * USD, ["balance.below_warning", "balance.below_floor"]),
        (USD - 1, 1 - USD + FLOOR, []),
        (FLOOR, -1, ["balance.below_floor"]),
        (0, USD, []),
        (-USD, -1, []),
    ],
)
async def test_corrections_cross_thresholds_too(
    desk: Desk, paid: int, delta: int, kinds: list[str]
) -> None:
    """An adjustment downwards tells the crossings it makes, numbered without a gap."""
    account = await desk.open_account(paid=paid)
    await desk.post(entry(account, "change", paid=delta))
    rows = await desk.rows("event", account)
    assert [e[1:] for e in await desk.events(account)] == [
        (kind, "change") for kind in ["entry.posted", *kinds]
    ]
    assert [r["event_seq"] for r in rows] == list(range(1, len(rows) + 1))
    assert (await desk.account(account))["event_seq"] == len(rows)


async def test_crossing_looks_at_available(desk: Desk) -> None:
    """Promo and paid together, less what a refund reserves, are what crosses."""
    account = await desk.open_account(promo=USD, paid=USD, reserved=USD)
    await desk.post(entry(account, "swap", promo=-USD, paid=USD))
    assert [e[1] for e in await desk.events(account)] == ["entry.posted"]
    await desk.post(entry(account, "take", promo=0, paid=-1))
    assert [e[1] for e in await desk.events(account)][1:] == [
        "entry.posted", "balance.below_warning",
    ]  # fmt: skip
