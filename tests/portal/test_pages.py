"""Billing, Calls and receipts as they come over HTTP."""

import html
import re

import httpx
import pytest

from talktime.core.call import Outcome
from talktime.core.ratecard import Channel
from talktime.ops.platform import Platform
from talktime.portal.billing import pages as billing_pages
from talktime.portal.calls import pages as call_pages
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.conftest import AccountFactory
from tests.portal.conftest import new_link


async def test_billing_tells_the_balance(customer: httpx.AsyncClient, bots: Bots) -> None:
    """Billing shows available, promo, paid, this month and each transaction with its balance."""
    await bots.call("CA1", *MINUTE_BY_PHONE, to_number="+49 30 1234", direction="outbound")
    page = (await customer.get("/billing")).text
    assert "$5.44" in page
    for text in ("$0.448", "$5.00", "\N{MINUS SIGN}$0.052", "+$5.50", "+49 30 1234", "1:00"):
        assert text in page
    assert 'href="/calls/CA1"' in page


async def test_hold_does_not_look_spent(customer: httpx.AsyncClient, bots: Bots) -> None:
    """A running call leaves the available balance alone; what is set aside is told beside it."""
    await bots.start("CA1")
    page = (await customer.get("/billing")).text
    assert "$5.50" in page
    assert "$0.10 set aside for 1 running call" in page


async def test_below_the_floor(
    visitor: httpx.AsyncClient, platform: Platform, make_account: AccountFactory
) -> None:
    """Below the floor the page says in words what is refused, what goes on, and what to do."""
    account_id = await make_account(paid="0.09")
    bots = Bots(platform, account_id)
    with pytest.raises(Exception, match="can be started with"):
        await bots.start("CA1")
    await visitor.get(await new_link(platform, account_id))
    page = (await visitor.get("/billing")).text
    assert "Your balance is below $0.10" in page
    assert "New calls are refused; running calls finish." in page
    assert '<a href="/billing/redeem" data-dialog="Redeem coupon">redeem a coupon</a>' in page
    assert "No new call can start</p>" in page
    assert "Each needs at least $0.10." in page
    assert "1 new call was refused in the last 24 hours" in page


async def test_empty_pages_teach(
    visitor: httpx.AsyncClient, platform: Platform, make_account: AccountFactory
) -> None:
    """A new customer's pages say what will appear and how to begin."""
    await visitor.get(await new_link(platform, await make_account()))
    assert "No transactions yet." in (await visitor.get("/billing")).text
    assert "Make a call with one of your agents" in (await visitor.get("/calls")).text


async def test_calls_show_outcome_and_cost(customer: httpx.AsyncClient, bots: Bots) -> None:
    """The list shows charged, free and running calls, each with its cost or why there is none."""
    await bots.call("charged", *MINUTE_BY_PHONE)
    await bots.call("busy", *MINUTE_BY_PHONE, outcome=Outcome.BUSY)
    await bots.start("running", channel=Channel.WEB)
    page = (await customer.get("/calls")).text
    for text in ("$0.052", "Completed", "Busy", "The line was busy", "Running", "so far"):
        assert text in page


async def test_filters(customer: httpx.AsyncClient, bots: Bots) -> None:
    """Each filter shows its calls and no others; one that is not known shows all."""
    await bots.call("one-charged", *MINUTE_BY_PHONE)
    await bots.call("one-busy", outcome=Outcome.BUSY)
    await bots.start("one-running")
    shown = {}
    for name in ("all", "running", "charged", "free", "odd"):
        page = (await customer.get("/calls", params={"show": name})).text
        shown[name] = {one for one in ("charged", "busy", "running") if f">one-{one}<" in page}
    assert shown == {
        "all": {"charged", "busy", "running"},
        "running": {"running"},
        "charged": {"charged"},
        "free": {"busy"},
        "odd": {"charged", "busy", "running"},
    }


async def test_receipt_proves_the_charge(customer: httpx.AsyncClient, bots: Bots) -> None:
    """The receipt has every line, the provider cost, the margin, the charge and who bore it."""
    await bots.call("CA1", *MINUTE_BY_PHONE)
    for path in ("/calls/CA1", "/calls/CA1/receipt"):
        page = (await customer.get(path)).text
        for text in ("$0.005", "$0.006", "$0.022", "$0.007", "$0.04", "$0.012", "$0.052"):
            assert text in page
        for text in ("Language model", "Speech to text", "Text to speech", "Telephony"):
            assert text in page
        assert "Margin, 30\xa0% of it" in page


async def test_receipt_of_an_unknown_call(customer: httpx.AsyncClient) -> None:
    """A call that does not exist is a page in words that leads back, once."""
    answer = await customer.get("/calls/nothing")
    assert answer.status_code == 404
    assert answer.text.count('href="/calls"') == 1
    assert answer.text.count("Billing") == 1


async def test_odd_call_ids(customer: httpx.AsyncClient, bots: Bots) -> None:
    """An id with any printable character has a working link, and is never markup."""
    call_id = 'a b?"<b>&é%2F'
    await bots.call(call_id, *MINUTE_BY_PHONE)
    page = (await customer.get("/calls")).text
    assert "<b>" not in page
    href = page.split('class="open" href="')[1].split('"')[0]
    answer = await customer.get(href)
    assert answer.status_code == 200
    assert "&lt;b&gt;" in answer.text


@pytest.mark.parametrize("path", ["/billing", "/calls"])
async def test_older_pages_reach_everything_once(
    customer: httpx.AsyncClient, bots: Bots, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Following Older shows every row exactly once, newest first."""
    monkeypatch.setattr(billing_pages, "PAGE_ROWS", 3)
    monkeypatch.setattr(call_pages, "PAGE_ROWS", 3)
    for number in range(7):
        await bots.call(f"call-{number}", *MINUTE_BY_PHONE)
    seen: list[str] = []
    at: str | None = path
    while at is not None:
        page = (await customer.get(at)).text
        seen += [part.split("<")[0] for part in page.split(">call-")[1:]]
        older = re.search(r'<a id="older" href="([^"]*)"( hidden)?>', page)
        assert older is not None
        at = None if older[2] else html.unescape(older[1])
    assert seen == [str(number) for number in reversed(range(7))]


@pytest.mark.parametrize("path", ["/billing", "/calls"])
@pytest.mark.parametrize("before", ["x", "-1", "1", "9" * 30, "1.\x00", "é"])
async def test_bad_places(customer: httpx.AsyncClient, path: str, before: str) -> None:
    """A place in a list that we never gave out is refused in words or shows an empty page."""
    answer = await customer.get(path, params={"before": before})
    assert answer.status_code in {200, 400}
    assert "Talktime" in answer.text


async def test_month_and_times_are_in_the_accounts_zone(customer: httpx.AsyncClient) -> None:
    """The page names the zone that its times are in."""
    assert "Times in UTC." in (await customer.get("/billing")).text
