"""talktime prices estimate: what a planned call would cost."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated

import msgspec
import typer

from talktime.cli.opening import on_platform
from talktime.core.account import format_margin_rate
from talktime.core.errors import InvalidInput
from talktime.core.estimate import Estimate
from talktime.core.money import format_usd
from talktime.core.plan import ASSUMPTIONS, Plan, Talk, parse_model, plain_figure
from talktime.core.ratecard import Channel, Service
from talktime.core.rating import explain_line
from talktime.core.usage import format_quantity
from talktime.ops.accounts import read_account
from talktime.ops.estimates import (
    DEFAULT_CALLS,
    Usual,
    estimate_plan,
    margin_of,
    read_usual,
    usual_defaults,
)
from talktime.ops.platform import Platform


def estimate_command(
    *,
    channel: Annotated[Channel, typer.Option(help="phone, web, whatsapp or chat.")],
    llm: Annotated[str | None, typer.Option(help='provider/model; "" counts none.')] = None,
    stt: Annotated[str | None, typer.Option(help="The same, as for all four.")] = None,
    tts: Annotated[str | None, typer.Option()] = None,
    sip: Annotated[str | None, typer.Option()] = None,
    minutes: Annotated[str | None, typer.Option(help="Minutes per call.")] = None,
    calls: Annotated[int, typer.Option(help="Calls per month.")] = DEFAULT_CALLS,
    talk: Annotated[
        list[str] | None, typer.Option(help="An assumption, as in cached_percent=40; repeatable.")
    ] = None,
    account: Annotated[
        str | None, typer.Option(help="Its margin, and how its last calls went.")
    ] = None,
) -> None:
    """Estimate a planned call by the rating of real ones: docs/how-to/estimate-a-call.md.

    What is left out is taken from the account's last calls on the channel, or is a stated default.
    """
    asked = {Service.LLM: llm, Service.STT: stt, Service.TTS: tts, Service.SIP: sip}

    async def act(platform: Platform) -> tuple[Usual, Plan, Estimate]:
        now: datetime = platform.clock()
        usual, margin_ppm = usual_defaults(channel), platform.terms.margin_ppm
        if account is not None:
            async with platform.connection() as connection:
                found = await read_account(connection, account, now=now)
                usual = await read_usual(connection, account, channel)
            margin_ppm = margin_of(found, platform.terms)
        models = dict(usual.models)
        for service, text in asked.items():
            if text is not None:
                models.pop(service, None)
                if (model := parse_model(text, field=f"--{service.value}")) is not None:
                    models[service] = model
        plan = Plan(
            channel=channel,
            models=models,
            minutes_per_call=usual.minutes_per_call
            if minutes is None
            else _figure(minutes, "--minutes"),
            calls_per_month=calls,
            talk=_changed(usual.talk, talk or ()),
        )
        book = platform.prices.book
        return usual, plan, estimate_plan(plan, book=book, margin_ppm=margin_ppm, at=now)

    usual, plan, estimate = on_platform(act)
    for text in estimate_text(usual, plan, estimate):
        typer.echo(text)
    if estimate.charge_nanos is None:
        raise typer.Exit(1)


def estimate_text(usual: Usual, plan: Plan, estimate: Estimate) -> list[str]:
    """The estimate as lines of text, every assumption among them."""
    bill, told = estimate.bill, []
    for line in estimate.lines:
        name = f"{line.service.value}  {plan.models[line.service].text}"
        cost = "no price" if line.cost_nanos is None else f"${format_usd(line.cost_nanos)}"
        used = ", ".join(
            f"{format_quantity(row.quantity, row.billed)} {row.quantity}"
            for row in explain_line(line)
        )
        told.append(f"{name}  {cost}" + (f"  ({used})" if used else ""))
    charge, minute, month = estimate.charge_nanos, estimate.minute_nanos, estimate.month_nanos
    if charge is None or minute is None or month is None:
        missing = ", ".join("/".join(filter(None, key[1:3])) for key in bill.unpriced)
        told.append(
            f"No charge can be told: {missing} has no price, which is not $0. "
            "talktime prices show lists those that have one."
        )
    else:
        margin = f"margin {format_margin_rate(estimate.margin_ppm)}"
        told.append(
            f"provider cost ${format_usd(bill.cost_nanos)}, {margin} "
            f"${format_usd(bill.margin_nanos)}"
        )
        told.append(
            f"charge ${format_usd(charge)} a call of {plain_figure(plan.minutes_per_call)} "
            f"minutes, ${format_usd(minute)} a minute, ${format_usd(month)} for "
            f"{plan.calls_per_month} calls"
        )
    source = f"the last {usual.calls} calls" if usual.calls else "defaults"
    told.append(f"Assumed ({source}, where not given):")
    told += [
        f"  {name}={plain_figure(getattr(plan.talk, name))}"
        for name, assumption in ASSUMPTIONS.items()
        if assumption.service in plan.models
    ]
    return told


def _changed(talk: Talk, given: Sequence[str]) -> Talk:
    changed = {}
    for text in given:
        name, _, value = text.partition("=")
        if name not in ASSUMPTIONS:
            raise InvalidInput(
                f"--talk {text}: write name=figure; the names are {', '.join(ASSUMPTIONS)}",
                field="--talk",
            )
        changed[name] = _figure(value, f"--talk {name}")
    return msgspec.structs.replace(talk, **changed)


def _figure(text: str, option: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise InvalidInput(f"{option} is {text!r}: write a number, such as 2.5") from error
