"""The account's ledger: entries, their kinds, and how a debit is split over promo and paid (R8)."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

import msgspec


class EntryKind(StrEnum):
    WELCOME_BONUS = "welcome_bonus"  # promo, once per account and address
    COUPON = "coupon"  # promo, once per account and code
    TOP_UP = "top_up"  # paid, by card
    REFUND = "refund"  # paid, back to the card, whoever began it
    REFUND_REVERSED = "refund_reversed"  # paid, of a refund that the card's bank sent back
    CHARGEBACK = "chargeback"  # paid, taken back by the card's bank
    CHARGEBACK_REVERSED = "chargeback_reversed"  # paid, given again by it
    CALL = "call"  # promo first, then paid
    ADJUSTMENT = "adjustment"  # either, by an operator, with a reason


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One immutable line of an account's ledger; amounts in nanos, negative where money leaves."""

    account_id: str
    seq: int
    kind: EntryKind
    ref: str
    promo_delta_nanos: int
    paid_delta_nanos: int
    promo_after_nanos: int
    paid_after_nanos: int
    reserved_after_nanos: int
    occurred_at: datetime
    recorded_at: datetime
    note: str | None = None

    @property
    def amount_nanos(self) -> int:
        return self.promo_delta_nanos + self.paid_delta_nanos

    @property
    def available_after_nanos(self) -> int:
        return self.promo_after_nanos + self.paid_after_nanos - self.reserved_after_nanos


def split_debit(promo_nanos: int, charge_nanos: int) -> tuple[int, int]:
    """How much of a charge promo bears, to its last nano, and how much paid."""
    promo = min(promo_nanos, charge_nanos)
    return promo, charge_nanos - promo


def replay(entries: Iterable[Entry], *, after: Entry | None = None) -> list[str]:
    """Recompute an account's balances from its first entry; the faults found, in words, or nothing.

    Checks that sequence numbers have no gap, that each balance is the one before plus the delta,
    that promo is never negative, and that every call spent promo before paid. With ``after`` it
    goes on where an earlier replay ended, so that a ledger of any length is replayed in pieces.
    """
    faults: list[str] = []
    seq = promo = paid = 0
    if after is not None:
        seq, promo, paid = after.seq, after.promo_after_nanos, after.paid_after_nanos
    for entry in entries:
        where = f"account {entry.account_id} entry {entry.seq}"
        if entry.seq != seq + 1:
            faults.append(f"{where}: follows entry {seq}, so {entry.seq - seq - 1} are missing")
        if entry.kind is EntryKind.CALL:
            split = split_debit(promo, -entry.amount_nanos)
            if (-entry.promo_delta_nanos, -entry.paid_delta_nanos) != split:
                faults.append(f"{where}: promo was not spent before paid")
        seq = entry.seq
        promo += entry.promo_delta_nanos
        paid += entry.paid_delta_nanos
        if (promo, paid) != (entry.promo_after_nanos, entry.paid_after_nanos):
            faults.append(
                f"{where}: balances are {entry.promo_after_nanos} and "
                f"{entry.paid_after_nanos} nanos, the entries add up to {promo} and {paid}"
            )
            promo, paid = entry.promo_after_nanos, entry.paid_after_nanos
        if promo < 0:
            faults.append(f"{where}: promo is negative")
    return faults
