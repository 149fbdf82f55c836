"""Receipts made up from a seed: every service, channel and way of pricing, and lies about them."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from talktime.core.call import BillingStatus, Call, FreeReason, Outcome, Status
from talktime.core.money import MARGIN_SCALE
from talktime.core.ratecard import (
    CHANNEL_SERVICES,
    SERVICE_QUANTITIES,
    TIME_QUANTITIES,
    Channel,
    Price,
    PriceBook,
    Service,
    UnitPrice,
)
from talktime.core.rating import rate_call
from talktime.core.receipt import Receipt
from talktime.core.usage import Line

START = datetime(2026, 11, 23, 12, tzinfo=UTC)


def some_call(chance: random.Random) -> Call:
    """A call as settlement leaves one, now and then running, unpriced, free or with late usage."""
    channel = chance.choice(list(Channel))
    services = [service for service in Service if service in CHANNEL_SERVICES[channel]]
    lines = tuple(
        _some_line(chance, chance.choice(services), number)
        for number in range(chance.choice([0, 1, 2, 4, 7]))
    )
    margin_ppm = chance.choice([0, 300_000, 125_500, chance.randrange(10 * MARGIN_SCALE)])
    rated, bill = rate_call(lines, PriceBook([]), START, margin_ppm)
    billing = chance.choice([BillingStatus.CHARGED, BillingStatus.CHARGED, BillingStatus.FREE])
    if chance.random() < 0.1:
        billing = BillingStatus.PENDING
    elif bill.charge_nanos is None:
        billing = chance.choice([BillingStatus.UNPRICED, BillingStatus.FREE])
    is_live = billing is BillingStatus.PENDING
    promo = paid = None
    if billing is BillingStatus.FREE:
        promo = paid = 0
    elif billing is BillingStatus.CHARGED:
        assert bill.charge_nanos is not None
        promo = chance.choice([0, bill.charge_nanos, chance.randrange(bill.charge_nanos + 1)])
        paid = bill.charge_nanos - promo
    return Call(
        account_id="ada",
        call_id=f"CA{chance.randrange(10**9)}",
        channel=channel,
        agent_id=chance.choice([None, "front-desk"]),
        admitted_at=START,
        margin_ppm=margin_ppm,
        lease_ms=60_000,
        last_heard_at=START,
        initial_hold_nanos=0,
        hold_nanos=0,
        status=Status.LIVE if is_live else Status.ENDED,
        billing_status=billing,
        outcome=None if is_live else Outcome.COMPLETED,
        free_reason=FreeReason.FAILED if billing is BillingStatus.FREE else None,
        lines=rated,
        cost_nanos=bill.cost_nanos,
        margin_nanos=bill.margin_nanos,
        charge_nanos=bill.charge_nanos,
        ended_at=None if is_live else START + timedelta(seconds=61, milliseconds=500),
        duration_ms=None if is_live else 61_500,
        settled_at=None if promo is None else START + timedelta(seconds=62),
        promo_charged_nanos=promo,
        paid_charged_nanos=paid,
        late_at=chance.choice([None, START + timedelta(minutes=5)]),
    )


def _some_line(chance: random.Random, service: Service, number: int) -> Line:
    names = SERVICE_QUANTITIES[service]
    most = chance.choice([0, 10, 10_000, 10**7])
    quantities = {
        name: chance.randrange(most + 1)
        for name in names
        if chance.random() < 0.7 or name == names[0]
    }
    if service is Service.LLM:
        for total, parts in (
            ("input_tokens", ("cached_input_tokens", "cache_write_tokens", "audio_input_tokens")),
            ("output_tokens", ("audio_output_tokens",)),
        ):
            included = sum(quantities.get(part, 0) for part in parts)
            if included:
                quantities[total] = quantities.get(total, 0) + included
    way = chance.choice(["priced", "priced", "priced", "provider", "unpriced", "partly"])
    return Line(
        service=service,
        provider="acme",
        model=chance.choice(["", "mind-1"]),
        source=f"leg-{number}",
        quantities=quantities,
        provider_cost_nanos=chance.randrange(10**9) if way == "provider" else None,
        price=None if way == "unpriced" else _some_price(chance, service, is_part=way == "partly"),
    )


def _some_price(chance: random.Random, service: Service, *, is_part: bool) -> Price:
    names = list(SERVICE_QUANTITIES[service])
    chance.shuffle(names)
    if is_part:
        names.pop()
    return Price(
        service=service,
        provider="acme",
        model="mind-*",
        card="acme-2026-11",
        effective_from=START - timedelta(days=30),
        source="made up",
        unit_prices=tuple(
            UnitPrice(
                quantity=name,
                nanos=chance.choice([0, 1, 3, 7_700_000, chance.randrange(10**10)]),
                per=chance.choice([1, 3, 7, 1_000, 60_000, 3_600_000, 1_000_000]),
                increment=chance.choice([1, 1, 1_000, 6_000, 60_000])
                if name in TIME_QUANTITIES
                else chance.choice([1, 1, 100]),
            )
            for name in names
        ),
    )


def tampered(receipt: Receipt, chance: random.Random) -> dict[str, Any]:
    """The document with one of its stated amounts, or a price or quantity that bears on one, raised
    or lowered so far that no rounding hides it."""
    document: dict[str, Any] = msgspec.to_builtins(receipt)
    places: list[tuple[dict[str, Any], str]] = [
        (document, name)
        for name in ("provider_cost", "margin", "charge", "promo_charged", "paid_charged")
        if document[name] is not None
    ]
    places += [(line, "cost") for line in document["lines"] if line["cost"] is not None]
    places += [
        (line, "provider_cost") for line in document["lines"] if line["provider_cost"] is not None
    ]
    holder, name = chance.choice(places)
    whole, _, part = holder[name].partition(".")
    holder[name] = f"{int(whole) + chance.randrange(1, 4)}.{part or '0'}"
    return document
