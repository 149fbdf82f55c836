"""Spend per day and the balance over time, as pictures and as a table of the same figures."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

import msgspec

from talktime.core.account import Account
from talktime.core.money import format_usd
from talktime.core.ratecard import Service
from talktime.ops.spend_days import SpendDay
from talktime.portal import words
from talktime.portal.charts import Chart, ChartKind, chart_json, series
from talktime.portal.figures import (
    Money,
    day_label,
    day_title,
    moment,
    money,
    shown_nanos,
    shown_split,
    told_usd,
    zone_of,
)

RANGES: Final = (7, 30, 90)
RANGE_DEFAULT: Final = 30

PARTS: Final = (
    (words.SERVICES[Service.LLM], "llm"),
    (words.SERVICES[Service.STT], "stt"),
    (words.SERVICES[Service.TTS], "tts"),
    (words.SERVICES[Service.SIP], "sip"),
    ("Margin", "margin"),
)
"""What a charge is made of, from the bottom of a bar up, each with its tone."""


class DayRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the table; as shown its parts add up to its total, and its column to the foot's."""

    day: str
    iso: str
    parts: tuple[Money, ...]
    total: Money
    balance: Money | None
    """Available at the end of the day; None before the first entry."""


class SpendView(msgspec.Struct, frozen=True, kw_only=True):
    """The section of the page."""

    days: int
    today: str
    """The last day, as ISO has it."""
    spend: str
    """The chart as JSON; empty where there is nothing to draw."""
    spend_words: str
    """What the picture shows, in a sentence."""
    balance: str
    balance_words: str
    parts: tuple[tuple[str, str], ...]
    """Name and tone of each part."""
    rows: tuple[DayRow, ...]
    """The newest day first."""
    foot: DayRow
    zone_words: str
    """Which zone's days these are."""


def spend_view(
    account: Account,
    spent: Sequence[SpendDay],
    closing: Sequence[int | None],
    *,
    now: datetime,
) -> SpendView:
    """``spent`` and ``closing`` are of the same days, oldest first, today the last."""
    days = [one.day for one in spent]
    totals, parts = _shown(spent)
    return SpendView(
        days=len(days),
        today=days[-1].isoformat(),
        spend=_spend_chart(days, totals, parts) if any(totals) else "",
        spend_words=_spend_words(days, totals),
        balance=_balance_chart(days, closing) if _is_known(closing) else "",
        balance_words=_balance_words(days, closing),
        parts=PARTS,
        rows=tuple(
            _row(day_title(day), day.isoformat(), part, total, balance)
            for day, part, total, balance in reversed(
                list(zip(days, parts, totals, closing, strict=True))
            )
        ),
        foot=_row(
            f"{len(days)} days",
            "",
            [sum(column) for column in zip(*parts, strict=True)],
            sum(totals),
            None,
        ),
        zone_words=_zone_words(account, now),
    )


def _shown(spent: Sequence[SpendDay]) -> tuple[list[int], list[list[int]]]:
    """Each day's total and its parts as shown, in nanos: rows and columns add up as they stand."""
    exact = [one.charge_nanos for one in spent]
    totals = shown_split(exact, shown_nanos(sum(exact)))
    return totals, [shown_split(one.parts, total) for one, total in zip(spent, totals, strict=True)]


def _row(day: str, iso: str, parts: Sequence[int], total: int, balance: int | None) -> DayRow:
    return DayRow(
        day=day,
        iso=iso,
        parts=tuple(money(nanos) for nanos in parts),
        total=money(total),
        balance=None if balance is None else money(balance),
    )


def _spend_chart(
    days: Sequence[date], totals: Sequence[int], parts: Sequence[Sequence[int]]
) -> str:
    columns = list(zip(*parts, strict=True))
    return chart_json(
        Chart(
            kind=ChartKind.STACKED,
            labels=tuple(map(day_label, days)),
            titles=tuple(map(day_title, days)),
            series=tuple(
                series(name, tone, amounts)
                for (name, tone), amounts in zip(PARTS, columns, strict=True)
            ),
            totals=tuple(map(format_usd, totals)),
        )
    )


def _balance_chart(days: Sequence[date], closing: Sequence[int | None]) -> str:
    shown = [None if nanos is None else shown_nanos(nanos) for nanos in closing]
    return chart_json(
        Chart(
            kind=ChartKind.STEPS,
            labels=tuple(map(day_label, days)),
            titles=(*map(day_title, days[:-1]), f"{day_title(days[-1])}, now"),
            series=(series("Available balance", "balance", shown),),
        )
    )


def _is_known(closing: Sequence[int | None]) -> bool:
    return any(nanos is not None for nanos in closing[:-1]) or bool(closing[-1])


def _spend_words(days: Sequence[date], totals: Sequence[int]) -> str:
    if not any(totals):
        return f"Nothing was spent in the last {len(days)} days."
    most = max(range(len(days)), key=lambda i: totals[i])
    return (
        f"{told_usd(sum(totals))} in the last {len(days)} days, "
        f"the most on {day_title(days[most])}: {told_usd(totals[most])}."
    )


def _balance_words(days: Sequence[date], closing: Sequence[int | None]) -> str:
    known = [(nanos, day) for nanos, day in zip(closing, days, strict=True) if nanos is not None]
    if not _is_known(closing):
        return "There was no balance yet."
    lowest, day = min(known, key=lambda one: one[0])
    now = known[-1][0]
    if len(known) == 1:
        return f"{told_usd(now)} available now."
    if lowest == now:
        return f"{told_usd(now)} available now, the lowest that any of these days ended with."
    return (
        f"{told_usd(now)} available now; at the end of each day the lowest was "
        f"{told_usd(lowest)}, on {day_title(day)}."
    )


def _zone_words(account: Account, now: datetime) -> str:
    zone = account.zone_at(now)
    since = account.time_zone_since
    if zone == account.time_zone or since is None:
        return f"Days in {zone}."
    changes = moment(since, zone_of(zone)).day
    return f"Days in {zone} until {changes}, then in {account.time_zone}."
