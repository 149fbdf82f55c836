"""How much of a payment a dispute gave again, in the words of Stripe's balance.

Stripe settles in the account's own currency. A payment of USD 100.00 at 0.9 is EUR 90.00 there; the
rate of the day on which a dispute is won is another one.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from talktime.core.refund import DisputeNotice
from talktime.gateways.money_back_notices import ToldDispute, ToldTransaction, dispute_notice
from talktime.gateways.payment_notices import read_notice
from tests.payments.paying import SECRET, event, signed


def moved(amount: int, currency: str = "usd", rate: float | None = None, **facts: Any) -> Any:
    return {"amount": amount, "currency": currency, "exchange_rate": rate} | facts


def told(*transactions: Any, amount: int = 10_000, back: bool = True) -> DisputeNotice:
    """The notice that Stripe's event of it is read as."""
    way = "reinstated" if back else "withdrawn"
    body = event(
        f"charge.dispute.funds_{way}",
        {
            "id": "dp_1",
            "object": "dispute",
            "amount": amount,
            "currency": "usd",
            "payment_intent": "pi_1",
            "balance_transactions": list(transactions),
        },
    )
    found = read_notice(body, signed(body), SECRET)
    assert isinstance(found, DisputeNotice)
    return found


@pytest.mark.parametrize(
    ("transactions", "cents"),
    [
        ([moved(-10_000), moved(10_000)], 10_000),
        ([moved(-10_000), moved(4_000)], 4_000),
        ([moved(-10_000), moved(-1_500, reporting_category="fee"), moved(10_000)], 10_000),
        ([moved(10_000)], 10_000),
        # The same amount came back: whatever the rates were, all of it.
        ([moved(-9_000, "eur"), moved(9_000, "eur")], 10_000),
        ([moved(-9_000, "eur", 0.9), moved(9_000, "eur", 0.9)], 10_000),
        # Won whole at another rate, and half of it, at the same rate and at another.
        ([moved(-9_000, "eur", 0.9), moved(8_800, "eur", 0.88)], 10_000),
        ([moved(-9_000, "eur", 0.9), moved(4_500, "eur", 0.9)], 5_000),
        ([moved(-9_000, "eur", 0.9), moved(4_400, "eur", 0.88)], 5_000),
        # A rate of six decimals leaves a cent open.
        ([moved(-9_074, "eur", 0.907415), moved(9_123, "eur", 0.912345)], 10_000),
        # Yen have no cents: a rate is told between the smallest units.
        ([moved(-15_000, "jpy", 1.5), moved(7_250, "jpy", 1.45)], 5_000),
    ],
)
def test_what_was_given_again(transactions: list[Any], cents: int) -> None:
    """Half of it is half of it in every currency that a Stripe account settles in."""
    notice = told(*transactions)
    assert (notice.reinstated_cents, notice.is_unclear) == (cents, False)


@pytest.mark.parametrize(
    "transactions",
    [
        [],
        [moved(-10_000)],
        [moved(4_500, "eur", 0.9)],
        [moved(-9_000, "eur"), moved(4_500, "eur")],
        [moved(-9_000, "eur", 0.9), moved(4_500, "eur")],
        # The rate is not read right: it does not lead from the disputed amount to the taking.
        [moved(-9_000, "eur", 1.111111), moved(4_500, "eur", 1.111111)],
        [moved(-15_000, "jpy", 150.0), moved(7_500, "jpy", 150.0)],
        [moved(-9_000, "eur", 0.9), moved(4_500, "gbp", 0.45)],
        [moved(-9_000, "eur", 0.0), moved(4_500, "eur", -0.9)],
    ],
)
def test_what_cannot_be_told(transactions: list[Any]) -> None:
    """Where the worth of what came back is not certain, no amount is made up."""
    notice = told(*transactions)
    assert (notice.reinstated_cents, notice.is_unclear) == (None, True)


@pytest.mark.parametrize(
    ("currency", "rate"), [("usd", None), ("eur", None), ("eur", 0.9), ("jpy", 1.5)]
)
def test_taken_again(currency: str, rate: float | None) -> None:
    """A dispute that is taken once more gave nothing again, in every currency, until it is given
    again once more; a fee beside the taking is no second one."""
    size = 10_000 if rate is None else int(10_000 * rate)
    away, back = moved(-size, currency, rate), moved(size, currency, rate)
    for transactions, cents, again in (
        ([away, back], 10_000, False),
        ([away, back, away], None, True),
        ([away, back, away, back], 10_000, False),
        ([away, moved(-1_500, currency, rate, reporting_category="fee"), back], 10_000, False),
    ):
        notice = told(*transactions, back=False)
        assert notice.is_taken_again is again
        found = told(*transactions)
        assert (found.reinstated_cents, found.is_unclear) == (cents, False)


def test_what_was_taken() -> None:
    """Taken is what is disputed, in the payment's currency, whatever the account settles in."""
    for transactions in ([], [moved(-9_000, "eur", 0.9)], [moved(-10_000, fee=1_500)]):
        assert told(*transactions, back=False).withdrawn_cents == 10_000


@drawn(
    cents=st.integers(1, 200_000),
    share=st.just(Fraction(1)) | st.fractions(0, Fraction(6, 10)),
    then=st.decimals("0.5", "3", places=6),
    change=st.decimals("0.8", "1.2", places=4),
)
def test_any_rate(cents: int, share: Fraction, then: Decimal, change: Decimal) -> None:
    """At the rates of any two days what came back is known to the cent, never more than was taken,
    and all of it where all of it came back."""
    given = max(1, int(cents * share))
    later = (then * change).quantize(Decimal("0.000001"))
    moves = [
        ToldTransaction(amount=-euro_cents(cents, then), currency="eur", exchange_rate=then),
        ToldTransaction(amount=euro_cents(given, later), currency="eur", exchange_rate=later),
    ]
    notice = dispute_notice(
        ToldDispute(
            id="dp_1",
            amount=cents,
            currency="usd",
            payment_intent="pi_1",
            balance_transactions=moves,
        )
    )
    assert (notice.withdrawn_cents, notice.is_unclear) == (cents, False)
    assert notice.reinstated_cents is not None
    assert notice.reinstated_cents <= cents
    if given == cents:
        assert notice.reinstated_cents == cents
    elif cents > 20:  # of less, the smallest unit of the other currency may be all of it
        assert abs(notice.reinstated_cents - given) <= 1


def euro_cents(cents: int, rate: Decimal) -> int:
    return max(1, int(cents * rate + Decimal("0.5")))
