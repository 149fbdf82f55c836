"""What the pages say of an account, its transactions and its calls."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from talktime.core.call import BillingStatus, Call, EndedBy, FreeReason, Outcome, Status
from talktime.core.ledger import Entry, EntryKind
from talktime.core.money import parse_usd
from talktime.core.ratecard import Channel, Price, Service, UnitPrice
from talktime.core.rating import bill
from talktime.core.usage import Line
from talktime.portal.billing.view import entry_row
from talktime.portal.calls.asking import read_asked
from talktime.portal.calls.receipt_view import receipt_view
from talktime.portal.calls.view import call_row, element_key
from talktime.portal.words import sentence
from tests.portal.test_billing_summary import billing

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FLOOR = 100_000_000


def usd(text: str) -> int:
    return parse_usd(text, field="amount")


def a_call(**facts: Any) -> Call:
    return Call(
        account_id="ada",
        call_id="CA1",
        admitted_at=NOW - timedelta(seconds=65),
        margin_ppm=300_000,
        lease_ms=60_000,
        initial_hold_nanos=FLOOR,
        hold_nanos=FLOOR,
        **{"channel": Channel.PHONE, "last_heard_at": NOW, **facts},
    )


def ended(billing_status: BillingStatus, **facts: Any) -> Call:
    return a_call(
        **{
            "status": Status.ENDED,
            "billing_status": billing_status,
            "outcome": Outcome.COMPLETED,
            "ended_by": EndedBy.CALLER,
            "ended_at": NOW,
            "duration_ms": 60_000,
            **facts,
        }
    )


def row(call: Call, now: datetime = NOW) -> Any:
    return call_row(call, now=now, zone=UTC, base="")


def an_entry(kind: EntryKind, promo: str, paid: str, **facts: Any) -> Entry:
    return Entry(
        account_id="ada",
        seq=7,
        kind=kind,
        ref="CA1",
        promo_delta_nanos=usd(promo),
        paid_delta_nanos=usd(paid),
        promo_after_nanos=0,
        paid_after_nanos=usd("4.968"),
        reserved_after_nanos=0,
        occurred_at=NOW,
        recorded_at=NOW,
        **facts,
    )


def test_deduction_names_its_call_and_its_parts() -> None:
    """A deduction names the call, links to its receipt, and says how promo and paid bore it."""
    call = ended(BillingStatus.CHARGED, to_number="+49301", direction="outbound")
    entry = an_entry(EntryKind.CALL, "-0.02", "-0.032")
    view = entry_row(entry, call, time_zone="UTC", base="/pay")
    assert (view.title, view.detail, view.duration) == ("Phone call", "+49301", "1:00")
    assert view.href == "/pay/calls/CA1"
    assert view.amount.text == "\N{MINUS SIGN}$0.052"
    assert view.parts == ("\N{MINUS SIGN}$0.02 promo", "\N{MINUS SIGN}$0.032 paid")


def test_adjustment_says_why() -> None:
    """A correction shows the reason that the operator gave."""
    entry = an_entry(EntryKind.ADJUSTMENT, "0", "2", note="an apology")
    view = entry_row(entry, None, time_zone="UTC", base="")
    assert (view.title, view.detail, view.href) == ("Adjustment", "an apology", "")
    assert (view.amount.text, view.parts) == ("+$2.00", ("paid",))


def test_running_call_ticks() -> None:
    """A running call shows its cost and its seconds so far, and its clock runs on."""
    view = row(a_call(charge_nanos=usd("0.012")))
    assert (view.status, view.tone, view.duration) == ("Running", "live", "1:05")
    assert view.ticking_seconds == 65
    assert (view.cost.text, view.cost_words) == ("$0.012", "so far")


def test_silent_call_stands_still() -> None:
    """A call that is not heard from says so, and its clock stops where it was last heard."""
    view = row(a_call(charge_nanos=0), now=NOW + timedelta(minutes=5))
    assert (view.status, view.tone, view.duration) == ("Not heard from", "silent", "1:05")
    assert view.ticking_seconds is None


def test_free_call_says_why() -> None:
    """A free call shows no amount but the reason."""
    view = row(
        ended(
            BillingStatus.FREE,
            outcome=Outcome.BUSY,
            free_reason=FreeReason.BUSY,
            charge_nanos=usd("0.01"),
        )
    )
    assert (view.cost, view.cost_words, view.why_free) == (None, "Free", "The line was busy")


def test_unpriced_is_never_zero() -> None:
    """A call without a price says that it is pending, running or ended; never $0."""
    for call in (ended(BillingStatus.UNPRICED, charge_nanos=None), a_call(charge_nanos=None)):
        view = row(call)
        assert (view.cost, view.cost_words) == (None, "Price pending")


@pytest.mark.parametrize(
    ("facts", "title"),
    [
        ({"direction": "inbound", "from_number": "+1", "to_number": "+2"}, "+1"),
        ({"direction": "outbound", "from_number": "+1", "to_number": "+2"}, "+2"),
        ({"agent_id": "reception"}, "reception"),
        ({}, "CA1"),
    ],
)
def test_call_is_named_by_the_other_side(facts: dict[str, Any], title: str) -> None:
    """A row is headed by the other party, else the agent, else the call's id."""
    assert row(a_call(**facts)).title == title


