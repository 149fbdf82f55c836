"""Verifying the ledger: every balance and every call recomputed from what is written down."""

from collections.abc import Callable
from typing import Final

import msgspec

from talktime.core.audit import audit_call
from talktime.core.call import BillingStatus
from talktime.core.ledger import Entry, EntryKind, replay
from talktime.core.money import format_usd
from talktime.db import ledger_verify as audit
from talktime.db.pool import Connection
from talktime.ops.accounts import account_unknown

ACCOUNTS_PER_PAGE: Final = 200
ENTRIES_PER_PAGE: Final = 5_000
CALLS_PER_PAGE: Final = 1_000
FAULTS_KEPT: Final = 1_000
"""More are counted and not kept: whoever has a thousand needs no more to begin with."""


class Verification(msgspec.Struct, kw_only=True):
    """What an audit went through and what it found."""

    accounts: int = 0
    entries: int = 0
    calls: int = 0
    open_calls: int = 0
    """Running, or waiting for a price."""
    fault_count: int = 0
    faults: list[str] = []
    """In words, at most FAULTS_KEPT of them."""
    warnings: list[str] = []
    """What is right in the books and for an operator to look at, in words, as many at most."""

    @property
    def is_clean(self) -> bool:
        return self.fault_count == 0

    def note(self, faults: list[str]) -> None:
        """Count faults, and keep them while there is room."""
        self.fault_count += len(faults)
        self.faults.extend(faults[: FAULTS_KEPT - len(self.faults)])

    def warn(self, warnings: list[str]) -> None:
        """Keep warnings while there is room."""
        self.warnings.extend(warnings[: FAULTS_KEPT - len(self.warnings)])


async def verify_ledger(
    connection: Connection,
    *,
    account_id: str | None = None,
    tell: Callable[[Verification], None] = lambda _: None,
) -> Verification:
    """Recompute the balances and calls of every account, or of one.

    Safe beside a running server: each page of accounts is read as of one moment. ``tell`` gets the
    state of the audit after each page. Raises AccountUnknown.
    """
    verification = Verification()
    after = ""
    while True:
        async with audit.one_snapshot(connection):
            page = await audit.read_figures(
                connection, after=after, wanted=account_id, limit=ACCOUNTS_PER_PAGE
            )
            if not page:
                break
            await _verify_page(connection, page, verification)
        after = page[-1].account_id
        tell(verification)
    if account_id is None:
        verification.note(
            [
                f"coupon {fault.code}: counts {fault.redemptions} redemptions, "
                f"{fault.entries} entries redeemed it"
                for fault in await audit.read_coupon_faults(connection)
            ]
        )
    elif not verification.accounts:
        raise account_unknown(account_id)
    return verification


async def _verify_page(
    connection: Connection, page: list[audit.AccountFigures], verification: Verification
) -> None:
    ids = [figures.account_id for figures in page]
    last_entries = await _verify_entries(connection, ids, verification)
    held = await _verify_calls(connection, ids, verification)
    for figures in page:
        verification.accounts += 1
        last = last_entries.get(figures.account_id)
        verification.note(_compare(figures, last, held.get(figures.account_id, 0)))
    verification.note(
        [
            f"account {account_id} call {call_id}: "
            + ("is listed as open and is not" if listed else "is open and not listed so")
            for account_id, call_id, listed in await audit.read_listing_faults(
                connection, first_account=ids[0], last_account=ids[-1]
            )
        ]
    )
    verification.note(
        [
            f"account {fault.account_id} usage of {fault.bucket_start:%Y-%m-%d %H:%M}: kept are "
            f"{fault.kept_calls} calls and ${format_usd(fault.kept_nanos)}, the charged calls are "
            f"{fault.summed_calls} and ${format_usd(fault.summed_nanos)} or differ by service"
            for fault in await audit.read_rollup_faults(
                connection, first_account=ids[0], last_account=ids[-1]
            )
        ]
    )
    verification.note(
        [
            f"account {fault.account_id} {fault.what}: kept are ${format_usd(fault.kept)}, its "
            f"refunds and disputes give ${format_usd(fault.summed)}"
            for fault in await audit.read_refund_faults(
                connection, first_account=ids[0], last_account=ids[-1]
            )
        ]
    )
    verification.warn(
        [
            _warning(oddity)
            for oddity in await audit.read_money_back_oddities(
                connection, first_account=ids[0], last_account=ids[-1]
            )
        ]
    )


