import re
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talktime.core.errors import (
    InvalidAmount,
    InvalidInput,
    InvalidQuantity,
    LineNotAllowed,
    TalktimeError,
    TooMany,
)
from talktime.core.ratecard import SERVICE_QUANTITIES, SERVICES, Channel
from talktime.core.usage import (
    LINES_MAX,
    SECONDS_MAX,
    Line,
    LineReport,
    format_quantity,
    merge_lines,
    parse_lines,
)

decode = msgspec.json.Decoder(list[LineReport]).decode


def parse(json: str, channel: Channel = Channel.PHONE) -> tuple[Line, ...]:
    return parse_lines(decode(json), channel)


# Running totals of one line over time: each report adds to the one before, and the parts of a
# total grow with it.
steps = st.tuples(*[st.integers(0, 1000)] * 6)


@st.composite
def histories(draw: st.DrawFn) -> list[LineReport]:
    reports = []
    for service, model in draw(
        st.lists(
            st.tuples(st.sampled_from(list(SERVICES)), st.sampled_from(["", "m"])),
            min_size=1,
            max_size=4,
            unique=True,
        )
    ):
        totals = dict.fromkeys(SERVICE_QUANTITIES[SERVICES[service]], 0)
        for step in draw(st.lists(steps, min_size=1, max_size=4)):
            growth = dict(zip(totals, step, strict=False))
            if service == "llm":
                growth["input_tokens"] += growth["cached_input_tokens"]
                growth["input_tokens"] += growth["cache_write_tokens"]
                growth["input_tokens"] += growth["audio_input_tokens"]
                growth["output_tokens"] += growth["audio_output_tokens"]
            totals = {name: total + growth[name] for name, total in totals.items()}
            reports.append(
                LineReport(service=service, provider="p", model=model, quantities=dict(totals))
            )
    return reports


def merged(*requests: list[LineReport]) -> list[tuple[object, dict[str, int]]]:
    lines: tuple[Line, ...] = ()
    for reports in requests:
        lines = merge_lines(lines, parse_lines(reports, Channel.PHONE))
    return [(line.key, line.quantities) for line in lines]


