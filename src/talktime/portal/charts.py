"""Charts as the pages carry them: their figures as JSON in an attribute, which charts.js draws.

Amounts are exact decimal USD strings; only the drawing turns them into pixels. Beside every chart
stands a table of the same figures.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from talktime.core.money import format_usd


class ChartKind(StrEnum):
    STACKED = "stacked"  # bars, one per label, the series on top of each other
    STEPS = "steps"  # a line that keeps its height until the next label


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """One series: an amount per label; None where there is none."""

    name: str
    tone: str
    """Its colour: ``--tone-<tone>`` of charts.css."""
    values: tuple[str | None, ...]


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """What charts.js needs to draw one chart."""

    kind: ChartKind
    labels: tuple[str, ...]
    """Along the axis; short."""
    titles: tuple[str, ...]
    """The same in full, over the amounts of a tooltip."""
    series: tuple[Series, ...]
    totals: tuple[str, ...] | None = None
    """Per label, at the foot of its tooltip."""
    hrefs: tuple[str, ...] | None = None
    """Where a click on a label's bar leads. The table has the same links."""


def series(name: str, tone: str, amounts: Sequence[int | None]) -> Series:
    """Amounts in nanos."""
    return Series(name=name, tone=tone, values=usd_values(amounts))


def usd_values(amounts: Sequence[int | None]) -> tuple[str | None, ...]:
    return tuple(None if nanos is None else format_usd(nanos) for nanos in amounts)


def chart_json(chart: Chart) -> str:
    """The value of ``data-chart``; the template escapes it."""
    return msgspec.json.encode(chart).decode()
