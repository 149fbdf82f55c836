"""What a process remembers of running calls never decides anything that the database would not."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from litestar import Litestar

from talktime.core.call import EndFacts, Outcome
from talktime.core.ratecard import Channel
from talktime.core.usage import LineReport
from talktime.ops.call_end import EndRequest, end_calls
from talktime.ops.call_usage import UsageReport, report_usage
from talktime.ops.known_calls import KnownCalls
from talktime.ops.platform import Platform
from tests.api.caller import WORKED_EXAMPLE, Caller, refused, told

MakeAccount = Callable[..., Awaitable[str]]


async def elsewhere_report(platform: Platform, account_id: str, call_id: str, **used: int) -> None:
    """A report that another process takes."""
    line = LineReport(service="llm", provider="openai", model="gpt-4o-mini", quantities={**used})
    report = UsageReport(account_id=account_id, call_id=call_id, lines=[line])
    async with platform.connection() as connection:
        (answer,) = await report_usage(
            connection, [report], book=platform.prices.book, now=platform.clock()
        )
    assert not isinstance(answer, Exception)


async def elsewhere_end(platform: Platform, account_id: str, call_id: str) -> None:
    """An end that another process takes."""
    end = EndRequest(
        account_id=account_id, call_id=call_id, facts=EndFacts(outcome=Outcome.COMPLETED)
    )
    async with platform.connection() as connection:
        (answer,) = await end_calls(
            connection, [end], book=platform.prices.book, terms=platform.terms, now=platform.clock()
        )
    assert not isinstance(answer, Exception)


async def test_a_call_moved_elsewhere(
    api: Caller, make_account: MakeAccount, platform: Platform
) -> None:
    """What another process reported counts, though this one has not read it."""
    account_id = await make_account(paid="1")
    told(await api.start(account_id, "k", channel="phone"), 201)
    await elsewhere_report(platform, account_id, "k", input_tokens=1000)
    ended = told(await api.end(account_id, "k", lines=WORKED_EXAMPLE[3:]))
    services = [(line["service"], line["quantities"]) for line in ended["lines"]]
    assert services == [("llm", {"input_tokens": 1000}), ("sip", {})]


async def test_a_refusal_is_not_made_from_memory(
    api: Caller, make_account: MakeAccount, platform: Platform
) -> None:
    """A report that contradicts only what is remembered is taken, for the database knows more."""
    account_id = await make_account(paid="1")
    told(await api.start(account_id, "k"), 201)
    line = {"service": "llm", "provider": "openai", "model": "gpt-4o-mini"}
    told(await api.usage(account_id, "k", lines=[{**line, "quantities": {"input_tokens": 10}}]))
    await elsewhere_report(platform, account_id, "k", input_tokens=1000)
    cached = [{**line, "quantities": {"cached_input_tokens": 500}}]
    told(await api.usage(account_id, "k", lines=cached))
    too_much = [{**line, "quantities": {"cached_input_tokens": 1001}}]
    field = "lines[0].quantities.cached_input_tokens"
    refused(await api.usage(account_id, "k", lines=too_much), 400, "invalid_quantity", field)
    refused(await api.end(account_id, "k", lines=too_much), 400, "invalid_quantity", field)
    quantities = told(await api.end(account_id, "k"))["lines"][0]["quantities"]
    assert quantities == {"input_tokens": 1000, "cached_input_tokens": 500}


async def test_a_call_ended_elsewhere(
    api: Caller, make_account: MakeAccount, platform: Platform
) -> None:
    """A call that another process settled is not settled again."""
    account_id = await make_account(paid="1")
    told(await api.start(account_id, "k"), 201)
    await elsewhere_end(platform, account_id, "k")
    again = told(await api.end(account_id, "k", lines=WORKED_EXAMPLE[:3]))
    assert (again["charge"], again["outcome"]) == ("0", "completed")
    refused(await api.end(account_id, "k", outcome="failed"), 409, "call_already_ended", "outcome")
    assert told(await api.usage(account_id, "k"))["late"] is True
    assert (await api.account(account_id))["available"] == "1"


async def test_memory_is_bounded(
    app: Litestar, api: Caller, make_account: MakeAccount, platform: Platform
) -> None:
    """Only running calls are remembered, and only so many; the oldest go first."""
    account_id = await make_account(paid="10")
    known = KnownCalls(most=2)
    for call_id in "abc":
        told(await api.start(account_id, call_id, channel=Channel.WEB), 201)
        body = await api.call(account_id, call_id)
        assert body["status"] == "live"
    async with platform.connection() as connection:
        for call_id in "abc":
            report = UsageReport(account_id=account_id, call_id=call_id)
            await report_usage(
                connection,
                [report],
                book=platform.prices.book,
                now=platform.clock() + timedelta(seconds=1),
                known=known,
            )
    assert known.get((account_id, "a")) is None
    assert known.get((account_id, "c")) is not None
    assert known.forget((account_id, "c"))
    assert not known.forget((account_id, "c"))
