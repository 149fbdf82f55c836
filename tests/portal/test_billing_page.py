"""Billing over HTTP: spend by day, and any part of the history."""

import csv
import html
import io
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.core.account import NumberMask
from talktime.db.pool import Connection
from talktime.ops.accounts import AccountChange, change_account, read_account
from talktime.ops.adjustments import post_adjustment
from talktime.ops.platform import Platform
from talktime.ops.spend_days import SpendDay
from talktime.portal.billing import pages as billing_pages
from talktime.portal.billing.spend_view import spend_view
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.conftest import AccountFactory
from tests.portal.conftest import new_link
from tests.portal.test_billing_summary import NOW, billing

nanos = st.integers(0, 10**13)


def charts_of(page: str) -> list[dict[str, Any]]:
    """What the page gives charts.js to draw."""
    found = re.findall(r'data-chart="([^"]*)"', page)
    return [msgspec.json.decode(html.unescape(text)) for text in found]


def rows_of(page: str) -> list[str]:
    return re.findall(r'id="entry-(\d+)"', page)


def read(text: str) -> Decimal:
    return Decimal(text.replace("$", "").replace(",", ""))


@given(st.lists(st.tuples(nanos, nanos, nanos, nanos, nanos), min_size=1, max_size=12))
def test_days_add_up_as_shown(days: list[tuple[int, int, int, int, int]]) -> None:
    """In the table each row adds up to its total, each column to its foot, and the chart agrees."""
    last = NOW.date()
    spent = [
        SpendDay(
            day=last - timedelta(days=len(days) - 1 - i),
            llm_nanos=parts[0],
            stt_nanos=parts[1],
            tts_nanos=parts[2],
            sip_nanos=parts[3],
            margin_nanos=parts[4],
            charge_nanos=sum(parts),
        )
        for i, parts in enumerate(days)
    ]
    view = spend_view(billing().account, spent, [0] * len(days), now=NOW)
    for row in (*view.rows, view.foot):
        assert sum(read(part.text) for part in row.parts) == read(row.total.text)
    for i in range(5):
        assert sum(read(row.parts[i].text) for row in view.rows) == read(view.foot.parts[i].text)
    assert sum(read(row.total.text) for row in view.rows) == read(view.foot.total.text)
    exact = Decimal(sum(one.charge_nanos for one in spent)).scaleb(-9)
    assert abs(read(view.foot.total.text) - exact) <= Decimal("0.0000005")
    if view.spend:
        chart = msgspec.json.decode(view.spend)
        drawn = [[Decimal(value) for value in one["values"]] for one in chart["series"]]
        table = [[read(row.parts[i].text) for row in reversed(view.rows)] for i in range(5)]
        assert drawn == table
        assert [Decimal(one) for one in chart["totals"]] == [
            read(row.total.text) for row in reversed(view.rows)
        ]


async def test_spend_is_drawn_and_listed(customer: httpx.AsyncClient, bots: Bots) -> None:
    """Today's calls stand in the chart, in its sentence, and in the table, with the balance."""
    await bots.call("CA1", *MINUTE_BY_PHONE)
    page = (await customer.get("/billing")).text
    spend, balance = charts_of(page)
    assert [one["values"][-1] for one in spend["series"]] == [
        "0.005",
        "0.006",
        "0.022",
        "0.007",
        "0.012",
    ]
    assert balance["series"][0]["values"][-1] == "5.448"
    assert "$0.052 in the last 30 days" in page
    assert len(re.findall(r'id="day-', page)) == 30


@pytest.mark.parametrize(("asked", "days"), [("7", 7), ("90", 90), ("8", 30), ("x", 30), ("", 30)])
async def test_ranges(customer: httpx.AsyncClient, asked: str, days: int) -> None:
    """Seven, thirty or ninety days, by links; anything else is the usual thirty."""
    page = (await customer.get("/billing", params={"days": asked})).text
    assert len(re.findall(r'id="day-', page)) == days
    assert f'aria-current="true">{days} days</a>' in page


