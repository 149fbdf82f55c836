"""Estimates on the wire: a plan as it is sent, and what its call would cost."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec

from talktime.api.wire import LineBody, LineKeyBody, line_body
from talktime.core.account import Account, format_margin_rate
from talktime.core.errors import InvalidInput
from talktime.core.estimate import Estimate, estimate_lines
from talktime.core.figure import Figure, exact_figure
from talktime.core.money import format_usd, usd_or_none
from talktime.core.plan import (
    CALLS_MAX,
    MINUTES_MAX,
    Model,
    Plan,
    Talk,
    check_range,
    named_model,
    plain_figure,
    planned_lines,
)
from talktime.core.ratecard import Channel, PriceBook, Service
from talktime.core.usage import (
    MODEL_LENGTH_MAX,
    PROVIDER_LENGTH_MAX,
    Line,
    LineReport,
    parse_lines,
)
from talktime.ops.estimates import DEFAULT_CALLS, Usual


class ModelBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    provider: Annotated[str, msgspec.Meta(min_length=1, max_length=PROVIDER_LENGTH_MAX)]
    model: Annotated[str, msgspec.Meta(max_length=MODEL_LENGTH_MAX)] = ""
    """Left out: the provider's default."""


class ModelsBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A service that is left out counts nothing."""

    llm: ModelBody | None = None
    stt: ModelBody | None = None
    tts: ModelBody | None = None
    sip: ModelBody | None = None


class TalkBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the calls go; docs/how-to/estimate-a-call.md says what each figure is.

    At most three decimals.
    """

    bot_speaks_percent: Figure | None = None
    words_per_minute: Figure | None = None
    characters_per_word: Figure | None = None
    heard_percent: Figure | None = None
    turns_per_minute: Figure | None = None
    input_tokens_per_turn: Figure | None = None
    cached_percent: Figure | None = None
    cache_write_percent: Figure | None = None
    output_tokens_per_turn: Figure | None = None
    audio_input_tokens_per_turn: Figure | None = None
    audio_output_tokens_per_turn: Figure | None = None


class NewEstimate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A planned call: by models and talk, or by the exact quantities of its lines."""

    channel: Channel
    minutes_per_call: Figure | None = None
    calls_per_month: Annotated[int, msgspec.Meta(ge=0, le=CALLS_MAX)] = DEFAULT_CALLS
    models: ModelsBody | None = None
    talk: TalkBody | None = None
    lines: list[LineReport] | None = None
    """Instead of models and talk: what the call uses, as a bot reports it."""


class EstimateBody(msgspec.Struct, frozen=True, kw_only=True):
    """What one such call would cost. null amounts: some line has no price, which is not $0."""

    channel: Channel
    minutes_per_call: str
    calls_per_month: int
    lines: list[LineBody]
    provider_cost: str | None
    margin_rate: str
    margin: str | None
    charge: str | None
    charge_per_minute: str | None
    """Rounded to the nano-dollar."""
    charge_per_month: str | None
    unpriced: list[LineKeyBody]
    talk_time_left_seconds: int | None
    """How long the account's startable balance lasts with such calls; null without an account."""
    talk: dict[str, str] | None
    """Every assumption as it was used; null where lines were sent."""
    taken_from_calls: int
    """How many of the account's last calls the assumptions not sent are taken from; 0: defaults."""


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A plan that was read: the lines of its call."""

    channel: Channel
    lines: tuple[Line, ...]
    duration_ms: int
    minutes: Decimal
    calls_per_month: int
    talk: Talk | None
    taken_from_calls: int

    def estimate(self, book: PriceBook, *, margin_ppm: int, at: datetime) -> Estimate:
        return estimate_lines(
            self.lines,
            book=book,
            at=at,
            margin_ppm=margin_ppm,
            duration_ms=self.duration_ms,
            calls_per_month=self.calls_per_month,
        )


def plan_of(body: NewEstimate, usual: Usual) -> Planned:
    """The plan, with what was left out as it usually is. Raises InvalidInput with the member."""
    minutes = usual.minutes_per_call
    if body.minutes_per_call is not None:
        minutes = exact_figure(body.minutes_per_call, field="minutes_per_call")
    if body.lines is not None:
        if body.models is not None or body.talk is not None:
            raise InvalidInput("send either lines, or models and talk", field="lines")
        check_range(minutes, "minutes_per_call", most=MINUTES_MAX, may_be_zero=False)
        lines, talk = parse_lines(body.lines, body.channel), None
    else:
        talk = _talk(body.talk, usual.talk)
        models = _models(body.models)
        plan = Plan(
            channel=body.channel,
            models=models,
            minutes_per_call=minutes,
            calls_per_month=body.calls_per_month,
            talk=talk,
        )
        lines = planned_lines(plan)
    duration = Plan(
        channel=body.channel, models={}, minutes_per_call=minutes, calls_per_month=0
    ).duration_ms
    return Planned(
        channel=body.channel,
        lines=lines,
        duration_ms=duration,
        minutes=minutes,
        calls_per_month=body.calls_per_month,
        talk=talk,
        taken_from_calls=usual.calls,
    )


def estimate_body(planned: Planned, estimate: Estimate, account: Account | None) -> EstimateBody:
    bill = estimate.bill
    is_priced = bill.charge_nanos is not None
    left_ms = None if account is None else estimate.talk_time_ms(account.startable_nanos)
    return EstimateBody(
        channel=planned.channel,
        minutes_per_call=plain_figure(planned.minutes),
        calls_per_month=planned.calls_per_month,
        lines=[line_body(line) for line in estimate.lines],
        provider_cost=format_usd(bill.cost_nanos) if is_priced else None,
        margin_rate=format_margin_rate(estimate.margin_ppm),
        margin=format_usd(bill.margin_nanos) if is_priced else None,
        charge=usd_or_none(estimate.charge_nanos),
        charge_per_minute=usd_or_none(estimate.minute_nanos),
        charge_per_month=usd_or_none(estimate.month_nanos),
        unpriced=[
            LineKeyBody(service=service, provider=provider, model=model, source=source)
            for service, provider, model, source in bill.unpriced
        ],
        talk_time_left_seconds=None if left_ms is None else left_ms // 1000,
        talk=None
        if planned.talk is None
        else {
            name: plain_figure(value)
            for name, value in msgspec.structs.asdict(planned.talk).items()
        },
        taken_from_calls=planned.taken_from_calls,
    )


def _models(body: ModelsBody | None) -> Mapping[Service, Model]:
    chosen = {} if body is None else msgspec.structs.asdict(body)
    return {
        Service(name): named_model(model.provider, model.model, field=f"models.{name}")
        for name, model in chosen.items()
        if model is not None
    }


def _talk(body: TalkBody | None, usual: Talk) -> Talk:
    given = {} if body is None else msgspec.structs.asdict(body)
    changed = {
        name: exact_figure(value, field=name) for name, value in given.items() if value is not None
    }
    return msgspec.structs.replace(usual, **changed)
