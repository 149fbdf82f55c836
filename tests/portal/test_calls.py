"""The Calls page: found by filters, sorted, exported; receipts explained and checked."""

import csv
import html
import io
import json
import re
from datetime import datetime
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import httpx
import pytest

from talktime.core.account import NumberMask
from talktime.core.call import Outcome
from talktime.core.ratecard import Channel
from talktime.core.receipt import check_receipt, is_right, read_receipt
from talktime.core.usage import LineReport
from talktime.ops import call_history
from talktime.ops.accounts import AccountChange, change_account
from talktime.ops.platform import Platform
from talktime.portal.calls import pages as call_pages
from tests.acting import MINUTE_BY_PHONE, Bots

UNPRICED = LineReport(service="tts", provider="nobody", quantities={"characters": 100})


def llm(cost: str) -> LineReport:
    return LineReport(service="llm", provider="acme", provider_cost=cost)


def tokens(count: int) -> LineReport:
    return LineReport(
        service="llm", provider="openai", model="gpt-4o-mini", quantities={"input_tokens": count}
    )


def titles(page: str) -> list[str]:
    """What the rows are called, in order."""
    return re.findall(r'class="open"[^>]*>([^<]*)<', page)


async def a_few(bots: Bots) -> None:
    await bots.call("one", llm("0.010"), channel=Channel.WEB, agent_id="day", seconds=300)
    await bots.call("two", llm("0.030"), channel=Channel.CHAT, agent_id="night", seconds=20)
    await bots.call("three", llm("0.020"), channel=Channel.WEB, outcome=Outcome.VOICEMAIL)
    await bots.call("four", outcome=Outcome.BUSY, seconds=0)
    await bots.call("five", UNPRICED, channel=Channel.WEB, seconds=60)
    await bots.start("six", agent_id="day")


