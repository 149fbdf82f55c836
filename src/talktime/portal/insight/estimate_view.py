"""What the estimator answers: a planned call's bill, and what it comes to."""

from collections.abc import Collection, Mapping, Sequence
from urllib.parse import urlencode

import msgspec

from talktime.core.account import Account, AccountStatus
from talktime.core.estimate import Estimate
from talktime.core.money import NANOS_PER_USD, display_usd, div_half_even
from talktime.core.plan import Model, Plan, plain_figure
from talktime.core.ratecard import CHANNEL_SERVICES, Service
from talktime.core.talk_time import spoken_duration
from talktime.ops.estimates import Usual, near_models
from talktime.portal import words
from talktime.portal.calls.receipt_view import LineView, bill_view
from talktime.portal.figures import Money, exact_usd, percent
from talktime.portal.insight.estimate_form import Form
from talktime.portal.insight.shares import per

_CENT = NANOS_PER_USD // 100


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """A model without a price, and models that have one."""

    service: str
    name: str
    near: tuple[tuple[str, str], ...]
    """Name, and the address of the same estimate with it."""


class EstimateView(msgspec.Struct, frozen=True, kw_only=True):
    """Amounts of one call, exact, and of more of it, rounded; empty where a model has no price."""

    charge: str
    per_minute: str
    month: str
    calls: str
    lines: tuple[LineView, ...]
    cost: Money
    margin: Money
    margin_rate: str
    total: Money
    is_priced: bool
    missing: tuple[Missing, ...]
    assumed: str
    """How the calls go, in a sentence or two."""
    left_out: str
    """The services that the channel can have and the plan has no model of."""
    balance: str
    talk_time: str
    """How long the balance lasts with such calls."""
    aside: str
    """What of the balance no call can be started with; empty where nothing is set aside."""
    why_none: str
    """Why none can start now, with this balance; empty where one can."""


def estimate_view(
    estimate: Estimate,
    plan: Plan,
    form: Form,
    *,
    account: Account,
    floor_nanos: int,
    known: Mapping[Service, Sequence[str]],
    address: str,
) -> EstimateView:
    """``known`` is what can be chosen, ``address`` that of the page."""
    bill = estimate.bill
    lines, (cost, margin, total) = bill_view(
        estimate.lines, (bill.cost_nanos, bill.margin_nanos, bill.cost_nanos + bill.margin_nanos)
    )
    charge, minute, month = estimate.charge_nanos, estimate.minute_nanos, estimate.month_nanos
    planned = {line.service for line in estimate.lines}
    left_out = [
        words.SERVICES[service]
        for service in Service
        if service in CHANNEL_SERVICES[form.channel] and service not in planned
    ]
    return EstimateView(
        charge="" if charge is None else exact_usd(charge),
        per_minute="" if minute is None else per(minute, 1).text,
        month="" if month is None else _to_the_cent(month),
        calls=words.counted(estimate.calls_per_month, _call_word(form)),
        lines=lines,
        cost=cost,
        margin=margin,
        margin_rate=percent(estimate.margin_ppm),
        total=total,
        is_priced=charge is not None,
        missing=tuple(
            _missing(Service(service), Model(provider=provider, model=model), form, known, address)
            for service, provider, model, _ in bill.unpriced
        ),
        assumed=_assumed(plan, planned),
        left_out=" and ".join(left_out),
        balance=display_usd(account.startable_nanos),
        talk_time=_talk_time(estimate, account.startable_nanos, form),
        aside=_aside(account),
        why_none=_why_none(account, floor_nanos, form),
    )


def usual_words(usual: Usual) -> str:
    """Where the figures that a plan begins with come from."""
    name = words.CALL_NAMES[usual.channel]
    name = name if usual.channel.value == "whatsapp" else name.lower()
    if not usual.calls:
        return f"Usual figures: you have no charged {name} yet to take them from."
    if usual.calls == 1:
        return f"Taken from your last {name}."
    return f"Taken from your last {usual.calls} {name}s."


def _assumed(plan: Plan, services: Collection[Service]) -> str:
    talk, said = plan.talk, []
    if Service.TTS in services:
        said.append(
            f"The bot speaks {plain_figure(talk.bot_speaks_percent)}\N{NO-BREAK SPACE}% of the "
            f"call, {plain_figure(talk.words_per_minute)} words a minute of "
            f"{plain_figure(talk.characters_per_word)} characters."
        )
    if Service.STT in services:
        said.append(f"{plain_figure(talk.heard_percent)}\N{NO-BREAK SPACE}% is transcribed.")
    if Service.LLM in services:
        cached = (
            talk.cached_percent
            and f", {plain_figure(talk.cached_percent)}\N{NO-BREAK SPACE}% cached"
        )
        said.append(
            f"The model is asked {plain_figure(talk.turns_per_minute)} times a minute: "
            f"{talk.input_tokens_per_turn:,f} tokens in{cached or ''}, "
            f"{talk.output_tokens_per_turn:,f} out."
        )
    return " ".join(said)


def _to_the_cent(nanos: int) -> str:
    """What nobody can foresee to the nano: to the cent from a dollar on."""
    return display_usd(div_half_even(nanos, _CENT) * _CENT if nanos >= NANOS_PER_USD else nanos)


def _call_word(form: Form) -> str:
    return "chat" if form.channel.value == "chat" else "call"


def _talk_time(estimate: Estimate, spendable_nanos: int, form: Form) -> str:
    lasts_ms = estimate.talk_time_ms(spendable_nanos)
    charge = estimate.charge_nanos
    if lasts_ms is None or not charge:
        return ""
    count = max(spendable_nanos, 0) // charge
    calls = words.counted(count, _call_word(form)) if count else f"less than one {_call_word(form)}"
    spoken = spoken_duration(lasts_ms)
    return f"{spoken[:1].upper()}{spoken[1:]}, or {calls}"


def _aside(account: Account) -> str:
    if not account.held_nanos:
        return ""
    return (
        f"{display_usd(account.startable_nanos)} can be started with; "
        f"{display_usd(account.held_nanos)} is set aside for calls."
    )


def _why_none(account: Account, floor_nanos: int, form: Form) -> str:
    if account.status is AccountStatus.SUSPENDED:
        return f"No {_call_word(form)} can start while the account is suspended."
    if account.startable_nanos >= floor_nanos:
        return ""
    least = exact_usd(floor_nanos) + (" that is not set aside" if account.held_nanos else "")
    return f"No {_call_word(form)} can start yet: each needs at least {least}."


def _missing(
    service: Service,
    asked: Model,
    form: Form,
    known: Mapping[Service, Sequence[str]],
    address: str,
) -> Missing:
    fields = {"channel": form.channel.value}
    for field in (*form.models, *form.amounts, *(one for _, group in form.talk for one in group)):
        fields[field.name] = field.value
    return Missing(
        service=words.SERVICES[service],
        name=asked.text,
        near=tuple(
            (name, f"{address}?{urlencode({**fields, service.value: name})}")
            for name in near_models(known[service], asked)
        ),
    )
