"""What the story came to: calls, charges, what was free and why, and the audit of it all."""

from collections import Counter

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table

from talktime.core.account import Account
from talktime.core.call import BillingStatus, Call
from talktime.core.call_filter import CallFilter
from talktime.ops.accounts import read_account
from talktime.ops.call_history import CallPlace, list_calls
from talktime.ops.ledger_verify import Verification, verify_ledger
from talktime.ops.platform import Platform
from talktime.portal.figures import exact_column, exact_usd
from talktime.portal.words import CHANNELS, FREE_REASONS

PAGE = 200


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    account: Account
    calls: list[Call]
    verification: Verification


async def read_closing(platform: Platform, account_id: str) -> Closing:
    """Everything the summary needs, the audit included."""
    now = platform.clock()
    calls: list[Call] = []
    below: CallPlace | None = None
    async with platform.connection() as connection:
        while True:
            page, below = await list_calls(
                connection, account_id, CallFilter(), before=below, limit=PAGE, now=now
            )
            calls += page
            if below is None:
                break
        return Closing(
            account=await read_account(connection, account_id, now=now),
            calls=calls,
            verification=await verify_ledger(connection),
        )


def closing_table(closing: Closing, *, refused: int) -> RenderableType:
    """The summary for the terminal."""
    by_channel = Table("Channel", box=None, pad_edge=False)
    for heading in ("Calls", "Charged", "Provider cost", "Margin", "Charge"):
        by_channel.add_column(heading, justify="right")
    groups = [
        (name, [call for call in closing.calls if call.channel is channel])
        for channel, name in CHANNELS.items()
    ]
    groups.append(("Together", closing.calls))
    sums = [_sums(calls) for _, calls in groups]
    columns = [exact_column(column) for column in zip(*sums, strict=True)]
    for n, (name, calls) in enumerate(groups):
        if name == "Together":
            by_channel.add_section()
        took = sum(call.billing_status is BillingStatus.CHARGED for call in calls)
        figures = (column[n].text + column[n].pad for column in columns)
        by_channel.add_row(name, str(len(calls)), str(took), *figures)
    account, audit = closing.account, closing.verification
    why = Counter(call.free_reason for call in closing.calls if call.free_reason is not None)
    free = "; ".join(f"{number} because {FREE_REASONS[reason]}" for reason, number in why.items())
    sentences = [
        f"Free: {free}." if free else "No call was free.",
        f"Refused at the gate: {refused}.",
        f"Balance: {exact_usd(account.available_nanos)} "
        f"(promo {exact_usd(account.promo_nanos)}, paid {exact_usd(account.paid_nanos)}). "
        + (
            "The running call was not cut off; the next top-up repays the overdraft first."
            if account.available_nanos < 0
            else "New calls need $0.10."
        ),
        (
            f"ledger verify: clean; {audit.entries} entries and {audit.calls} calls recomputed."
            if audit.is_clean
            else "\n".join([f"ledger verify: {audit.fault_count} faults", *audit.faults])
        ),
    ]
    return Group("", by_channel, "", *sentences, "")


def _sums(calls: list[Call]) -> tuple[int, int, int]:
    """Cost, margin and charge of the calls charged, in nanos."""
    charged = [call for call in calls if call.billing_status is BillingStatus.CHARGED]
    return (
        sum(call.cost_nanos for call in charged),
        sum(call.margin_nanos for call in charged),
        sum(call.charge_nanos or 0 for call in charged),
    )