@given(histories(), st.data())
@settings(max_examples=60, deadline=None)
def test_split_anywhere_is_sent_once(reports: list[LineReport], data: st.DataObject) -> None:
    """However running totals are spread over requests, the call ends with the same lines."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(reports)), max_size=3)))
    parts = [reports[a:b] for a, b in pairwise([0, *cuts, len(reports)])]
    assert merged(*parts) == merged(reports)


@given(histories())
@settings(max_examples=60, deadline=None)
def test_delivered_twice_is_delivered_once(reports: list[LineReport]) -> None:
    """A repeated report changes nothing: no quantity, no cost, no note."""
    lines = merge_lines((), parse_lines(reports, Channel.PHONE))
    again = merge_lines(lines, parse_lines([reports[-1]], Channel.PHONE))
    assert again == lines
    assert merged(reports, reports) == merged(reports)


@given(histories(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_any_order_is_the_right_order(reports: list[LineReport], random: object) -> None:
    """Reports that overtake each other lead to the same lines in the same order."""
    shuffled = list(reports)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert merged(*[[report] for report in shuffled]) == merged(reports)


def test_an_absent_quantity_is_unchanged() -> None:
    """A report speaks only of what it names; null is as good as absent."""
    first = parse('[{"service":"llm","quantities":{"input_tokens":9,"output_tokens":4}}]')
    second = parse('[{"service":"llm","quantities":{"input_tokens":10,"output_tokens":null}}]')
    (line,) = merge_lines(first, second)
    assert line.quantities == {"input_tokens": 10, "output_tokens": 4}
    assert line.notes == ()


def test_a_lower_total_keeps_the_higher_and_is_noted_once() -> None:
    """Totals cannot shrink; that one was reported lower stays on the line as a note."""
    lines = parse('[{"service":"tts","quantities":{"characters":9},"provider_cost":"0.02"}]')
    lower = parse('[{"service":"tts","quantities":{"characters":8},"provider_cost":"0.01"}]')
    for _ in range(3):
        lines = merge_lines(lines, lower)
    (line,) = lines
    assert line.quantities == {"characters": 9}
    assert line.provider_cost_nanos == 20_000_000
    assert line.notes == ("lower_total:characters", "lower_total:provider_cost")


def test_two_reports_of_one_line_in_one_request_are_one_line() -> None:
    """A request that names a line twice means the greater of its totals."""
    (line,) = parse(
        '[{"service":"llm","provider":"OpenAI","quantities":{"input_tokens":5}},'
        ' {"service":"llm","provider":"openai","quantities":{"input_tokens":7}}]'
    )
    assert (line.provider, line.quantities) == ("openai", {"input_tokens": 7})


def test_model_and_source_tell_lines_apart() -> None:
    """A second leg under its own source, or another model, is a line of its own."""
    lines = parse(
        '[{"service":"sip","quantities":{"seconds":5}},'
        ' {"service":"sip","source":"leg2","quantities":{"seconds":7}},'
        ' {"service":"sip","model":"inbound","quantities":{"seconds":9}}]'
    )
    assert len(merge_lines((), lines)) == 3


def test_a_grown_line_has_no_cost_until_it_is_rated_again() -> None:
    """An old cost never stands beside newer quantities."""
    (line,) = parse('[{"service":"sip","quantities":{"seconds":5}}]')
    rated = msgspec.structs.replace(line, cost_nanos=7)
    assert merge_lines([rated], [line]) == (rated,)
    (grown,) = merge_lines([rated], parse('[{"service":"sip","quantities":{"seconds":6}}]'))
    assert grown.cost_nanos is None


@pytest.mark.parametrize(
    ("quantities", "field"),
    [
        ('{"input_tokens":10,"cached_input_tokens":11}', "cached_input_tokens"),
        (
            '{"input_tokens":9,"cached_input_tokens":5,"cache_write_tokens":4,"audio_input_tokens":1}',
            "cached_input_tokens",
        ),
        ('{"audio_input_tokens":1}', "audio_input_tokens"),
        ('{"output_tokens":3,"audio_output_tokens":4}', "audio_output_tokens"),
    ],
)
def test_parts_of_a_total_cannot_exceed_it(quantities: str, field: str) -> None:
    """Cached, cache-write and audio tokens lie within the input, audio output within the output."""
    lines = parse('[{"service":"llm","quantities":' + quantities + "}]")
    with pytest.raises(InvalidQuantity) as refusal:
        merge_lines((), lines)
    assert refusal.value.field == f"lines[0].quantities.{field}"


def test_parts_are_checked_after_merging() -> None:
    """A part may be reported without its total once the total is known."""
    first = parse('[{"service":"llm","quantities":{"input_tokens":10}}]')
    lines = merge_lines(first, parse('[{"service":"llm","quantities":{"cached_input_tokens":10}}]'))
    assert lines[0].quantities == {"input_tokens": 10, "cached_input_tokens": 10}


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        ("4.54", 4540),
        ('"4.54"', 4540),
        ("0.0005", 0),
        ("0.0015", 2),
        ("0.00050000000000000000000000000000000000001", 1),
        ("1e1", 10_000),
        ("1e-999", 0),
        ('"\\u0034.5"', 4500),
        ("61.25", 61_250),
        ('"061.25"', 61_250),
        ("-0", 0),
        ("2678400", 2_678_400_000),
    ],
)
def test_seconds_are_kept_to_the_millisecond(value: str, ms: int) -> None:
    """Seconds are read exactly and rounded half-even to the millisecond."""
    (line,) = parse('[{"service":"stt","quantities":{"audio_seconds":' + value + "}}]")
    assert line.quantities == {"audio_seconds": ms}


@pytest.mark.parametrize("value", ["12", '"12"', "12.0", "1.2e1"])
def test_counts_are_whole_however_they_are_written(value: str) -> None:
    """A whole number is a count in whichever notation it comes."""
    (line,) = parse('[{"service":"tts","quantities":{"characters":' + value + "}}]")
    assert line.quantities == {"characters": 12}


@pytest.mark.parametrize(
    ("service", "quantity", "value"),
    [
        ("tts", "characters", "-1"),
        ("tts", "characters", "1.5"),
        ("tts", "characters", '"NaN"'),
        ("tts", "characters", '"Infinity"'),
        ("tts", "characters", "1000000000001"),
        ("tts", "characters", "1e999999999"),
        ("tts", "characters", "1e-9999"),
        ("tts", "characters", "1" * 5000),
        ("tts", "characters", "0." + "0" * 5000),
        ("tts", "characters", '"1_0"'),
        ("tts", "characters", '" 10"'),
        ("tts", "characters", '"10\\n"'),
        ("tts", "characters", '"+10"'),
        ("tts", "characters", '"-10"'),
        ("tts", "characters", '"1e1"'),
        ("tts", "characters", '""'),
        ("tts", "characters", '"\u0661"'),
        ("tts", "characters", '"\\u0661"'),
        ("tts", "characters", "true"),
        ("tts", "characters", "[1]"),
        ("tts", "characters", '{"1": 1}'),
        ("tts", "characters", '"many"'),
        ("stt", "audio_seconds", '" 1_0.5 "'),
        ("stt", "audio_seconds", '"\u0661.5"'),
        ("stt", "audio_seconds", '".5"'),
        ("stt", "audio_seconds", '"5."'),
        ("sip", "seconds", "2678400.001"),
        ("sip", "seconds", "-0.001"),
        ("llm", "reasoning_tokens", "1"),
        ("stt", "characters", "1"),
    ],
)
def test_a_bad_quantity_is_named(service: str, quantity: str, value: str) -> None:
    """A quantity that is unknown, negative, no number or absurd is refused by its path."""
    json = '[{"service":"llm"},{"service":"%s","quantities":{"%s":%s}}]'
    with pytest.raises(InvalidQuantity) as refusal:
        parse(json % (service, quantity, value))
    assert refusal.value.field == f"lines[1].quantities.{quantity}"


@pytest.mark.parametrize(
    ("member", "value", "error"),
    [
        ("service", "LLM", InvalidInput),
        ("service", "video", InvalidInput),
        ("provider_cost", "-0.01", InvalidAmount),
        ("provider_cost", "0.0000000001", InvalidAmount),
        ("provider_cost", "NaN", InvalidAmount),
        ("provider", "a\0b", InvalidInput),
        ("provider", " openai", InvalidInput),
        ("provider", "x" * 101, InvalidInput),
        ("model", "x" * 129, InvalidInput),
        ("source", "x" * 65, InvalidInput),
    ],
)
def test_a_bad_member_of_a_report_is_named(
    member: str, value: str, error: type[TalktimeError]
) -> None:
    """Whatever else is wrong with a report is refused by the path of the member."""
    good = LineReport(service="llm")
    with pytest.raises(TalktimeError) as refusal:
        parse_lines([good, msgspec.structs.replace(good, **{member: value})], Channel.WEB)
    assert type(refusal.value) is error
    assert refusal.value.field == f"lines[1].{member}"


@pytest.mark.parametrize("value", [0.1, True, [], "1_0", " 1", "x" * 50])
def test_a_quantity_that_is_no_exact_number_is_refused(value: object) -> None:
    """A float, a boolean or loose text never becomes a quantity."""
    report = LineReport(service="stt", quantities={"audio_seconds": value})  # type: ignore[dict-item]
    with pytest.raises(InvalidQuantity) as refusal:
        parse_lines([report], Channel.WEB)
    assert refusal.value.field == "lines[0].quantities.audio_seconds"


@pytest.mark.parametrize(
    "json",
    [
        '[{"service":"llm","quantity":{"input_tokens":1}}]',
        '[{"service":"llm","quantities":[1]}]',
        '[{"service":"llm","quantities":{"input_tokens":NaN}}]',
        '[{"service":"llm","provider_cost":0.005}]',
        '[{"provider":"openai"}]',
    ],
)
def test_malformed_reports_do_not_decode(json: str) -> None:
    """Misspelt members and values of the wrong kind are refused before anything is read."""
    with pytest.raises(msgspec.DecodeError):
        decode(json)


@given(st.decimals(0, SECONDS_MAX, allow_nan=False, places=6), st.booleans())
@settings(max_examples=200, deadline=None)
def test_json_numbers_keep_every_digit(seconds: Decimal, quoted: bool) -> None:
    """A number in JSON never passes through a float, and is the same with quotes around it."""
    written = f'"{seconds:f}"' if quoted else f"{seconds:f}"
    (line,) = parse('[{"service":"stt","quantities":{"audio_seconds":' + written + "}}]")
    exact = (seconds * 1000).to_integral_value(ROUND_HALF_EVEN)
    assert line.quantities == {"audio_seconds": int(exact)}


@given(st.text("0123456789.eE+-_ \u0661\u00b2", max_size=8))
@settings(max_examples=500, deadline=None)
def test_text_is_a_quantity_only_if_it_is_plain_digits(text: str) -> None:
    """Any other way to write a number in a string is refused as a quantity, by its path."""
    json = '[{"service":"stt","quantities":{"audio_seconds":"' + text + '"}}]'
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) and Decimal(text) <= SECONDS_MAX:
        assert len(parse(json)) == 1
    else:
        with pytest.raises(InvalidQuantity) as refusal:
            parse(json)
        assert refusal.value.field == "lines[0].quantities.audio_seconds"


def test_text_that_is_not_unicode_is_no_quantity() -> None:
    """Bytes that no text has are refused as any other quantity that is none."""
    reports = decode(b'[{"service":"tts","quantities":{"characters":"\xff"}}]')
    with pytest.raises(InvalidQuantity):
        parse_lines(reports, Channel.PHONE)


@pytest.mark.parametrize(
    ("channel", "service", "allowed"),
    [
        (channel, service, service in services)
        for channel, services in {
            Channel.PHONE: {"llm", "stt", "tts", "sip"},
            Channel.WEB: {"llm", "stt", "tts"},
            Channel.WHATSAPP: {"llm", "stt", "tts"},
            Channel.CHAT: {"llm"},
        }.items()
        for service in SERVICES
    ],
)
def test_a_channel_has_only_its_own_lines(channel: Channel, service: str, allowed: bool) -> None:
    """Phone has all four lines, web and WhatsApp no SIP, chat the LLM only."""
    reports = [LineReport(service=service)]
    if allowed:
        assert len(parse_lines(reports, channel)) == 1
    else:
        with pytest.raises(LineNotAllowed) as refusal:
            parse_lines(reports, channel)
        assert refusal.value.field == "lines[0].service"


def test_a_call_has_a_limited_number_of_lines() -> None:
    """Neither one request nor all of them together can pile up lines."""
    reports = [LineReport(service="llm", source=str(i)) for i in range(LINES_MAX + 1)]
    with pytest.raises(TooMany):
        parse_lines(reports, Channel.CHAT)
    lines = merge_lines((), parse_lines(reports[:-1], Channel.CHAT))
    with pytest.raises(TooMany):
        merge_lines(lines, parse_lines(reports[-1:], Channel.CHAT))


@pytest.mark.parametrize(
    ("quantity", "amount", "wire"),
    [("seconds", 12_730, "12.73"), ("audio_seconds", 5_000, "5"), ("characters", 74, "74")],
)
def test_quantities_are_shown_as_they_were_reported(quantity: str, amount: int, wire: str) -> None:
    """Base units go out in the unit they came in."""
    assert format_quantity(quantity, amount) == wire