def _warning(oddity: audit.MoneyBackOddity) -> str:
    whose = f"account {oddity.account_id} top-up {oddity.payment_id}"
    went = f"${format_usd(oddity.nanos)}"
    if oddity.what == "overdrawn":
        return (
            f"{whose}: {went} of ${format_usd(oddity.paid_nanos)} went back or were disputed: ask "
            "the provider, who took one of them twice"
        )
    if oddity.what == "doubted":
        return (
            f"{whose}: dispute {oddity.ref} took {went}, and the provider told that some of it was "
            "given again, and not how much: see its dashboard, and credit it with `talktime "
            "disputes credit`"
        )
    if oddity.what == "taken_again":
        return (
            f"{whose}: dispute {oddity.ref} gave {went} again, and was taken once more: nothing is "
            "debited for that by itself; see the provider's dashboard, and correct the balance by "
            "an adjustment"
        )
    return (
        f"{whose}: {oddity.what} {oddity.ref} of {went} is of other money than was credited: no "
        "balance was touched; see at the provider what that money was"
    )


def _compare(figures: audit.AccountFigures, last: Entry | None, held_nanos: int) -> list[str]:
    where = f"account {figures.account_id}"
    faults = []
    for what, stored, computed in (
        ("promo", figures.promo_nanos, last.promo_after_nanos if last else 0),
        ("paid", figures.paid_nanos, last.paid_after_nanos if last else 0),
    ):
        if stored != computed:
            faults.append(f"{where}: {what} is {stored} nanos, its entries give {computed}")
    last_seq = last.seq if last else 0
    if figures.entry_seq != last_seq:
        faults.append(f"{where}: counts {figures.entry_seq} entries, the last one is {last_seq}")
    if figures.held_nanos != held_nanos:
        faults.append(
            f"{where}: held is {figures.held_nanos} nanos, its open calls hold {held_nanos}"
        )
    return faults


async def _verify_entries(
    connection: Connection, ids: list[str], verification: Verification
) -> dict[str, Entry]:
    """Replay the entries of a page of accounts; the last entry of each."""
    last: dict[str, Entry] = {}
    wanted = set(ids)
    after = (ids[0], 0)
    while True:
        booked = await audit.read_entries(
            connection, after=after, last_account=ids[-1], limit=ENTRIES_PER_PAGE
        )
        by_account: dict[str, list[Entry]] = {}
        for one in booked:
            entry = one.entry
            if entry.account_id not in wanted:
                verification.note([f"account {entry.account_id} has entries and does not exist"])
                continue
            by_account.setdefault(entry.account_id, []).append(entry)
            if entry.kind is EntryKind.CALL and one.call_entry_seq != entry.seq:
                where = f"account {entry.account_id} entry {entry.seq}"
                points_at = one.call_entry_seq
                verification.note(
                    [f"{where}: is for call {entry.ref}, which points at entry {points_at}"]
                )
        for account, entries in by_account.items():
            verification.note(replay(entries, after=last.get(account)))
            last[account] = entries[-1]
        verification.entries += len(booked)
        if len(booked) < ENTRIES_PER_PAGE:
            return last
        after = (booked[-1].entry.account_id, booked[-1].entry.seq)


async def _verify_calls(
    connection: Connection, ids: list[str], verification: Verification
) -> dict[str, int]:
    """Audit the calls of a page of accounts; what the open ones of each hold together."""
    held: dict[str, int] = {}
    after = (ids[0], "")
    while True:
        page = await audit.read_calls(
            connection, after=after, last_account=ids[-1], limit=CALLS_PER_PAGE
        )
        for call, posting in page:
            verification.note(audit_call(call, posting))
            if call.billing_status in {BillingStatus.PENDING, BillingStatus.UNPRICED}:
                verification.open_calls += 1
                held[call.account_id] = held.get(call.account_id, 0) + call.hold_nanos
        verification.calls += len(page)
        if len(page) < CALLS_PER_PAGE:
            return held
        after = page[-1][0].key
