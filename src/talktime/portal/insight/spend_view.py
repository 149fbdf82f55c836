"""The Spend page: what a period cost, each sum once, its rows adding up to it as they are shown."""

from datetime import date, timedelta, tzinfo

import msgspec

from talktime.core.money import display_usd, div_half_even
from talktime.core.ratecard import Service
from talktime.db.spend_days import SpendDay
from talktime.ops.spend import Breakdown, Period, Spend
from talktime.portal import words
from talktime.portal.calls.asking import list_href
from talktime.portal.charts import Chart, ChartKind, chart_json, series, usd_values
from talktime.portal.figures import (
    Money,
    day_title,
    duration,
    money,
    shown_nanos,
    shown_split,
)
from talktime.portal.insight.dear_calls import DearRow, dear_rows
from talktime.portal.insight.shares import MINUTE_MS, Row, minutes, part_row, per, shared_rows


class DayRow(msgspec.Struct, frozen=True, kw_only=True):
    day: date
    name: str
    href: str
    calls: str
    parts: tuple[Money, ...]
    """LLM, STT, TTS, SIP and margin."""
    amount: Money


class FreeRow(msgspec.Struct, frozen=True, kw_only=True):
    reason: str
    calls: str


class SpendView(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    total: str
    calls: str
    minutes: str
    per_call: str
    per_minute: str
    compared: str
    is_empty: bool
    """No call was charged, and none was free."""
    too_many: bool
    chart: str
    legend: tuple[tuple[str, str], ...]
    """Name and tone."""
    services: tuple[Row, ...]
    channels: tuple[Row, ...]
    agents: tuple[Row, ...]
    models: tuple[Row, ...] | None
    days: tuple[DayRow, ...]
    totals: tuple[Money, ...]
    """At the foot of the days: the parts, then the whole."""
    cost: Money
    """Of the providers, without the margin."""
    dearest: tuple[DearRow, ...]
    free: tuple[FreeRow, ...]
    free_calls: str
    free_href: str
    dearest_href: str


_CENT = 10_000_000
_TONES = ("llm", "stt", "tts", "sip", "margin")
LINE_NAMES = (*(words.SERVICES[service] for service in Service), "Margin")


def spend_view(spend: Spend, *, zone: tzinfo, today: date, base: str) -> SpendView:
    """All that the page tells of a period."""
    parts = spend.breakdown
    total = shown_nanos(spend.charge_nanos)
    minutes_ms = parts.total.duration_ms if parts else None
    links = _Links(spend.period, base)
    return SpendView(
        title=period_words(spend.period),
        total=display_usd(spend.charge_nanos),
        calls=f"{spend.calls:,}",
        minutes="" if minutes_ms is None else minutes(minutes_ms),
        per_call=per(spend.charge_nanos, spend.calls).text,
        per_minute=per(spend.charge_nanos * MINUTE_MS, minutes_ms or 0).text,
        compared=_compared(spend),
        is_empty=not spend.calls and not (parts and parts.free),
        too_many=parts is None,
        chart=_chart(spend, today, links),
        legend=tuple(zip(LINE_NAMES, _TONES, strict=True)),
        services=_service_rows(spend, total),
        channels=_channel_rows(parts, total, links) if parts else (),
        agents=_agent_rows(parts, total, links) if parts else (),
        models=_model_rows(parts, spend) if parts else None,
        days=_day_rows(spend, total, today, links),
        totals=tuple(map(money, (*shown_split(spend.parts, total), total))),
        cost=money(shown_nanos(spend.charge_nanos - spend.parts[-1])),
        dearest=dear_rows(parts, zone, base) if parts else (),
        free=tuple(
            FreeRow(
                reason=words.FREE_REASONS[one.reason].capitalize(),
                calls=f"{one.calls:,}",
            )
            for one in (parts.free if parts else ())
        ),
        free_calls=words.counted(sum(one.calls for one in parts.free) if parts else 0, "free call"),
        free_href=links.to(show="free"),
        dearest_href=links.to(show="charged", sort="dearest"),
    )


class _Links:
    """Lists of the calls of a period."""

    def __init__(self, period: Period, base: str) -> None:
        self._base = base
        self._days = {"from": period.first.isoformat(), "to": period.last.isoformat()}

    def to(self, **fields: str) -> str:
        return list_href(self._base, {**self._days, **fields})

    def on(self, day: date) -> str:
        return self.to(**{"from": day.isoformat(), "to": day.isoformat(), "show": "charged"})


def _service_rows(spend: Spend, total: int) -> tuple[Row, ...]:
    found = [
        (Row(name=name, tone=tone, amount=money(0), percent="", width=""), nanos)
        for name, tone, nanos in zip(LINE_NAMES, _TONES, spend.parts, strict=True)
        if nanos
    ]
    return shared_rows([row for row, _ in found], [nanos for _, nanos in found], total)


def _channel_rows(parts: Breakdown, total: int, links: _Links) -> tuple[Row, ...]:
    return shared_rows(
        [
            part_row(
                words.CHANNELS[one.channel],
                one,
                links.to(show="charged", channel=one.channel.value),
                f"median {display_usd(one.median_nanos)}, {duration(one.median_ms)}",
            )
            for one in parts.channels
        ],
        [one.charge_nanos for one in parts.channels],
        total,
    )


def _agent_rows(parts: Breakdown, total: int, links: _Links) -> tuple[Row, ...]:
    rows = [
        part_row(one.agent_id, one, links.to(show="charged", agent=one.agent_id))
        if one.agent_id
        else part_row("No agent named", one, "")
        for one in parts.agents
    ]
    amounts = [one.charge_nanos for one in parts.agents]
    if parts.other_agents is not None:
        rows.append(part_row("All other agents", parts.other_agents, ""))
        amounts.append(parts.other_agents.charge_nanos)
    return shared_rows(rows, amounts, total)


def _model_rows(parts: Breakdown, spend: Spend) -> tuple[Row, ...] | None:
    if parts.models is None:
        return None
    cost = spend.charge_nanos - spend.parts[-1]
    rows = [
        Row(
            name=one.model or "Without a model",
            detail=f"{words.SERVICES[one.service]} · {one.provider or 'no provider named'}",
            tone=one.service.value,
            amount=money(0),
            percent="",
            width="",
        )
        for one in parts.models
    ]
    return shared_rows(rows, [one.cost_nanos for one in parts.models], shown_nanos(cost))


def _day_rows(spend: Spend, total: int, today: date, links: _Links) -> tuple[DayRow, ...]:
    """Newest first; days that are still to come are left out."""
    shown = shown_split([day.charge_nanos for day in spend.days], total)
    rows = [
        DayRow(
            day=day.day,
            name=day_title(day.day),
            href=links.on(day.day),
            calls=f"{day.calls:,}",
            parts=tuple(map(money, shown_split(day.parts, nanos))),
            amount=money(nanos),
        )
        for day, nanos in zip(spend.days, shown, strict=True)
        if day.day <= today or day.calls
    ]
    return tuple(reversed(rows))


def _chart(spend: Spend, today: date, links: _Links) -> str:
    days: list[SpendDay] = [day for day in spend.days if day.day <= today or day.calls]
    by_line = list(zip(*(day.parts for day in days), strict=True)) if days else [()] * len(_TONES)
    return chart_json(
        Chart(
            kind=ChartKind.STACKED,
            labels=tuple(f"{day.day.day} {day.day:%b}" for day in days),
            titles=tuple(day_title(day.day) for day in days),
            series=tuple(
                series(name, tone, amounts)
                for name, tone, amounts in zip(LINE_NAMES, _TONES, by_line, strict=True)
            ),
            totals=tuple(text or "0" for text in usd_values([day.charge_nanos for day in days])),
            hrefs=tuple(links.on(day.day) for day in days),
        )
    )


def _compared(spend: Spend) -> str:
    """Against as many days before; nothing where nothing was spent then."""
    before, now = spend.before_nanos, spend.charge_nanos
    if not before:
        return ""
    shown = display_usd(div_half_even(before, _CENT) * _CENT if before >= _CENT else before)
    change = div_half_even(100 * (now - before), before)
    if not change:
        return f"About as much as in as many days before ({shown})."
    word = "more" if change > 0 else "less"
    return f"{abs(change):,}\N{NO-BREAK SPACE}% {word} than in as many days before ({shown})."


def period_words(period: Period) -> str:
    """ "November 2026", "17 Nov to 23 Nov 2026", "23 Nov 2026"."""
    first, last = period.first, period.last
    if first.day == 1 and (last + timedelta(days=1)).day == 1 and first.month == last.month:
        return f"{first:%B} {first.year}"
    ends = f"{last.day} {last:%b} {last.year}"
    if first == last:
        return ends
    year = "" if first.year == last.year else f" {first.year}"
    return f"{first.day} {first:%b}{year} \N{EN DASH} {ends}"
