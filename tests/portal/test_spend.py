"""The Spend page and the estimator, as a customer's browser gets them."""

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape

import httpx
import msgspec
import pytest

from talktime.core.call import Outcome
from talktime.core.money import display_usd
from talktime.core.ratecard import Channel
from talktime.core.usage import LineReport
from talktime.ops import spend
from talktime.ops.accounts import read_account
from talktime.ops.platform import Platform
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.conftest import AccountFactory
from tests.portal.conftest import new_link

AMOUNT = re.compile(r'class="money sum"><span class="figure">\$([0-9,.]+)')


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
    """Without a session neither page answers."""
    for path in ("/spend", "/spend/estimate"):
        assert (await visitor.get(path)).status_code in {401, 303}


async def test_this_month_is_the_month_of_billing(
    customer: httpx.AsyncClient, bots: Bots, platform: Platform
) -> None:
    """The month to date of the account is the sum of this month on Spend."""
    early = msgspec.structs.replace(platform, clock=lambda: platform.clock() - timedelta(days=33))
    await Bots(early, bots.account_id).call("long ago", *MINUTE_BY_PHONE)
    await fill(bots)
    async with platform.connection() as connection:
        account = await read_account(connection, bots.account_id, now=platform.clock())
    html = (await customer.get("/spend?period=this-month")).text
    assert figure(html) == display_usd(account.month_to_date_nanos)


def figure(html: str) -> str:
    """The large figure of a page, as it is read."""
    return re.sub(r"<[^>]*>", "", html.split('class="big figure">')[1].split("</p>", maxsplit=1)[0])


async def test_the_estimator_begins_with_the_last_calls(
    customer: httpx.AsyncClient, bots: Bots
) -> None:
    """Opened without a plan, it estimates a call like the last ones, and says so."""
    before = (await customer.get("/spend/estimate")).text
    assert "Usual figures: you have no charged phone call yet" in before
    line = LineReport(
        service="llm",
        provider="openai",
        model="gpt-4o-mini",
        quantities={"input_tokens": 4_000, "output_tokens": 80},
    )
    await bots.call("one", line, channel=Channel.CHAT, seconds=120)
    html = (await customer.get("/spend/estimate")).text
    assert "Taken from your last chat." in html
    assert value_of(html, "llm") == "openai/gpt-4o-mini"
    assert value_of(html, "minutes") == "2"
    assert value_of(html, "input_tokens_per_turn") == "500"
    charge = (await customer.get("/calls/one")).text
    assert figure(html) in re.sub(r"<[^>]*>", "", charge)


def value_of(html: str, field: str) -> str:
    [value] = re.findall(rf'name="{field}" value="([^"]*)"', html)
    return unescape(value)


async def test_an_estimates_address_can_be_shared(customer: httpx.AsyncClient) -> None:
    """Every field stands in the address, and the same address answers the same estimate."""
    html = (await customer.get("/spend/estimate?channel=phone")).text
    fields = dict(re.findall(r'<input[^>]*name="([a-z_]+)" value="([^"]*)"', html))
    fields.pop("form_token", None)
    assert len(fields) == 1 + 4 + 2 + 11
    again = (await customer.get("/spend/estimate", params=fields)).text
    assert figure(again) == figure(html)
    more = (await customer.get("/spend/estimate", params={**fields, "minutes": "6"})).text
    assert figure(more) != figure(html)


async def test_a_model_without_a_price_offers_those_that_have_one(
    customer: httpx.AsyncClient,
) -> None:
    """No amount is shown for an unknown model; a model close to it is one click away."""
    html = (await customer.get("/spend/estimate?channel=web&tts=openai/tts-1-ultra")).text
    assert "There is no price for this yet" in html
    assert "big figure" not in html
    assert "$0.00<" not in html.split('class="card answer"')[1]
    assert "Charge" not in html.split('class="card answer"')[1]
    [href] = re.findall(r'href="([^"]*)">openai/tts-1<', html)
    priced = (await customer.get(unescape(href))).text
    assert value_of(priced, "tts") == "openai/tts-1"
    assert figure(priced).startswith("$0.")


