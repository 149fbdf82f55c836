"""The form of the estimator: its fields, what they begin with, and what was typed into them."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from talktime.core.errors import InvalidInput
from talktime.core.plan import (
    ASSUMPTIONS,
    CALLS_MAX,
    MINUTES_MAX,
    Model,
    Plan,
    Talk,
    parse_model,
    plain_figure,
)
from talktime.core.ratecard import CHANNEL_SERVICES, Channel, Service
from talktime.ops.estimates import DEFAULT_CALLS, Usual
from talktime.portal import words

_TYPED_MAX: Final = 240
_FIGURE: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{0,3})?", re.ASCII)


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field: what it asks for, and what stands in it."""

    name: str
    label: str
    value: str
    unit: str = ""
    hint: str = ""
    choices: str = ""
    """The list of what can be chosen."""
    error: str = ""


class Form(msgspec.Struct, frozen=True, kw_only=True):
    channel: Channel
    models: tuple[Field, ...]
    amounts: tuple[Field, ...]
    """Minutes and calls."""
    talk: tuple[tuple[str, tuple[Field, ...]], ...]
    """The assumptions, by the service line that they are about."""
    plan: Plan | None
    """None where a field is wrong."""

    @property
    def errors(self) -> tuple[Field, ...]:
        fields = (*self.models, *self.amounts, *(one for _, group in self.talk for one in group))
        return tuple(field for field in fields if field.error)

    @property
    def is_talk_wrong(self) -> bool:
        return any(field.error for _, group in self.talk for field in group)


_PERCENT: Final = "%"
_TALK: Final[Mapping[str, tuple[str, str, str]]] = {
    "bot_speaks_percent": ("The bot speaks", "% of the call", ""),
    "words_per_minute": ("Words a minute", "", "While it speaks."),
    "characters_per_word": ("Characters a word", "", "With the space after it."),
    "heard_percent": ("Transcribed", "% of the call", "A stream that stays open counts whole."),
    "turns_per_minute": ("Turns a minute", "", "How often the model is asked."),
    "input_tokens_per_turn": (
        "Input tokens a turn",
        "",
        "Instructions, tools and the conversation so far; cached ones too.",
    ),
    "cached_percent": ("Of these, cached", _PERCENT, "Read again at a lower price."),
    "cache_write_percent": (
        "Of these, written to the cache",
        _PERCENT,
        "Where the provider charges for it.",
    ),
    "output_tokens_per_turn": ("Output tokens a turn", "", "What the model answers."),
    "audio_input_tokens_per_turn": (
        "Audio tokens heard a turn",
        "",
        "Of the input, for models that hear by themselves; otherwise 0.",
    ),
    "audio_output_tokens_per_turn": (
        "Audio tokens spoken a turn",
        "",
        "Of the output, for models that speak by themselves; otherwise 0.",
    ),
}
"""Label, unit and hint of each assumption."""


def read_form(params: Mapping[str, str], usual: Usual) -> Form:
    """What was typed, and for fields that the address leaves out, what usually is."""
    errors: dict[str, str] = {}
    typed = {
        name: params[name].strip()[:_TYPED_MAX] if name in params else begun
        for name, begun in _begin(usual).items()
    }
    models = _read_models(typed, usual.channel, errors)
    figures = {
        name: _read_figure(typed[name], name, errors)
        for name in ("minutes", "calls", *ASSUMPTIONS)
        if name in typed
    }
    calls = figures["calls"]
    if "calls" not in errors and (calls % 1 or calls > CALLS_MAX):
        errors["calls"] = f"A whole number, at most {CALLS_MAX:,}."
    if "minutes" not in errors and not 0 < figures["minutes"] <= MINUTES_MAX:
        errors["minutes"] = f"More than 0, at most {MINUTES_MAX:,}."
    for name, assumption in ASSUMPTIONS.items():
        if name in figures and name not in errors:
            too_low = not figures[name] and not assumption.may_be_zero
            if too_low or figures[name] > assumption.most:
                least = "From 0" if assumption.may_be_zero else "More than 0, up"
                errors[name] = f"{least} to {assumption.most:,}."
    plan = None
    if not errors:
        plan = Plan(
            channel=usual.channel,
            models=models,
            minutes_per_call=figures["minutes"],
            calls_per_month=int(calls),
            talk=Talk(**{name: figures[name] for name in ASSUMPTIONS if name in figures}),
        )
    return _form(usual.channel, typed, errors, plan)