async def test_the_month_is_the_apis(
    customer: httpx.AsyncClient, connection: Connection, bots: Bots, platform: Platform
) -> None:
    """The month on the page is the API's month to date, under the name of the zone in force."""
    await bots.call("CA1", *MINUTE_BY_PHONE)
    await change_account(
        connection,
        bots.account_id,
        AccountChange(time_zone="Pacific/Kiritimati"),
        now=platform.clock(),
    )
    account = await read_account(connection, bots.account_id, now=platform.clock())
    page = (await customer.get("/billing")).text
    assert account.month_to_date_nanos == 52_000_000
    assert 'class="middle figure">$0.05<span class="fine">2</span>' in page
    assert "Days in UTC until" in page
    assert "then in Pacific/Kiritimati." in page


async def test_new_accounts_learn_what_will_be_drawn(
    visitor: httpx.AsyncClient, platform: Platform, make_account: AccountFactory
) -> None:
    """Without any entry no chart is drawn; the page says what will stand there."""
    await visitor.get(await new_link(platform, await make_account()))
    page = (await visitor.get("/billing")).text
    assert charts_of(page) == []
    assert "calls will stand here as a bar" in page
    assert "A line will show your balance" in page


async def test_filters_narrow_the_history(customer: httpx.AsyncClient, bots: Bots) -> None:
    """Kind, days and search narrow the list, alone and together; each is a link to be rid of it."""
    await bots.call("CA1", *MINUTE_BY_PHONE)
    await bots.call("CB1", *MINUTE_BY_PHONE)
    today = datetime.now(UTC).date().isoformat()
    for params, rows in (
        ({}, ["3", "2", "1"]),
        ({"kind": "call"}, ["3", "2"]),
        ({"kind": "coupon"}, []),
        ({"q": "CA"}, ["2"]),
        ({"q": " CB1 "}, ["3"]),
        ({"q": "5.50"}, ["1"]),
        ({"q": "begins with"}, ["1"]),
        ({"from": today}, ["3", "2", "1"]),
        ({"to": "2020-01-01"}, []),
        ({"kind": "call", "from": today, "to": today, "q": "CA"}, ["2"]),
        ({"kind": "", "from": "", "to": "", "q": ""}, ["3", "2", "1"]),
    ):
        page = (await customer.get("/billing", params=params)).text
        assert rows_of(page) == rows, params
        chips = page.count("Remove filter:")
        assert chips == sum(bool(value) for value in params.values())
        assert ('id="history-empty">' in page) == (not rows)
    page = (await customer.get("/billing", params={"kind": "call", "q": "CA", "days": "7"})).text
    assert 'href="/billing?days=7&amp;q=CA#transactions" aria-label="Remove filter: Call"' in page
    assert 'href="/billing/transactions.csv?kind=call&amp;q=CA"' in page
    assert 'href="/billing?days=90&amp;kind=call&amp;q=CA"' in page


@pytest.mark.parametrize(
    "params",
    [{"kind": "gift"}, {"from": "yesterday"}, {"to": "2026-02-30"}, {"q": "a\0"}, {"q": "x" * 301}],
)
async def test_filters_that_are_none(customer: httpx.AsyncClient, params: dict[str, str]) -> None:
    """What no filter could be is refused in words, a day at its field, and gives no file."""
    page = await customer.get("/billing", params=params)
    assert page.status_code == 400
    at_field = not {"from", "to"}.isdisjoint(params)
    assert ('aria-invalid="true"' in page.text) is at_field
    assert ("That address does not work" in page.text) is not at_field
    file = await customer.get("/billing/transactions.csv", params=params)
    assert (file.status_code, "That address does not work" in file.text) == (400, True)


