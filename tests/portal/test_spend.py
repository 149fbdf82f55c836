"""The Spend page and the estimator, as a customer's browser gets them."""

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape

import httpx
import msgspec
import pytest

from talktime.core.call import Outcome
from talktime.core.ratecard import Channel
from talktime.core.usage import LineReport
from talktime.ops import spend
from talktime.ops.platform import Platform
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.conftest import AccountFactory

AMOUNT = re.compile(r'<span class="figure">\$([0-9,.]+)')


def section(html: str, title: str) -> str:
    """The part of the page below a heading."""
    begins = html.index(f'id="{title}-title"')
    return html[begins : html.index("</section>", begins)]


def table(html: str, title: str) -> tuple[list[Decimal], Decimal]:
    """The amounts of the rows of a table, and the one at its foot."""
    body, _, foot = section(html, title).partition("<tfoot")
    read = [Decimal(text.replace(",", "")) for text in AMOUNT.findall(body)]
    return read, Decimal(AMOUNT.findall(foot)[-1].replace(",", ""))


async def fill(bots: Bots) -> None:
    """Calls on several channels and agents, with costs below a millionth of a dollar."""
    for number, cost in enumerate(("0.000000333", "0.0000005", "0.012345678", "0.1")):
        line = LineReport(service="llm", provider="acme", model=f"m{number}", provider_cost=cost)
        await bots.call(f"chat-{number}", line, channel=Channel.CHAT, agent_id=f"agent-{number}")
    await bots.call("phone", *MINUTE_BY_PHONE, agent_id="agent-0", seconds=30)
    await bots.call("web", *MINUTE_BY_PHONE[:3], channel=Channel.WEB, seconds=90)
    await bots.call("busy", outcome=Outcome.BUSY)


async def test_every_table_adds_up_to_the_total_as_shown(
    customer: httpx.AsyncClient, bots: Bots
) -> None:
    """The rounded rows of each table come to its foot, and the feet to the sum at the top."""
    await fill(bots)
    html = (await customer.get("/spend")).text
    top = Decimal(
        re.sub(r"<[^>]*>|[$,]", "", html.split('class="big figure">')[1].split("</p>")[0])
    )
    for title in ("services", "channels", "agents"):
        rows, foot = table(html, title)
        assert sum(rows) == foot == top, title
        percents = re.findall(r">(&lt;1|[0-9]+)\u00a0%<", section(html, title))
        assert sum(int(one) for one in percents if one != "&lt;1") == 100
    models, cost = table(html, "models")
    margin = top - cost
    assert sum(models) == cost
    assert abs(margin - table(html, "services")[0][-1]) <= Decimal("0.000001")


async def test_rows_lead_to_their_calls(customer: httpx.AsyncClient, bots: Bots) -> None:
    """A channel, an agent, a day and the free calls each link to the list of just these calls."""
    await fill(bots)
    html = (await customer.get("/spend?period=7-days")).text
    for title, wanted, found in (
        ("channels", "channel=web", 1),
        ("agents", "agent=agent-0", 2),
        ("free", "show=free", 1),
    ):
        hrefs = re.findall(r'href="([^"]*/calls\?[^"]*)"', section(html, title))
        [href] = [href for href in hrefs if wanted in href]
        listed = await customer.get(unescape(href))
        assert listed.status_code == 200
        assert listed.text.count('<tbody role="rowgroup" class="call') == found, href


async def test_the_dearest_calls_say_why(customer: httpx.AsyncClient, bots: Bots) -> None:
    """The dearest call stands first, with its ratio to the median and what made it so dear."""
    for number in range(4):
        await bots.call(f"usual-{number}", *MINUTE_BY_PHONE)
    dear = LineReport(service="llm", provider="acme", model="mind", provider_cost="0.4")
    await bots.call("dear one", dear, seconds=120)
    html = (await customer.get("/spend")).text
    dearest = section(html, "dearest")
    assert dearest.index("/calls/dear%20one") < dearest.index("/calls/usual-0")
    assert "10\u00d7" in dearest
    assert "2\u00d7 as long, 5\u00d7 as dear per minute, language model is 100\u00a0%" in dearest


async def test_nothing_spent_teaches(customer: httpx.AsyncClient) -> None:
    """A period without a call says so, and what to do next."""
    answer = await customer.get("/spend?period=last-month")
    assert answer.status_code == 200
    assert "No call was charged in" in answer.text
    assert "/spend/estimate" in answer.text
    assert "data-chart" not in answer.text


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("from=2026-11-20&to=2026-11-10", "The last day lies before the first"),
        ("from=2020-01-01&to=2026-11-10", "more than 366 days"),
        ("from=yesterday&to=2026-11-10", "This is no day"),
        ("to=2026-11-10", "Choose the first day"),
        ("from=0001-01-01&to=0001-01-01", "between 2000 and 2999"),
        ("from=9999-12-31&to=9999-12-31", "between 2000 and 2999"),
    ],
)
async def test_days_that_make_no_period_are_refused_in_their_field(
    customer: httpx.AsyncClient, asked: str, words: str
) -> None:
    """A wrong day is told beside its field, and no figure is shown for it."""
    answer = await customer.get(f"/spend?{asked}")
    assert answer.status_code == 400
    assert words in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert "Charged," not in answer.text


@pytest.mark.parametrize("span", ["this-month", "last-month", "7-days", "30-days", "90-days", "?"])
async def test_every_named_period_is_a_page(customer: httpx.AsyncClient, span: str) -> None:
    """Each named period answers, and an unknown one is the current month."""
    answer = await customer.get("/spend", params={"period": span})
    assert answer.status_code == 200
    assert answer.text.count('aria-current="true"') == 1


async def test_too_many_calls_leave_the_sums(
    customer: httpx.AsyncClient, bots: Bots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many calls to tell apart: the page says so, and shows the days and the lines."""
    await fill(bots)
    monkeypatch.setattr(spend, "CALLS_MAX", 3)
    html = (await customer.get("/spend")).text
    assert "These days have too many calls" in html
    assert "services-title" in html
    assert "channels-title" not in html


async def test_nobody_sees_what_others_spent(
    customer: httpx.AsyncClient, platform: Platform, make_account: AccountFactory
) -> None:
    """The page of one account has nothing of another's."""
    await Bots(platform, await make_account(paid="5")).call("theirs", *MINUTE_BY_PHONE)
    assert "No call was charged" in (await customer.get("/spend")).text


async def test_it_is_for_those_who_are_signed_in(visitor: httpx.AsyncClient) -> None:
    """Without a session no page answers."""
    for path in ("/spend", "/spend?period=7-days"):
        assert (await visitor.get(path)).status_code in {401, 303}


async def test_a_month_is_the_accounts_own(customer: httpx.AsyncClient, bots: Bots) -> None:
    """The month to date of Billing is the sum of this month on Spend."""
    early = msgspec.structs.replace(
        bots.platform, clock=lambda: bots.platform.clock() - timedelta(days=33)
    )
    await Bots(early, bots.account_id).call("long ago", *MINUTE_BY_PHONE)
    await fill(bots)
    spent = (await customer.get("/spend?period=this-month")).text
    billed = (await customer.get("/billing")).text
    sum_of = re.compile(r'class="(?:big|middle) figure"[^>]*>([^/]*?(?:</span>)?)</p>')
    used = [re.sub("<[^>]*>", "", text) for text in sum_of.findall(billed)]
    [total] = [re.sub("<[^>]*>", "", text) for text in sum_of.findall(spent)][:1]
    assert total in used
