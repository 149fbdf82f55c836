"""What a planned agent would cost an account: by its own margin, from how its calls usually go."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Final

import msgspec

from talktime.core.account import Account
from talktime.core.estimate import Estimate, estimate_lines, models_of, talk_of
from talktime.core.llm_prices import llm_models
from talktime.core.model_names import STAR
from talktime.core.money import div_half_even
from talktime.core.plan import MS_PER_MINUTE, Model, Plan, Talk, planned_lines
from talktime.core.providers import HOSTS, provider_id
from talktime.core.ratecard import CHANNEL_SERVICES, Channel, PriceBook, Service
from talktime.db import spend
from talktime.db.pool import Connection
from talktime.ops.terms import Terms

PAST_CALLS: Final = 20
"""How many of the last charged calls on a channel say how its calls go."""

DEFAULT_MINUTES: Final = Decimal(3)
DEFAULT_CALLS: Final = 1_000
DEFAULT_MODELS: Final[Mapping[Service, Model]] = {
    Service.LLM: Model(provider="openai", model="gpt-4.1-mini"),
    Service.STT: Model(provider="deepgram", model="nova-3"),
    Service.TTS: Model(provider="elevenlabs", model="eleven_flash_v2_5"),
    Service.SIP: Model(provider="twilio", model="inbound"),
}
"""What a plan begins with where no call says anything else; a test sees that each is priced."""

_RESOLD: Final = "openrouter"
"""Sells what others make under a thousand names; they count when written, and are not offered."""


class Usual(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan for a channel begins with."""

    channel: Channel
    talk: Talk
    models: Mapping[Service, Model]
    minutes_per_call: Decimal
    calls: int
    """How many of the account's last calls it is taken from; 0: the stated defaults."""


def usual_defaults(channel: Channel) -> Usual:
    """The stated defaults for a channel."""
    return Usual(
        channel=channel,
        talk=Talk(),
        models=_of_channel(DEFAULT_MODELS, channel),
        minutes_per_call=DEFAULT_MINUTES,
        calls=0,
    )


async def read_usual(connection: Connection, account_id: str, channel: Channel) -> Usual:
    """How the account's last charged calls on the channel went; the stated defaults without any."""
    past = await spend.read_recent_usage(
        connection, account_id, channel=channel.value, limit=PAST_CALLS
    )
    if not past:
        return usual_defaults(channel)
    mean_ms = div_half_even(sum(call.duration_ms for call in past), len(past))
    tenths = max(div_half_even(mean_ms * 10, MS_PER_MINUTE), 1)
    return Usual(
        channel=channel,
        talk=talk_of(past),
        models=_of_channel(models_of(past), channel) or _of_channel(DEFAULT_MODELS, channel),
        minutes_per_call=Decimal(tenths) / 10,
        calls=len(past),
    )


def only_priced(usual: Usual, *, book: PriceBook, at: datetime) -> Usual:
    """The same with models that have a price at ``at``: others give way to the stated default."""
    models: dict[Service, Model] = {}
    for service, named in usual.models.items():
        for model in (named, DEFAULT_MODELS[service]):
            if book.find(service, model.provider, model.model, at) is not None:
                models[service] = model
                break
    return msgspec.structs.replace(usual, models=models)


async def read_usual_channel(connection: Connection, account_id: str) -> Usual:
    """The same for the channel on which most of the last calls were; phone without any."""
    found = [await read_usual(connection, account_id, channel) for channel in Channel]
    return max(found, key=lambda usual: usual.calls)


def estimate_plan(plan: Plan, *, book: PriceBook, margin_ppm: int, at: datetime) -> Estimate:
    """What calls of the plan would cost at the prices in force at ``at``.

    Raises InvalidInput (LineNotAllowed) as planned_lines does.
    """
    return estimate_lines(
        planned_lines(plan),
        book=book,
        at=at,
        margin_ppm=margin_ppm,
        duration_ms=plan.duration_ms,
        calls_per_month=plan.calls_per_month,
    )


def margin_of(account: Account, terms: Terms) -> int:
    """The margin that the account's calls get, in parts per million."""
    return terms.margin_ppm if account.margin_ppm is None else account.margin_ppm


def known_models(book: PriceBook, at: datetime) -> dict[Service, list[str]]:
    """What can be chosen per service, as provider/model, by name: all that has a price at ``at``.

    Of LLMs those of the usual providers; others count too, when they are written.
    """
    names: dict[Service, set[str]] = {service: set() for service in Service}
    for price in book.prices:
        if STAR not in price.model and price.effective_from <= at:
            names[price.service].add(Model(provider=price.provider, model=price.model).text)
    listed = llm_models()
    for provider in set(HOSTS.values()) - {_RESOLD}:
        for model in listed.get(provider, ()):
            if book.find(Service.LLM, provider, model, at) is not None:
                names[Service.LLM].add(Model(provider=provider, model=model).text)
    return {service: sorted(found) for service, found in names.items()}


def near_models(known: Sequence[str], asked: Model) -> list[str]:
    """Of the models with a price, the names closest to one without; the same provider first."""
    same = [name for name in known if name.split("/")[0] == provider_id(asked.provider)]
    near = get_close_matches(asked.text, same, n=3, cutoff=0.5) or same[:3]
    return near or get_close_matches(asked.text, known, n=3, cutoff=0.5)


def _of_channel(models: Mapping[Service, Model], channel: Channel) -> dict[Service, Model]:
    return {
        service: models[service]
        for service in Service
        if service in models and service in CHANNEL_SERVICES[channel]
    }
