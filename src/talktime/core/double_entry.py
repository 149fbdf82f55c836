"""The books as double entry, derived: which account each kind of entry debits and credits.

Amounts are nanos, positive for a debit and negative for a credit, so that the legs of every
transaction add up to zero. A customer's balances are liabilities of the platform: what is owed in
calls.
"""

from datetime import date
from typing import Final

import msgspec

from talktime.core.call import BillingStatus, Call
from talktime.core.ledger import Entry, EntryKind

PROMO_EXPENSE: Final = "Expenses:Promo"
ABSORBED_COST: Final = "Expenses:Absorbed-Cost"
PROVIDER_PAYABLE: Final = "Liabilities:Provider-Payable"
MARGIN_REVENUE: Final = "Income:Margin"
CARD_CLEARING: Final = "Assets:Card-Clearing"
ADJUSTMENTS: Final = "Expenses:Adjustments"
PLATFORM_ACCOUNTS: Final = (
    PROMO_EXPENSE,
    ABSORBED_COST,
    PROVIDER_PAYABLE,
    MARGIN_REVENUE,
    CARD_CLEARING,
    ADJUSTMENTS,
)

_BY_CARD: Final = frozenset(
    {
        EntryKind.TOP_UP,
        EntryKind.REFUND,
        EntryKind.REFUND_REVERSED,
        EntryKind.CHARGEBACK,
        EntryKind.CHARGEBACK_REVERSED,
    }
)


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a transaction."""

    account: str
    amount_nanos: int
    """Positive: debit. Negative: credit."""


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """What happened on a day (UTC, as recorded); its legs add up to zero."""

    on: date
    text: str
    ref: str
    legs: tuple[Leg, ...]


def promo_liability(account_id: str) -> str:
    """The account that a customer's promo balance is in."""
    return f"Liabilities:Customers:{_component(account_id)}:Promo"


def paid_liability(account_id: str) -> str:
    """The account that a customer's paid balance is in."""
    return f"Liabilities:Customers:{_component(account_id)}:Paid"


def book_entry(entry: Entry) -> Transaction:
    """An entry that is no call. Promo comes from promo expense, paid from where its kind says."""
    assert entry.kind is not EntryKind.CALL
    paid_from = CARD_CLEARING if entry.kind in _BY_CARD else ADJUSTMENTS
    return Transaction(
        on=entry.recorded_at.date(),
        text=entry.kind.value,
        ref=f"{entry.account_id} {entry.seq}",
        legs=_present(
            (PROMO_EXPENSE, entry.promo_delta_nanos),
            (promo_liability(entry.account_id), -entry.promo_delta_nanos),
            (paid_from, entry.paid_delta_nanos),
            (paid_liability(entry.account_id), -entry.paid_delta_nanos),
        ),
    )


def book_call(call: Call) -> Transaction | None:
    """A settled call: charged to the customer, or its cost absorbed; None where neither cost."""
    if call.settled_at is None:
        return None
    if call.billing_status is BillingStatus.CHARGED:
        legs = _present(
            (promo_liability(call.account_id), call.promo_charged_nanos or 0),
            (paid_liability(call.account_id), call.paid_charged_nanos or 0),
            (PROVIDER_PAYABLE, -call.cost_nanos),
            (MARGIN_REVENUE, -call.margin_nanos),
        )
    else:
        legs = _present((ABSORBED_COST, call.cost_nanos), (PROVIDER_PAYABLE, -call.cost_nanos))
    if not legs:
        return None
    return Transaction(
        on=call.settled_at.date(),
        text=f"call {call.billing_status.value}",
        ref=f"{call.account_id} {call.call_id}",
        legs=legs,
    )


def _present(*legs: tuple[str, int]) -> tuple[Leg, ...]:
    return tuple(Leg(account=account, amount_nanos=nanos) for account, nanos in legs if nanos)


def _component(account_id: str) -> str:
    """An id as a name that ledgers accept: letters and digits stay, others are "-" and their hex.

    Two ids never share a name: the hyphen itself is written as hex, too.
    """
    return "A" + "".join(
        char if char.isascii() and char.isalnum() else "".join(f"-{b:02X}" for b in char.encode())
        for char in account_id
    )
