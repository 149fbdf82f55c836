"""A planned call: its channel, its models, how long it is and how its people talk.

A plan makes service lines with quantities, as a bot would report them; what they cost is decided
where it is decided for every call (talktime.core.estimate).
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Final

import msgspec

from talktime.core.errors import InvalidInput, LineNotAllowed
from talktime.core.money import div_half_even
from talktime.core.ratecard import CHANNEL_SERVICES, Channel, Service
from talktime.core.usage import MODEL_LENGTH_MAX, PROVIDER_LENGTH_MAX, Line

MS_PER_MINUTE: Final = 60_000
MINUTES_MAX: Final = 1_440
CALLS_MAX: Final = 100_000_000
_DECIMALS_MAX: Final = 3


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's model for one service."""

    provider: str
    model: str = ""
    """"" is the provider's default, such as a carrier without kinds of minutes."""

    @property
    def text(self) -> str:
        """ "openai/gpt-4.1-mini", "vonage"."""
        return f"{self.provider}/{self.model}" if self.model else self.provider


class Talk(msgspec.Struct, frozen=True, kw_only=True):
    """How a planned call goes: each an assumption, shown and open to change.

    The defaults are what telephone agents usually do; see docs/how-to/estimate-a-call.md.
    """

    bot_speaks_percent: Decimal = Decimal(45)
    """How much of the call the bot speaks: what is synthesised."""
    words_per_minute: Decimal = Decimal(150)
    """While it speaks."""
    characters_per_word: Decimal = Decimal(6)
    """With the space after it."""
    heard_percent: Decimal = Decimal(100)
    """How much of the call is transcribed; a stream that stays open counts whole."""
    turns_per_minute: Decimal = Decimal(4)
    """How often the language model is asked."""
    input_tokens_per_turn: Decimal = Decimal(3_000)
    """Instructions, tools and the conversation so far, cached ones included."""
    cached_percent: Decimal = Decimal(50)
    """How much of the input the provider remembers, at its lower price."""
    cache_write_percent: Decimal = Decimal(0)
    """How much of the input is written to a cache, where the provider charges for that."""
    output_tokens_per_turn: Decimal = Decimal(60)
    audio_input_tokens_per_turn: Decimal = Decimal(0)
    """Of the input, for models that hear by themselves."""
    audio_output_tokens_per_turn: Decimal = Decimal(0)
    """Of the output, for models that speak by themselves."""


class Assumption(msgspec.Struct, frozen=True, kw_only=True):
    """What an assumption is about, and between which figures it is believed."""

    service: Service
    most: int
    may_be_zero: bool = True


ASSUMPTIONS: Final[Mapping[str, Assumption]] = {
    "bot_speaks_percent": Assumption(service=Service.TTS, most=100),
    "words_per_minute": Assumption(service=Service.TTS, most=1_000, may_be_zero=False),
    "characters_per_word": Assumption(service=Service.TTS, most=100, may_be_zero=False),
    "heard_percent": Assumption(service=Service.STT, most=100),
    "turns_per_minute": Assumption(service=Service.LLM, most=1_000),
    "input_tokens_per_turn": Assumption(service=Service.LLM, most=10_000_000),
    "cached_percent": Assumption(service=Service.LLM, most=100),
    "cache_write_percent": Assumption(service=Service.LLM, most=100),
    "output_tokens_per_turn": Assumption(service=Service.LLM, most=1_000_000),
    "audio_input_tokens_per_turn": Assumption(service=Service.LLM, most=1_000_000),
    "audio_output_tokens_per_turn": Assumption(service=Service.LLM, most=1_000_000),
}
"""By the name of the member of Talk, in the order in which they are asked for."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A planned agent. A service without a model is left out, and counts nothing."""

    channel: Channel
    models: Mapping[Service, Model]
    minutes_per_call: Decimal
    calls_per_month: int
    talk: Talk = Talk()

    @property
    def duration_ms(self) -> int:
        return _whole(self.minutes_per_call, MS_PER_MINUTE)


def planned_lines(plan: Plan) -> tuple[Line, ...]:
    """The lines that a call of the plan would report, in the order of receipts.

    Raises LineNotAllowed for a service that the channel cannot have (R3), InvalidInput where the
    figures contradict each other or nothing is planned.
    """
    allowed = CHANNEL_SERVICES[plan.channel]
    for service in plan.models:
        if service not in allowed:
            raise LineNotAllowed(
                f"a {plan.channel} call cannot have a {service} line, only "
                f"{', '.join(one.value for one in Service if one in allowed)}",
                field=service.value,
                channel=plan.channel.value,
                allowed=[one.value for one in Service if one in allowed],
            )
    if not plan.models:
        raise InvalidInput("choose a model for at least one service", field="models")
    check_range(plan.minutes_per_call, "minutes_per_call", most=MINUTES_MAX, may_be_zero=False)
    check_range(Decimal(plan.calls_per_month), "calls_per_month", most=CALLS_MAX)
    if plan.duration_ms < 1:
        raise InvalidInput("minutes_per_call must be above 0", field="minutes_per_call")
    _check_talk(plan.talk)
    return tuple(
        Line(
            service=service,
            provider=plan.models[service].provider,
            model=plan.models[service].model,
            quantities={
                name: amount
                for name, amount in _quantities(service, plan.talk, plan.duration_ms).items()
                if amount
            },
        )
        for service in Service
        if service in plan.models
    )


