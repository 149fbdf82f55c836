"""Rounded for people, the figures of a page still add up."""

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from talktime.core.ledger import Entry, EntryKind, split_debit
from talktime.core.money import NANOS_PER_USD
from talktime.ops.coupons import CouponPreview
from talktime.portal.billing.redeem_view import offer_view
from talktime.portal.billing.summary import summary_view
from talktime.portal.billing.view import entry_row
from tests.portal.test_billing_summary import FLOOR, billing

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MICRO = Decimal("0.000001")

nanos = st.one_of(
    st.integers(-3_000, 3_000),
    st.integers(-40, 40).map(lambda half: half * 500),
    st.integers(-5 * NANOS_PER_USD, 5 * NANOS_PER_USD),
)
moves = st.lists(st.tuples(nanos, nanos), min_size=1, max_size=20)


def read(text: str) -> Decimal:
    """A shown amount as a number."""
    return Decimal(text.replace("$", "").replace(",", "").replace("\N{MINUS SIGN}", "-"))


def ledger(moves: list[tuple[int, int]]) -> list[Entry]:
    """Entries of those deltas; a debit is split as calls split it."""
    promo = paid = 0
    entries = []
    for seq, (promo_delta, paid_delta) in enumerate(moves, start=1):
        kind = EntryKind.ADJUSTMENT
        deltas = (max(promo_delta, -promo), paid_delta)
        if sum(deltas) < 0:
            kind = EntryKind.CALL
            from_promo, from_paid = split_debit(promo, -sum(deltas))
            deltas = (-from_promo, -from_paid)
        promo, paid = promo + deltas[0], paid + deltas[1]
        entries.append(
            Entry(
                account_id="ada",
                seq=seq,
                kind=kind,
                ref=f"ref-{seq}",
                promo_delta_nanos=deltas[0],
                paid_delta_nanos=deltas[1],
                promo_after_nanos=promo,
                paid_after_nanos=paid,
                reserved_after_nanos=0,
                occurred_at=NOW,
                recorded_at=NOW,
            )
        )
    return entries


@given(moves)
@example([(1_500, 0), (1_000, 0), (-400, -600)])
@example([(NANOS_PER_USD // 2, 5 * NANOS_PER_USD), (0, -25_000_500), (0, -NANOS_PER_USD)])
def test_history_adds_up_as_shown(moves: list[tuple[int, int]]) -> None:
    """Each balance shown is the one before plus the amount shown, to the last digit."""
    balance = Decimal(0)
    for entry in ledger(moves):
        row = entry_row(entry, None, time_zone="UTC", base="")
        amount = read(row.amount.text)
        balance += amount
        assert read(row.available.text) == balance
        assert abs(amount - Decimal(entry.amount_nanos) / NANOS_PER_USD) <= MICRO


@given(moves)
@example([(1_500, 0), (1_000, 0), (-400, -600)])
def test_parts_add_up_to_their_amount(moves: list[tuple[int, int]]) -> None:
    """Promo and paid of a transaction, as shown, add up to its amount, each with its own sign."""
    for entry in ledger(moves):
        row = entry_row(entry, None, time_zone="UTC", base="")
        if len(row.parts) == 1:
            continue
        shown = [read(part.split()[0]) for part in row.parts]
        assert sum(shown) == read(row.amount.text)
        deltas = (entry.promo_delta_nanos, entry.paid_delta_nanos)
        for one, exact in zip(shown, deltas, strict=True):
            assert one * exact >= 0
            assert abs(one - Decimal(exact) / NANOS_PER_USD) <= MICRO


@given(st.integers(0, 10**12), st.integers(-(10**12), 10**12))
def test_balances_add_up_to_available(promo: int, paid: int) -> None:
    """Promo and paid, as shown, add up to the available balance shown above them."""
    standing = billing(promo=exact(promo), paid=exact(paid))
    view = summary_view(standing, floor_nanos=FLOOR, now=NOW, may_spend=True)
    assert read(view.promo) + read(view.paid) == read(view.available)


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**13))
def test_offer_adds_up(before: int, bonus: int) -> None:
    """What is available now and the bonus, as shown, add up to what is available after."""
    preview = CouponPreview(code="X", bonus_nanos=bonus, available_after_nanos=before + bonus)
    view = offer_view(preview)
    assert read(view.now) + read(view.bonus) == read(view.after)


def exact(amount: int) -> str:
    return f"{Decimal(amount) / NANOS_PER_USD:f}"