def test_any_call_id_makes_a_sound_row() -> None:
    """An id may hold anything: its link is escaped and its element's id is plain."""
    call = replace(a_call(), call_id='a b?"<é%')
    view = row(call)
    assert view.href == "/calls/a%20b%3F%22%3C%C3%A9%25"
    assert element_key(call.call_id).isalnum()


@pytest.mark.parametrize(
    ("call", "lists"),
    [
        (a_call(), {"all", "running"}),
        (ended(BillingStatus.CHARGED), {"all", "charged"}),
        (ended(BillingStatus.FREE), {"all", "free"}),
        (ended(BillingStatus.UNPRICED), {"all", "pending"}),
    ],
)
def test_each_list_admits_its_calls(call: Call, lists: set[str]) -> None:
    """A call appears live in exactly the lists that a reload would show it in."""
    account = billing().account
    assert lists == {
        show
        for show in ("all", "running", "charged", "free", "pending")
        if read_asked({"show": show}, account, now=NOW).wanted.admits(call, NOW)
    }


MINUTE = Price(
    service=Service.STT,
    provider="deepgram",
    model="nova-3",
    card="card-1",
    effective_from=datetime(2025, 2, 1, tzinfo=UTC),
    unit_prices=(UnitPrice(quantity="audio_seconds", nanos=usd("0.0077"), per=60_000),),
    source="the price page, read on 1 Nov 2026",
)


def settled(*lines: Line, **facts: Any) -> Call:
    sums = bill(lines, 300_000)
    return ended(
        BillingStatus.CHARGED,
        lines=lines,
        cost_nanos=sums.cost_nanos,
        margin_nanos=sums.margin_nanos,
        charge_nanos=sums.charge_nanos,
        promo_charged_nanos=facts.pop("promo", 0),
        paid_charged_nanos=facts.pop("paid", sums.charge_nanos),
        settled_at=NOW,
        **facts,
    )


def test_receipt_shows_quantity_times_price() -> None:
    """A line of the receipt has the quantity, the unit price, the cost, the card and its source."""
    line = Line(
        service=Service.STT,
        provider="deepgram",
        model="nova-3",
        quantities={"audio_seconds": 4_540},
        price=MINUTE,
        cost_nanos=582_633,
    )
    view = receipt_view(settled(line), now=NOW, zone=UTC)
    [shown] = view.lines
    [step] = shown.steps
    assert (shown.service, shown.model) == ("Speech to text", "deepgram nova-3")
    assert step.used == "4.54\xa0s of audio"
    assert step.price == "$0.0077 per minute"
    assert shown.cost is not None
    assert shown.cost.text == "$0.000582633"
    assert shown.source.startswith("Rate card card-1, since 1\xa0Feb\xa02025.")
    assert "the price page" in shown.source
    assert (view.cost.text, view.margin.text) == ("$0.000582633", "$0.00017479")
    assert (view.cost_name, view.margin_name) == ("Provider cost", "Margin, 30\xa0% of it")
    assert {fact.name: fact.text for fact in view.facts}["Duration"] == "1:00"
    assert view.charge is not None
    assert view.charge.text == "$0.000757423"


def test_steps_of_a_line_add_up_to_it() -> None:
    """Where several quantities make a line, their costs add up to it as shown, to the nano."""
    price = replace(
        MINUTE,
        service=Service.LLM,
        unit_prices=(
            UnitPrice(quantity="input_tokens", nanos=1, per=3),
            UnitPrice(quantity="cached_input_tokens", nanos=1, per=3),
            UnitPrice(quantity="output_tokens", nanos=2, per=3),
        ),
    )
    line = Line(
        service=Service.LLM,
        quantities={"input_tokens": 20, "cached_input_tokens": 10, "output_tokens": 10},
        price=price,
        cost_nanos=13,
    )
    [shown] = receipt_view(settled(line), now=NOW, zone=UTC).lines
    nanos = [int(step.cost.text[-9:]) for step in shown.steps if step.cost]
    assert len(nanos) == 3
    assert sum(nanos) == 13