async def test_days_of_the_form_are_the_lists(
    customer: httpx.AsyncClient, connection: Connection, bots: Bots, platform: Platform
) -> None:
    """The days of the form are those that the list shows: of the account's own zone, at once."""
    zone = AccountChange(time_zone="Pacific/Kiritimati")
    await change_account(connection, bots.account_id, zone, now=platform.clock())
    page = (await customer.get("/billing")).text
    shown = re.search(r'<span class="day">(\d+ \w+ \d+)</span>', page)
    assert shown is not None
    day = datetime.strptime(shown[1], "%d %b %Y").replace(tzinfo=UTC).date()
    for offset, rows in ((-1, []), (0, ["1"]), (1, [])):
        one = (day + timedelta(days=offset)).isoformat()
        page = (await customer.get("/billing", params={"from": one, "to": one})).text
        assert rows_of(page) == rows


async def test_paging_keeps_the_filters(
    customer: httpx.AsyncClient, bots: Bots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older leads through all that matches and nothing else, each once."""
    monkeypatch.setattr(billing_pages, "PAGE_ROWS", 2)
    for number in range(5):
        await bots.call(f"CA{number}", *MINUTE_BY_PHONE)
        await bots.call(f"CB{number}", *MINUTE_BY_PHONE)
    seen: list[str] = []
    at: str | None = "/billing?days=7&kind=call&q=CA"
    while at is not None:
        page = (await customer.get(at)).text
        seen += rows_of(page)
        older = re.search(r'<a id="older" href="([^"]*)">Older</a>', page)
        at = html.unescape(older[1]) if older else None
    assert seen == ["10", "8", "6", "4", "2"]


async def test_the_file_has_what_is_filtered(
    customer: httpx.AsyncClient, connection: Connection, bots: Bots, platform: Platform
) -> None:
    """The CSV of a filtered page has its entries, exact, and nothing that a spreadsheet runs."""
    await bots.call("=SUM(A1)", *MINUTE_BY_PHONE)
    await post_adjustment(
        connection,
        account_id=bots.account_id,
        adjustment_id="back",
        promo_nanos=0,
        paid_nanos=1,
        reason="@cmd",
        terms=platform.terms,
        now=platform.clock(),
    )
    for params, refs in (
        ({}, ["back", "'=SUM(A1)", "opening balance"]),
        ({"kind": "call"}, ["'=SUM(A1)"]),
        ({"q": "0.000000001"}, ["back"]),
    ):
        answer = await customer.get("/billing/transactions.csv", params=params)
        assert answer.headers["content-type"].startswith("text/csv")
        assert answer.headers["content-disposition"] == 'attachment; filename="transactions.csv"'
        assert answer.headers["cache-control"] == "no-store"
        rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
        assert [row["ref"] for row in rows] == refs
    assert rows[0]["amount"] == "0.000000001"
    assert rows[0]["note"] == "'@cmd"


async def test_the_file_is_for_visitors_only(visitor: httpx.AsyncClient) -> None:
    """Without a session there is no file."""
    assert (await visitor.get("/billing/transactions.csv")).status_code == 401


async def test_numbers_are_masked_in_the_history(
    customer: httpx.AsyncClient, connection: Connection, bots: Bots, platform: Platform
) -> None:
    """Where the account hides phone numbers, its transactions do too."""
    await bots.call("CA1", *MINUTE_BY_PHONE, direction="outbound", to_number="+493012345678")
    hidden = AccountChange(number_mask=NumberMask.LAST4)
    await change_account(connection, bots.account_id, hidden, now=platform.clock())
    page = (await customer.get("/billing")).text
    assert "+493012345678" not in page
    assert "5678" in page


async def test_a_day_that_is_none_is_told_at_its_field(customer: httpx.AsyncClient) -> None:
    """The page stays, shows nothing, and says at the field what is wrong; a file is refused."""
    page = await customer.get("/billing?from=abc&kind=call")
    assert page.status_code == 400
    assert "Available balance" in page.text
    assert 'id="wrong-from">This is no day. Write it as 2026-11-23.' in page.text
    assert (await customer.get("/billing/transactions.csv?from=abc")).status_code == 400