async def set_mask(platform: Platform, account_id: str, mask: NumberMask) -> None:
    async with platform.connection() as connection:
        await change_account(
            connection, account_id, AccountChange(number_mask=mask), now=platform.clock()
        )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("channel=web", {"one", "three", "five"}),
        ("outcome=voicemail", {"three"}),
        ("agent=day", {"one", "six"}),
        ("agent=nobody", set()),
        ("show=pending", {"five"}),
        ("show=charged&channel=web", {"one", "three"}),
        ("min=0.026&max=0.0260", {"three"}),
        ("min=%240.02&show=charged", {"two", "three"}),
        ("max=0", {"four", "six"}),
        ("q=t", {"two", "three"}),
        ("q=T", set()),
        ("from=2020-01-01", {"one", "two", "three", "four", "five", "six"}),
        ("to=2020-01-01", set()),
        ("channel=odd&outcome=odd&sort=odd", {"one", "two", "three", "four", "five", "six"}),
    ],
)
async def test_filters(
    customer: httpx.AsyncClient, bots: Bots, query: str, expected: set[str]
) -> None:
    """Each filter shows the calls that it names and no others; they go together."""
    await a_few(bots)
    answer = await customer.get(f"/calls?{query}")
    assert answer.status_code == 200
    ids = {href.split("/")[-1] for href in re.findall(r'class="open" href="([^"]*)"', answer.text)}
    assert ids == expected


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("dearest", ["two", "three", "one"]),
        ("cheapest", ["one", "three", "two"]),
        ("longest", ["one", "three", "two"]),
        ("shortest", ["two", "three", "one"]),
    ],
)
async def test_sorting(
    customer: httpx.AsyncClient,
    bots: Bots,
    sort: str,
    expected: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sorted lists go on page by page, keep their filters, and say how far back they look."""
    monkeypatch.setattr(call_pages, "PAGE_ROWS", 1)
    await a_few(bots)
    at: str | None = f"/calls?show=charged&sort={sort}"
    seen = []
    while at is not None:
        page = (await customer.get(at)).text
        assert "the calls of the last 30 days" in page
        seen += re.findall(r'class="open" href="/calls/([^"]*)"', page)
        found = re.search(r'<a id="older" href="([^"]*)">Next page</a>', page)
        at = None if found is None else html.unescape(found[1])
        if at is not None:
            assert parse_qs(urlsplit(at).query)["show"] == ["charged"]
    assert seen == expected


async def test_chips_take_one_filter_away(customer: httpx.AsyncClient, bots: Bots) -> None:
    """Every filter that is set stands as a link that shows the list without it."""
    await a_few(bots)
    page = (await customer.get("/calls?channel=web&min=0.02&q=three&sort=longest")).text
    chips = re.findall(r'<li><a href="([^"]*)"><span class="unseen">Remove </span>([^<]*)<', page)
    assert [text for _, text in chips] == ["“three”", "Web", "At least $0.02", "Longest first"]
    without = html.unescape(chips[1][0])
    assert parse_qs(urlsplit(without).query) == {
        "q": ["three"],
        "min": ["0.02"],
        "sort": ["longest"],
    }
    assert 'value="three"' in page


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("min=x", "This is no amount in dollars"),
        ("max=1e3", "This is no amount in dollars"),
        ("min=-1", "A call costs nothing or more"),
        ("min=2&max=1", "This is less than the lowest cost"),
        ("from=yesterday", "This is no day"),
        ("from=2026-02-30", "This is no day"),
        ("from=2026-11-02&to=2026-11-01", "The last day lies before the first"),
    ],
)
async def test_what_no_filter_can_be(
    customer: httpx.AsyncClient, bots: Bots, query: str, words: str
) -> None:
    """A figure or day that is none is told at its field, and no list passes for the answer."""
    await a_few(bots)
    answer = await customer.get(f"/calls?{query}")
    assert answer.status_code == 400
    assert words in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert titles(answer.text) == []
    assert "Correct what is marked above" in answer.text


@pytest.mark.parametrize("query", ["from=0001-01-01", "to=9999-12-31", "agent=" + "a" * 999])
async def test_odd_filters(customer: httpx.AsyncClient, query: str) -> None:
    """The ends of the calendar and texts that nobody can mean are no failure."""
    assert (await customer.get(f"/calls?{query}")).status_code == 200


async def test_too_many_to_sort(
    customer: httpx.AsyncClient, bots: Bots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More calls than can be sorted are refused in words that say what to do."""
    monkeypatch.setattr(call_history, "SORTED_MAX", 2)
    await a_few(bots)
    answer = await customer.get("/calls?sort=dearest")
    assert answer.status_code == 400
    assert "choose fewer days" in answer.text
    assert titles((await customer.get("/calls?sort=dearest&show=free")).text) == ["four"]


async def test_a_place_of_another_order(customer: httpx.AsyncClient) -> None:
    """A page's address with another sorting is refused as none that we gave out."""
    assert (await customer.get("/calls?before=1.CA1&sort=dearest")).status_code == 400
    assert (await customer.get("/calls?before=1~5.CA1")).status_code == 400


async def test_days_are_the_accounts(
    customer: httpx.AsyncClient, bots: Bots, platform: Platform
) -> None:
    """Days begin and end by the account's clock, and both are included."""
    async with platform.connection() as connection:
        account = await change_account(
            connection,
            bots.account_id,
            AccountChange(time_zone="Pacific/Kiritimati"),
            now=platform.clock(),
        )
    await bots.start("now")
    page = (await customer.get("/calls")).text
    day = re.search(r'<td role="cell" class="when"><time datetime="([^"]*)"', page)
    assert day is not None
    assert account.time_zone in page
    today = datetime.fromisoformat(day[1]).astimezone(ZoneInfo("Pacific/Kiritimati")).date()
    for query, count in (
        (f"from={today}&to={today}", 1),
        (f"from={today.replace(year=today.year + 1)}", 0),
        (f"to={today.replace(year=today.year - 1)}", 0),
    ):
        assert len(titles((await customer.get(f"/calls?{query}")).text)) == count


@pytest.mark.parametrize(
    ("mask", "shown"),
    [
        (NumberMask.FULL, "+12025550123"),
        (NumberMask.LAST4, "•••• 0123"),
        (NumberMask.HIDDEN, "Number hidden"),
    ],
)
async def test_numbers_as_the_account_wants_them(
    customer: httpx.AsyncClient, bots: Bots, platform: Platform, mask: NumberMask, shown: str
) -> None:
    """Pages, receipts, documents and files show a number as masked, and nowhere more of it."""
    await bots.call("CA1", *MINUTE_BY_PHONE, direction="inbound", from_number="+12025550123")
    await set_mask(platform, bots.account_id, mask)
    assert titles((await customer.get("/calls")).text) == [shown]
    for path in (
        "/calls",
        "/calls/CA1",
        "/calls/CA1/receipt",
        "/calls/CA1/check",
        "/calls/CA1/receipt.json",
        "/calls.csv",
        "/calls.focus.csv",
        "/billing",
    ):
        answer = await customer.get(path)
        assert answer.status_code == 200, path
        if mask is not NumberMask.FULL:
            assert "2025550123" not in answer.text, path
    whole = "/calls?q=%2B1+(202)+555-0123"
    part = "/calls?q=0123"
    assert len(titles((await customer.get(whole)).text)) == 1
    assert len(titles((await customer.get(part)).text)) == (mask is NumberMask.FULL)


async def test_files_of_what_is_shown(customer: httpx.AsyncClient, bots: Bots) -> None:
    """The page's files have the calls that its filters show, and no others."""
    await a_few(bots)
    page = (await customer.get("/calls?channel=web&show=charged")).text
    links = [html.unescape(one) for one in re.findall(r'href="(/calls\.[^"]*)"', page)]
    assert [urlsplit(link).path for link in links] == ["/calls.csv", "/calls.focus.csv"]
    plain, focus = [await customer.get(link) for link in links]
    rows = list(csv.DictReader(io.StringIO(plain.text)))
    assert [row["call_id"] for row in rows] == ["three", "one"]
    assert {row["ResourceId"] for row in csv.DictReader(io.StringIO(focus.text))} == {
        "one",
        "three",
    }
    assert "attachment" in plain.headers["content-disposition"]
    assert (await customer.get("/calls.csv?min=x")).status_code == 400


async def test_why_it_was_dear(customer: httpx.AsyncClient, bots: Bots) -> None:
    """A receipt far above the median says how far, and which factor drove it, with figures."""
    for number in range(5):
        await bots.call(f"usual-{number}", tokens(120_000), channel=Channel.WEB, agent_id="day")
    await bots.call("dear", tokens(950_500), channel=Channel.WEB, agent_id="day")
    page = html.unescape((await customer.get("/calls/dear")).text)
    assert "the median of this agent\u2019s 5 charged calls before it" in page
    assert "950,500 input tokens per minute against 120,000 usually" in page
    assert "7.9\u00d7 the median" in page
    assert "the median" not in (await customer.get("/calls/usual-4")).text
    await bots.call("other", tokens(950_500), channel=Channel.WEB, agent_id="new")
    assert (
        "median of your 6 charged calls on this channel"
        in (await customer.get("/calls/other/receipt")).text
    )


async def test_why_it_was_free(customer: httpx.AsyncClient, bots: Bots) -> None:
    """A free call's receipt names the rule."""
    await bots.call("CA1", *MINUTE_BY_PHONE, outcome=Outcome.NO_ANSWER)
    page = (await customer.get("/calls/CA1")).text
    assert "Free: nobody answered." in page
    assert "A call that nobody answers is never charged." in page


async def test_when_it_was_answered(customer: httpx.AsyncClient, bots: Bots) -> None:
    """Where end and length were told, the receipt says when the talking began."""
    await bots.start("CA1")
    await bots.end("CA1", *MINUTE_BY_PHONE, seconds=60, at=bots.platform.clock())
    assert "<dt>Answered</dt>" in (await customer.get("/calls/CA1")).text
    await bots.call("CA2", *MINUTE_BY_PHONE, outcome=Outcome.BUSY)
    assert "<dt>Answered</dt>" not in (await customer.get("/calls/CA2")).text


async def test_the_document(customer: httpx.AsyncClient, bots: Bots) -> None:
    """The receipt comes as a document whose figures anybody can recompute."""
    await bots.call("CA1", tokens(9_505))
    answer = await customer.get("/calls/CA1/receipt.json")
    assert answer.headers["content-type"].startswith("application/json")
    assert 'filename="receipt-CA1.json"' in answer.headers["content-disposition"]
    receipt = read_receipt(answer.content)
    assert is_right(check_receipt(receipt))
    assert json.loads(answer.content)["lines"][0]["quantities"] == {"input_tokens": "9505"}


async def test_the_check_without_scripts(customer: httpx.AsyncClient, bots: Bots) -> None:
    """The check is a page too: each step with its working, and the verdict."""
    await bots.call("CA1", *MINUTE_BY_PHONE)
    page = (await customer.get("/calls/CA1/check")).text
    assert "Every figure is right." in page
    assert page.count('<li class="right">') == 8
    assert "0.005 + 0.006 + 0.022 + 0.007" in page
    assert "0.04 \u00d7 0.3" in page


@pytest.mark.parametrize("path", ["receipt.json", "check", "receipt"])
async def test_of_others_and_of_nobody(
    customer: httpx.AsyncClient, bots: Bots, path: str, platform: Platform
) -> None:
    """A call of another account, or of none, is nowhere to be found."""
    for call_id in ("nothing", "a%00b"):
        assert (await customer.get(f"/calls/{call_id}/{path}")).status_code == 404


@pytest.mark.parametrize(
    ("show", "words"),
    [
        ("", "No calls yet."),
        ("?show=running", "No call is running."),
        ("?show=charged", "No call was charged yet."),
        ("?show=free", "No call was free yet."),
        ("?show=pending", "Every call has its price."),
        ("?q=CA9", "No call matches."),
    ],
)
async def test_empty_lists_teach(customer: httpx.AsyncClient, show: str, words: str) -> None:
    """Every empty list says why it is, and what to do."""
    page = (await customer.get(f"/calls{show}")).text
    assert words in page
