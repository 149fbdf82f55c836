"""An estimate: what a planned call would cost, from the rating that real calls get.

A model without a price leaves its line unpriced, never $0. An account's own past calls tell how
its calls usually go, for a plan to begin with.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from math import ceil

import msgspec
from msgspec.structs import replace

from talktime.core.money import div_half_even
from talktime.core.plan import MS_PER_MINUTE, Model, Talk
from talktime.core.providers import provider_id
from talktime.core.ratecard import PriceBook, Service
from talktime.core.rating import Bill, rate_call
from talktime.core.talk_time import lasts_ms
from talktime.core.usage import Line


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What one call like this would cost; amounts in nanos."""

    lines: tuple[Line, ...]
    """Rated, like those of a receipt."""
    bill: Bill
    margin_ppm: int
    duration_ms: int
    calls_per_month: int

    @property
    def charge_nanos(self) -> int | None:
        """Per call; None where a line has no price."""
        return self.bill.charge_nanos

    @property
    def minute_nanos(self) -> int | None:
        """The charge per minute of the call, rounded half-even."""
        charge = self.bill.charge_nanos
        return None if charge is None else div_half_even(charge * MS_PER_MINUTE, self.duration_ms)

    @property
    def month_nanos(self) -> int | None:
        charge = self.bill.charge_nanos
        return None if charge is None else charge * self.calls_per_month

    def talk_time_ms(self, spendable_nanos: int) -> int | None:
        """How long calls like this can go on with so much money; None where that is unknown."""
        charge = self.bill.charge_nanos
        if not charge:
            return None
        return lasts_ms(spendable_nanos, charge_nanos=charge, duration_ms=self.duration_ms)


def estimate_lines(
    lines: Sequence[Line],
    *,
    book: PriceBook,
    at: datetime,
    margin_ppm: int,
    duration_ms: int,
    calls_per_month: int,
) -> Estimate:
    """The estimate for a call with these lines, at the prices in force at ``at`` (aware)."""
    rated, bill = rate_call(lines, book, at, margin_ppm)
    return Estimate(
        lines=rated,
        bill=bill,
        margin_ppm=margin_ppm,
        duration_ms=duration_ms,
        calls_per_month=calls_per_month,
    )


class PastUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What a charged call used: the account's own pace, for a plan to begin with."""

    duration_ms: int
    """Above 0."""
    lines: tuple[Line, ...]


def talk_of(past: Sequence[PastUsage]) -> Talk:
    """How past calls went, as the assumptions of a plan; a service they had no line of keeps its
    defaults. Rounded to what a form shows, so an estimate comes close to them, not to the nano.
    """
    usual = Talk()
    used: dict[tuple[Service, str], int] = {}
    for call in past:
        for line in call.lines:
            for quantity, amount in line.quantities.items():
                key = (line.service, quantity)
                used[key] = used.get(key, 0) + amount
    duration_ms = sum(call.duration_ms for call in past)
    if not duration_ms:
        return usual
    found: dict[str, Decimal] = {}

    heard_ms = used.get((Service.STT, "audio_seconds"))
    if heard_ms is not None:
        found["heard_percent"] = _percent(heard_ms, duration_ms)

    rate = Fraction(usual.words_per_minute * usual.characters_per_word)
    spoken_ms = Fraction(used.get((Service.TTS, "characters"), 0) * MS_PER_MINUTE) / rate
    if spoken_ms <= 0:
        spoken_ms = Fraction(used.get((Service.TTS, "audio_seconds"), 0))
    if spoken_ms > 0:
        found["bot_speaks_percent"] = _percent(spoken_ms, duration_ms)

    read = used.get((Service.LLM, "input_tokens"), 0)
    if read:
        turns = Fraction(usual.turns_per_minute) * duration_ms / MS_PER_MINUTE
        # Totals up and their parts down, so that the parts still fit.
        for quantity in ("input_tokens", "output_tokens"):
            amount = used.get((Service.LLM, quantity), 0)
            found[f"{quantity}_per_turn"] = Decimal(ceil(amount / turns))
        for quantity in ("audio_input_tokens", "audio_output_tokens"):
            amount = used.get((Service.LLM, quantity), 0)
            found[f"{quantity}_per_turn"] = Decimal(int(amount / turns))
        cached = used.get((Service.LLM, "cached_input_tokens"), 0)
        found["cached_percent"] = _percent(cached, read)
        found["cache_write_percent"] = _percent(
            used.get((Service.LLM, "cache_write_tokens"), 0), read
        )
    return replace(usual, **found)


def _percent(part: int | Fraction, whole: int) -> Decimal:
    """To a tenth of a per cent, rounded down, at most 100."""
    return Decimal(min(int(Fraction(part) * 1_000 / whole), 1_000)) / 10


def models_of(past: Sequence[PastUsage]) -> dict[Service, Model]:
    """Per service the model on which past calls spent most; of equals the one used last."""
    spent: dict[tuple[Service, str, str], int] = {}
    for call in past:
        for line in call.lines:
            key = (line.service, provider_id(line.provider), line.model)
            spent[key] = spent.get(key, 0) + (line.cost_nanos or 0)
    chosen: dict[Service, Model] = {}
    for service, provider, model in sorted(spent, key=lambda key: -spent[key]):
        chosen.setdefault(service, Model(provider=provider, model=model))
    return chosen