def refuse(form: Form, refused: InvalidInput) -> Form:
    """The form with what the plan was refused for, beside the field that it is about."""
    field = (refused.field or "").removesuffix("_per_call")
    words_of = words.sentence(refused.message)

    def marked(fields: tuple[Field, ...]) -> tuple[Field, ...]:
        return tuple(
            msgspec.structs.replace(one, error=words_of) if one.name == field else one
            for one in fields
        )

    first = "llm" if field == "models" else ""
    return msgspec.structs.replace(
        form,
        plan=None,
        models=tuple(
            msgspec.structs.replace(one, error=words_of) if one.name in {field, first} else one
            for one in form.models
        ),
        amounts=marked(form.amounts),
        talk=tuple((name, marked(group)) for name, group in form.talk),
    )


def _begin(usual: Usual) -> dict[str, str]:
    allowed = CHANNEL_SERVICES[usual.channel]
    begun = {
        service.value: usual.models[service].text if service in usual.models else ""
        for service in Service
        if service in allowed
    }
    begun |= {"minutes": plain_figure(usual.minutes_per_call), "calls": str(DEFAULT_CALLS)}
    for name, assumption in ASSUMPTIONS.items():
        if assumption.service in allowed:
            begun[name] = plain_figure(getattr(usual.talk, name))
    return begun


def _read_models(
    typed: Mapping[str, str], channel: Channel, errors: dict[str, str]
) -> dict[Service, Model]:
    models = {}
    for service in Service:
        if service not in CHANNEL_SERVICES[channel]:
            continue
        try:
            model = parse_model(typed[service.value], field=service.value)
        except InvalidInput:
            errors[service.value] = "Write provider/model, as in openai/gpt-4.1-mini."
            continue
        if model is not None:
            models[service] = model
    if not models and not errors:
        errors[Service.LLM.value] = "Choose a model for at least one service."
    return models


def _read_figure(text: str, name: str, errors: dict[str, str]) -> Decimal:
    """A plain number; a comma between thousands is read over."""
    digits = text.replace(",", "").removesuffix("%").strip()
    if _FIGURE.fullmatch(digits):
        return Decimal(digits)
    errors[name] = "Write a number, such as 2.5, with at most three decimals."
    return Decimal(0)


def _form(
    channel: Channel, typed: Mapping[str, str], errors: Mapping[str, str], plan: Plan | None
) -> Form:
    services = [service for service in Service if service in CHANNEL_SERVICES[channel]]
    is_chat = channel is Channel.CHAT
    return Form(
        channel=channel,
        models=tuple(
            Field(
                name=service.value,
                label=words.SERVICES[service],
                value=typed[service.value],
                choices=f"{service.value}-models",
                error=errors.get(service.value, ""),
            )
            for service in services
        ),
        amounts=(
            Field(
                name="minutes",
                label="Minutes per chat" if is_chat else "Minutes per call",
                value=typed["minutes"],
                error=errors.get("minutes", ""),
            ),
            Field(
                name="calls",
                label="Chats per month" if is_chat else "Calls per month",
                value=typed["calls"],
                error=errors.get("calls", ""),
            ),
        ),
        talk=tuple(
            (
                words.SERVICES[service],
                tuple(
                    _assumption(name, typed[name], errors)
                    for name, one in ASSUMPTIONS.items()
                    if one.service is service
                ),
            )
            for service in services
            if service is not Service.SIP
        ),
        plan=plan,
    )


def _assumption(name: str, value: str, errors: Mapping[str, str]) -> Field:
    label, unit, hint = _TALK[name]
    return Field(
        name=name, label=label, unit=unit, hint=hint, value=value, error=errors.get(name, "")
    )