def _check_talk(talk: Talk) -> None:
    for name, assumption in ASSUMPTIONS.items():
        value: Decimal = getattr(talk, name)
        check_range(value, name, most=assumption.most, may_be_zero=assumption.may_be_zero)
    if talk.cached_percent + talk.cache_write_percent > 100:
        raise InvalidInput(
            "the input that is cached and that is written to a cache are together more than all of "
            "it",
            field="cached_percent",
        )
    cached = Fraction(talk.cached_percent + talk.cache_write_percent) / 100
    heard = Fraction(talk.audio_input_tokens_per_turn)
    if cached * Fraction(talk.input_tokens_per_turn) + heard > talk.input_tokens_per_turn:
        raise InvalidInput(
            "the cached tokens and the audio tokens are together more than the input tokens, "
            "which include both",
            field="input_tokens_per_turn",
        )
    if talk.audio_output_tokens_per_turn > talk.output_tokens_per_turn:
        raise InvalidInput(
            "the output tokens include those of audio, so they cannot be fewer",
            field="output_tokens_per_turn",
        )


def check_range(value: Decimal, field: str, *, most: int, may_be_zero: bool = True) -> None:
    """Raise InvalidInput unless 0 ≤ value ≤ ``most``, with at most three decimals."""
    if not value.is_finite() or value < 0 or value > most or (not value and not may_be_zero):
        least = "0 to" if may_be_zero else "above 0 and at most"
        raise InvalidInput(f"{field} must be {least} {most:,}", field=field)
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or not -_DECIMALS_MAX <= exponent <= 0:
        raise InvalidInput(
            f"{field} must be written in plain digits, with at most three decimals", field=field
        )


def _quantities(service: Service, talk: Talk, duration_ms: int) -> dict[str, int]:
    if service is Service.SIP:
        return {"seconds": duration_ms}
    if service is Service.STT:
        return {"audio_seconds": _whole(talk.heard_percent, duration_ms, per=100)}
    if service is Service.TTS:
        # Both measure the same speech; rating takes the one that the model's price is for.
        spoken = Fraction(talk.bot_speaks_percent) / 100 * duration_ms
        rate = Fraction(talk.words_per_minute * talk.characters_per_word)
        return {
            "characters": ceil(spoken * rate / MS_PER_MINUTE),
            "audio_seconds": _nearest(spoken),
        }
    turns = Fraction(talk.turns_per_minute) * duration_ms / MS_PER_MINUTE
    read = turns * Fraction(talk.input_tokens_per_turn)
    # The parts are rounded down, so that they never exceed what they are part of.
    return {
        "input_tokens": ceil(read),
        "cached_input_tokens": int(read * Fraction(talk.cached_percent) / 100),
        "cache_write_tokens": int(read * Fraction(talk.cache_write_percent) / 100),
        "output_tokens": ceil(turns * Fraction(talk.output_tokens_per_turn)),
        "audio_input_tokens": int(turns * Fraction(talk.audio_input_tokens_per_turn)),
        "audio_output_tokens": int(turns * Fraction(talk.audio_output_tokens_per_turn)),
    }


def _whole(value: Decimal, factor: int, *, per: int = 1) -> int:
    return _nearest(Fraction(value) * factor / per)


def _nearest(value: Fraction) -> int:
    return div_half_even(value.numerator, value.denominator)


def plain_figure(value: Decimal) -> str:
    """ "2.5", "3000": without an exponent and without zeros that say nothing."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def parse_model(text: str, *, field: str) -> Model | None:
    """ "openai/gpt-4.1-mini" or "vonage"; None for "". Raises InvalidInput."""
    provider, _, model = text.strip().partition("/")
    if not provider.strip() and not model.strip():
        return None
    return named_model(provider, model, field=field)


def named_model(provider: str, model: str, *, field: str) -> Model:
    """A model by its names, the provider's in any case. Raises InvalidInput."""
    provider, model = provider.strip().lower(), model.strip()
    if not provider or len(provider) > PROVIDER_LENGTH_MAX or len(model) > MODEL_LENGTH_MAX:
        raise InvalidInput(
            f"{field} must name a provider and its model, as in openai/gpt-4.1-mini", field=field
        )
    if not (provider + model).isprintable():
        raise InvalidInput(f"{field} must be plain text", field=field)
    return Model(provider=provider, model=model)
