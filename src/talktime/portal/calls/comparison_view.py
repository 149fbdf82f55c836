"""Why a call cost more than usual, in a sentence or two."""

from talktime.core.comparison import Cause, Comparison, Factor
from talktime.core.money import display_usd
from talktime.core.ratecard import TIME_QUANTITIES
from talktime.portal import words
from talktime.portal.figures import duration, percent

_TIMES = "\N{MULTIPLICATION SIGN}"


def comparison_words(comparison: Comparison | None) -> str:
    """How many times the median of which calls, and which factor drove it, with its figures.

    Empty for a call that was not dear.
    """
    if comparison is None:
        return ""
    times, tenth = divmod(comparison.tenths, 10)
    whose = "this agent\N{RIGHT SINGLE QUOTATION MARK}s" if comparison.is_of_agent else "your"
    kind = "" if comparison.is_of_agent else " on this channel"
    per = " per minute" if comparison.is_timed else ""
    first, *more = [_cause(cause, per) for cause in comparison.causes] or [
        "no single part tells why"
    ]
    text = (
        f"{times}.{tenth}{_TIMES} the median of {whose} {comparison.calls} charged calls{kind} "
        f"before it ({display_usd(comparison.median_nanos)}): {first}."
    )
    return text + "".join(f" Besides, {one}." for one in more)


def _cause(cause: Cause, per: str) -> str:
    service = "" if cause.service is None else words.SERVICES[cause.service].lower()
    this, usual = display_usd(cause.this), display_usd(cause.usual)
    if cause.factor is Factor.QUANTITY:
        return f"{_quantity(cause, per)} usually"
    return {
        Factor.DURATION: (
            f"it was longer, {duration(cause.this)} against {duration(cause.usual)} usually"
        ),
        Factor.NEW_LINE: f"it used {service} for {this}, which most of those calls do not",
        Factor.MODEL: (
            f"its {service} was {cause.this_model or 'another model'}, which costs more than "
            f"{cause.usual_model or 'the usual one'}"
        ),
        Factor.PRICE: (
            f"the price of its {service} was higher, {this}{per} against {usual} usually"
        ),
        Factor.LINE: f"its {service} cost {this}{per} against {usual} usually",
        Factor.MARGIN: (
            f"the margin was {percent(cause.this)} against {percent(cause.usual)} usually"
        ),
    }[cause.factor]


def _quantity(cause: Cause, per: str) -> str:
    quantity = cause.quantity or ""
    what = words.quantity_words(quantity)
    if quantity in TIME_QUANTITIES:
        return f"{_seconds(cause.this)} {what}{per} against {_seconds(cause.usual)}"
    return f"{cause.this:,} {what}{per} against {cause.usual:,}"


def _seconds(ms: int) -> str:
    return f"{ms // 1000:,}.{ms % 1000 // 100}\N{NO-BREAK SPACE}s"
