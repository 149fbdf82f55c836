"""Which days the Spend page shows, as its address says it."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from talktime.core.account import Account
from talktime.core.errors import InvalidInput
from talktime.ops.spend import Period, check_period
from talktime.ops.spend_days import DAYS_MAX
from talktime.portal.days import read_day


class Span(StrEnum):
    """Periods that have a name; each is a link."""

    THIS_MONTH = "this-month"
    LAST_MONTH = "last-month"
    DAYS_7 = "7-days"
    DAYS_30 = "30-days"
    DAYS_90 = "90-days"


SPAN_NAMES: Final[Mapping[Span, str]] = {
    Span.THIS_MONTH: "This month",
    Span.LAST_MONTH: "Last month",
    Span.DAYS_7: "7 days",
    Span.DAYS_30: "30 days",
    Span.DAYS_90: "90 days",
}


class AskedPeriod(msgspec.Struct, frozen=True, kw_only=True):
    """The period that an address asks for, and the form that asked."""

    period: Period | None
    """None where the form is wrong."""
    span: Span | None
    """None for days of one's own."""
    first: str
    """The form's fields, as they were sent or as they would say the same."""
    last: str
    errors: Mapping[str, str]


def asked_period(params: Mapping[str, str], account: Account, *, now: datetime) -> AskedPeriod:
    """Days of one's own where ``from`` or ``to`` is given, otherwise a span, such as the month."""
    today = now.astimezone(ZoneInfo(account.zone_at(now))).date()
    first, last = params.get("from", "").strip(), params.get("to", "").strip()
    if first or last:
        return _own_days(first, last, today)
    asked = params.get("period", "")
    span = Span(asked) if asked in set(Span) else Span.THIS_MONTH
    period = span_days(span, today)
    return AskedPeriod(
        period=period,
        span=span,
        first=period.first.isoformat(),
        last=min(period.last, today).isoformat(),
        errors={},
    )


def span_days(span: Span, today: date) -> Period:
    """The days of a span: whole months, or so many days with today as the last."""
    month = today.replace(day=1)
    if span is Span.THIS_MONTH:
        next_month = (month + timedelta(days=31)).replace(day=1)
        return check_period(month, next_month - timedelta(days=1))
    if span is Span.LAST_MONTH:
        last = month - timedelta(days=1)
        return check_period(last.replace(day=1), last)
    days = {Span.DAYS_7: 7, Span.DAYS_30: 30, Span.DAYS_90: 90}[span]
    return check_period(today - timedelta(days=days - 1), today)


def _own_days(first: str, last: str, today: date) -> AskedPeriod:
    errors: dict[str, str] = {}
    fields = {"from": first, "to": last or today.isoformat()}
    begins, ends = read_day(fields, "from", errors), read_day(fields, "to", errors)
    if not first:
        errors["from"] = "Choose the first day."
    period = None
    if begins is not None and ends is not None:
        try:
            period = check_period(begins, ends)
        except InvalidInput as refused:
            errors = _words(refused)
    return AskedPeriod(period=period, span=None, first=first, last=last, errors=errors)


def _words(refused: InvalidInput) -> dict[str, str]:
    if refused.field == "to":
        return {"to": "The last day lies before the first. Choose a later one."}
    if refused.code == "range_too_wide":
        return {"from": f"These are more than {DAYS_MAX} days. Choose a later first day."}
    return {"from": "Choose days between 2000 and 2999."}