@pytest.mark.parametrize(
    ("asked", "field", "words"),
    [
        ("minutes=0", "minutes", "More than 0"),
        ("minutes=long", "minutes", "Write a number"),
        ("calls=1.5", "calls", "A whole number"),
        ("llm=/gpt", "llm", "Write provider/model"),
        ("cached_percent=101", "cached_percent", "From 0 to 100"),
        ("words_per_minute=0", "words_per_minute", "More than 0"),
        ("cached_percent=60&cache_write_percent=60", "cached_percent", "more than all of it"),
        ("llm=&stt=&tts=&sip=", "llm", "at least one service"),
        ("turns_per_minute=", "turns_per_minute", "Write a number"),
        ("turns_per_minute=1e3", "turns_per_minute", "Write a number"),
    ],
)
async def test_a_wrong_figure_is_told_beside_its_field(
    customer: httpx.AsyncClient, asked: str, field: str, words: str
) -> None:
    """What cannot be estimated is marked where it stands, keeps what was typed, shows no sum."""
    answer = await customer.get(f"/spend/estimate?channel=phone&{asked}")
    assert answer.status_code == 400
    [complaint] = re.findall(rf'class="error" id="{field}-about">([^<]*)<', answer.text)
    assert words in complaint
    assert "big figure" not in answer.text


async def test_a_channel_has_only_the_services_it_can_have(customer: httpx.AsyncClient) -> None:
    """Chat asks for no voice, web for no carrier; what the address says of them is passed over."""
    for channel, fields in (("chat", ["llm"]), ("web", ["llm", "stt", "tts"])):
        html = (await customer.get(f"/spend/estimate?channel={channel}&sip=twilio/inbound")).text
        assert re.findall(r'name="(llm|stt|tts|sip)"', html) == fields
        assert figure(html).startswith("$0.")


async def test_every_default_model_has_a_price(customer: httpx.AsyncClient) -> None:
    """On each channel the page opens with an estimate."""
    for channel in Channel:
        html = (await customer.get(f"/spend/estimate?channel={channel.value}")).text
        assert figure(html).startswith("$0.")


async def test_an_estimate_without_money_says_what_to_do(
    visitor: httpx.AsyncClient, platform: Platform, make_account: AccountFactory
) -> None:
    """Below the floor the estimate says that no call can start yet and how to add credit, and not
    how long nothing would last; above it, how long what is there would."""
    for paid, expected in (("0", False), ("0.05", False), ("0.10", True), ("5", True)):
        visitor.cookies.clear()  # a browser that is signed in would be asked first
        await visitor.get(await new_link(platform, await make_account(paid=paid)))
        html = (await visitor.get("/spend/estimate?channel=phone")).text
        answer = re.sub(r"<[^>]*>", "", html.split('class="card answer"')[1])
        assert ("would last" in answer) is expected
        assert ("No call can start yet: each needs at least $0.10." in answer) is not expected
        assert ("redeem a coupon" in answer) is not expected
        assert " 0 calls" not in answer


async def test_short_talk_is_told_with_its_seconds(customer: httpx.AsyncClient, bots: Bots) -> None:
    """A call of 14 seconds was not one of 0 minutes."""
    await bots.call("short", *MINUTE_BY_PHONE, seconds=14)
    html = (await customer.get("/spend")).text
    assert '<dt>Minutes</dt><dd class="figure">0:14</dd>' in html
    assert 'data-unit="minutes">0:14<' in section(html, "channels")
    await bots.call("longer", *MINUTE_BY_PHONE, seconds=12 * 60)
    html = (await customer.get("/spend")).text
    assert '<dt>Minutes</dt><dd class="figure">12</dd>' in html


async def test_a_plan_begins_with_what_has_a_price(customer: httpx.AsyncClient, bots: Bots) -> None:
    """A line of the last calls that is on no rate card gives way to the default of its service."""
    line = LineReport(service="stt", provider="deepgram", provider_cost="0.01")
    await bots.call("one", line, channel=Channel.WEB, seconds=120)
    html = (await customer.get("/spend/estimate")).text
    assert value_of(html, "stt") == "deepgram/nova-3"
    assert figure(html).startswith("$0.")


async def test_what_is_set_aside_is_left_out_by_name(
    customer: httpx.AsyncClient, bots: Bots
) -> None:
    """While a call runs, the estimate says what of the balance cannot be started with."""
    await bots.start("one")
    html = (await customer.get("/spend/estimate")).text
    assert re.search(r"\$[0-9.]+ can be started with; \$[0-9.]+ is set aside for calls", html)