def test_receipt_says_which_balance_paid() -> None:
    """A charged call says how much promo and how much paid balance bore it."""
    line = Line(service=Service.SIP, provider_cost_nanos=usd("0.04"), cost_nanos=usd("0.04"))
    call = settled(line, promo=usd("0.02"), paid=usd("0.032"))
    view = receipt_view(call, now=NOW, zone=UTC)
    assert view.paid_with == (("$0.02", "promo"), ("$0.032", "paid"))
    assert receipt_view(settled(line), now=NOW, zone=UTC).paid_with == (("$0.052", "paid"),)
    assert view.lines[0].source == "Priced by the figure the provider itself reported."


def test_the_timeline_tells_the_reports() -> None:
    """Admission, the first and the last report, the end and the settlement, in their order."""
    at = {name: NOW - timedelta(seconds=back) for name, back in (("first", 40), ("last", 20))}
    call = replace(settled(), first_reported_at=at["first"], last_heard_at=at["last"])
    told = [fact.name for fact in receipt_view(call, now=NOW, zone=UTC).timeline]
    assert told == ["Admitted", "First report", "Last report", "Ended", "Settled"]
    once = replace(call, last_heard_at=at["first"])
    told = [fact.name for fact in receipt_view(once, now=NOW, zone=UTC).timeline]
    assert told == ["Admitted", "First report", "Ended", "Settled"]


def test_receipt_of_an_unpriced_call() -> None:
    """A line without a price shows its usage and no amount, and the receipt what comes next."""
    line = Line(service=Service.TTS, provider="new", quantities={"characters": 1_200})
    call = ended(BillingStatus.UNPRICED, lines=(line,), charge_nanos=None)
    view = receipt_view(call, now=NOW, zone=UTC)
    assert view.charge is None
    assert view.lines[0].cost is None
    assert view.lines[0].steps[0].used == "1,200 characters"
    assert "after seven days without one the call is free" in view.verdict
    assert not view.is_cost_known


def test_part_of_a_cost_is_not_shown_as_the_whole() -> None:
    """While a line has no price, the sums are of the priced lines so far, and say so."""
    lines = (
        Line(service=Service.SIP, provider_cost_nanos=usd("0.04"), cost_nanos=usd("0.04")),
        Line(service=Service.TTS, provider="new", quantities={"characters": 1_200}),
    )
    call = ended(
        BillingStatus.UNPRICED,
        lines=lines,
        cost_nanos=usd("0.04"),
        margin_nanos=usd("0.012"),
        charge_nanos=None,
    )
    view = receipt_view(call, now=NOW, zone=UTC)
    assert (view.cost_name, view.cost.text) == (
        "Provider cost so far, of the priced lines",
        "$0.04",
    )
    assert view.margin_name == "Margin so far, 30\xa0% of it"
    assert (view.charge, view.pending) == (None, "Price pending")
    free = replace(call, billing_status=BillingStatus.FREE, free_reason=FreeReason.NO_PRICE)
    view = receipt_view(free, now=NOW, zone=UTC)
    assert (view.cost_name, view.pending) == ("Provider cost, of the priced lines", "No price")


def test_receipt_of_a_free_call_says_what_it_would_have_cost() -> None:
    """A free call's breakdown is kept, and its total is not called a charge."""
    call = ended(BillingStatus.FREE, free_reason=FreeReason.NO_SIGN_OF_LIFE, charge_nanos=5)
    view = receipt_view(call, now=NOW, zone=UTC)
    assert view.verdict == "Free: the bot went silent, so the call counts as failed."
    assert view.charge_name == "Would have cost"
    assert not view.paid_with


def test_late_reports_are_noted() -> None:
    """What was told after the settlement is said to change nothing."""
    call = settled(late_at=NOW, late_outcome="busy", ended_by=EndedBy.WATCHDOG)
    notes = " ".join(receipt_view(call, now=NOW, zone=UTC).notes)
    assert "silence costs nothing" in notes
    assert "with the outcome busy" in notes
    assert "after the call had ended" in notes
    assert "changes nothing that you pay" in notes


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("the coupon has expired", "The coupon has expired."),
        ("pat@acme.example is a member", "pat@acme.example is a member."),
        ("call_1: there is none", "call_1: there is none."),
        ("auto-reload is off.", "Auto-reload is off."),
        ("", ""),
    ],
)
def test_a_refusal_is_a_sentence(words: str, said: str) -> None:
    """It begins with a capital letter, unless it begins with an address or an id."""
    assert sentence(words) == said
