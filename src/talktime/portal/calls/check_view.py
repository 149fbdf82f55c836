"""The recomputation of a receipt, step by step, as rows of a page."""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from talktime.core.receipt import Check, LineText, Receipt
from talktime.portal import words

_NAMES = {
    "provider_cost": "Provider cost",
    "margin": "Margin",
    "charge": "Charge",
    "debit": "Debited",
}


class CheckRow(msgspec.Struct, frozen=True, kw_only=True):
    """One step: what was computed, and what the receipt says where that is something else."""

    name: str
    working: str
    computed: str
    stated: str
    is_right: bool


def check_rows(receipt: Receipt, checks: Sequence[Check]) -> tuple[CheckRow, ...]:
    return tuple(
        CheckRow(
            name=_NAMES[check.name] if check.line is None else _line_name(receipt, check.line),
            working=_grouped(check.working),
            computed=_shown(check.computed),
            stated=_shown(check.stated),
            is_right=check.is_right,
        )
        for check in checks
    )


def line_name(line: LineText) -> str:
    """ "Language model, openai gpt-4o-mini"; what the browser's check calls it too."""
    model = " ".join(part for part in (line.provider, line.model, line.source) if part)
    name = words.SERVICES[line.service]
    return f"{name}, {model}" if model else name


def _line_name(receipt: Receipt, place: int) -> str:
    return line_name(receipt.lines[place])


def _shown(amount: str | None) -> str:
    """As the receipt writes it: the cents at least."""
    if amount is None:
        return "nothing yet"
    whole, _, decimals = amount.partition(".")
    return f"${_grouped(whole)}.{decimals:0<2}"


_LONG: Final = re.compile(r"(?<![0-9.])[0-9]{4,}")


def _grouped(figures: str) -> str:
    """Thousands apart, as the receipt has them; decimals as they are."""
    return _LONG.sub(lambda found: f"{int(found[0]):,}", figures)
