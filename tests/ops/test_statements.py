"""Monthly statements: what moved the balance, from opening to closing, to the nano and the cent."""

import itertools
import random
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import pypdfium2
import pytest

from talktime.core.account import Account
from talktime.core.call import Outcome
from talktime.core.coupon import Coupon
from talktime.core.document import Party, Seller
from talktime.core.errors import DocumentUnknown, InvalidInput
from talktime.core.ledger import Entry, EntryKind
from talktime.core.money import NANOS_PER_USD
from talktime.core.statement import FINEST_NANOS, Line, Statement, Usage, shown
from talktime.core.usage import LineReport
from talktime.db.pool import Connection
from talktime.gateways.pdf.statements import statement_pdf
from talktime.ops.accounts import AccountChange, change_account, create_account, read_account
from talktime.ops.adjustments import post_adjustment
from talktime.ops.coupons import create_coupon, redeem_coupon
from talktime.ops.entries import list_entries
from talktime.ops.platform import Platform
from talktime.ops.statements import months_of, parse_month, read_statement
from tests.acting import Bots

ZONES: Final = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
)
SERVICES: Final = ("llm", "stt", "tts", "sip")
BEGIN: Final = datetime(2026, 9, 20, 8, tzinfo=UTC)


class Life:
    """An account that lives through some months, its clock moved by hand."""

    def __init__(self, platform: Platform, account_id: str, zone: str) -> None:
        self.at = BEGIN
        self.account_id = account_id
        self.zone = zone
        self.platform = msgspec.structs.replace(platform, clock=lambda: self.at)
        self.bots = Bots(self.platform, account_id)

    async def account(self) -> Account:
        async with self.platform.connection() as connection:
            return await read_account(connection, self.account_id, now=self.at)

    async def adjust(self, name: str, *, promo: int = 0, paid: int = 0) -> None:
        async with self.platform.connection() as connection:
            await post_adjustment(
                connection,
                account_id=self.account_id,
                adjustment_id=name,
                promo_nanos=promo,
                paid_nanos=paid,
                reason="as it comes",
                terms=self.platform.terms,
                now=self.at,
            )

    async def statement(self, month: date) -> Statement:
        account = await self.account()
        async with self.platform.connection() as connection:
            return await read_statement(connection, account, month, now=self.at)

    async def entries(self) -> list[Entry]:
        """All of them, the oldest first."""
        found: list[Entry] = []
        before: int | None = None
        async with self.platform.connection() as connection:
            while True:
                page, before = await list_entries(
                    connection, self.account_id, before=before, kind=None, limit=200
                )
                found += page
                if before is None:
                    return found[::-1]


async def begin(platform: Platform, account_id: str, zone: str) -> Life:
    life = Life(platform, account_id, zone)
    async with platform.connection() as connection:
        await create_account(
            connection,
            account_id=account_id,
            name="Ada's Bots",
            email=f"{account_id}@example.com",
            verified=True,
            terms=platform.terms,
            now=BEGIN,
        )
        await change_account(
            connection,
            account_id,
            AccountChange(time_zone=zone),
            now=BEGIN - timedelta(days=60),
        )
    return life


async def live(life: Life, chance: random.Random) -> None:
    """Some months of calls and credit, close to where months begin as often as far from it."""
    await life.adjust("opening", paid=20 * NANOS_PER_USD)
    edges = [datetime(2026, month, 1, tzinfo=ZoneInfo(life.zone)) for month in (10, 11, 12)]
    moments = [BEGIN + timedelta(minutes=chance.randrange(100 * 24 * 60)) for _ in range(25)]
    moments += [edge + timedelta(seconds=chance.randrange(-3, 4)) for edge in edges for _ in "abc"]
    moments += edges
    for nth, moment in enumerate(sorted(moments)):
        life.at = moment.astimezone(UTC)
        if chance.random() < 0.6:
            lines = [
                LineReport(
                    service=service,
                    provider="acme",
                    provider_cost=f"0.{chance.randrange(1, 10**8):09d}",
                )
                for service in SERVICES
                if chance.random() < 0.7
            ]
            await life.bots.call(f"call-{nth}", *lines, outcome=Outcome.COMPLETED)
        elif chance.random() < 0.5:
            await life.adjust(f"a{nth}", promo=chance.randrange(10**9))
        else:
            await life.adjust(f"a{nth}", paid=chance.randrange(-(10**9), 3 * 10**9))


def check_ties(one: Statement) -> None:
    """The lines lead from opening to closing, and the service lines make up the calls."""
    assert one.closing_promo_nanos - one.opening_promo_nanos == sum(
        line.promo_nanos for line in one.lines
    )
    assert one.closing_paid_nanos - one.opening_paid_nanos == sum(
        line.paid_nanos for line in one.lines
    )
    calls = sum(line.total_nanos for line in one.lines if line.kind is EntryKind.CALL)
    assert one.usage.charge_nanos == -calls


@pytest.mark.parametrize("seed", range(14))
async def test_a_statement_ties_to_the_ledger(platform: Platform, seed: int) -> None:
    """In any zone and history: lines lead from opening to closing to the nano, each month opens
    where the last one closed, every entry is in one month, and service lines make up the calls."""
    chance = random.Random(seed)
    life = await begin(platform, f"statement-{seed}-{chance.random()}", chance.choice(ZONES))
    await live(life, chance)
    life.at = datetime(2026, 12, 31, 9, tzinfo=UTC)
    entries = await life.entries()
    told = [await life.statement(date(2026, month, 1)) for month in (9, 10, 11, 12)]
    assert told[0].opening_nanos == 0
    account = await life.account()
    assert (told[-1].closing_promo_nanos, told[-1].closing_paid_nanos) == (
        account.promo_nanos,
        account.paid_nanos,
    )
    for one, following in zip(told, [*told[1:], None], strict=True):
        check_ties(one)
        if following is not None:
            assert one.until == following.since
            assert one.closing_promo_nanos == following.opening_promo_nanos
            assert one.closing_paid_nanos == following.opening_paid_nanos
        local = [
            entry
            for entry in entries
            if entry.recorded_at.astimezone(ZoneInfo(life.zone)).date().replace(day=1) == one.month
        ]
        assert one.entries == tuple(e for e in local if e.kind is not EntryKind.CALL)
        for line in one.lines:
            of_kind = [entry for entry in local if entry.kind is line.kind]
            assert line.entries == len(of_kind)
            assert line.promo_nanos == sum(entry.promo_delta_nanos for entry in of_kind)
            assert line.paid_nanos == sum(entry.paid_delta_nanos for entry in of_kind)
        assert sum(line.entries for line in one.lines) == len(local)
        check_shown(one)


def check_shown(statement: Statement) -> None:
    """As shown every column and every row adds up, near to what is exact."""
    cents = shown(statement)
    rows = [cents.opening, *cents.lines, cents.closing]
    for column in ("promo_nanos", "paid_nanos", "total_nanos"):
        amounts = [getattr(row, column) for row in rows]
        assert sum(amounts[:-1]) == amounts[-1]
        assert all(amount % FINEST_NANOS == 0 for amount in amounts)
    for row, line in zip(cents.lines, statement.lines, strict=True):
        for shown_nanos, exact in (
            (row.promo_nanos, line.promo_nanos),
            (row.paid_nanos, line.paid_nanos),
        ):
            assert abs(shown_nanos - exact) < 2 * FINEST_NANOS
            assert exact or not shown_nanos
        if line.kind is EntryKind.CALL:
            assert sum(cents.usage) == -row.total_nanos
    for share, exact in zip(cents.usage, statement.usage.parts, strict=True):
        assert exact or not share


def statement_of(lines: list[tuple[EntryKind, int, int]], *, opening: int, paid: int) -> Statement:
    usage = -sum(promo + paid for kind, promo, paid in lines if kind is EntryKind.CALL)
    return Statement(
        account_id="a",
        month=date(2026, 11, 1),
        zone="UTC",
        since=datetime(2026, 11, 1, tzinfo=UTC),
        until=datetime(2026, 12, 1, tzinfo=UTC),
        is_over=True,
        opening_promo_nanos=opening,
        opening_paid_nanos=paid,
        lines=tuple(
            Line(kind=kind, entries=1, promo_nanos=promo, paid_nanos=paid)
            for kind, promo, paid in lines
        ),
        usage=Usage(
            calls=1, llm_nanos=usage // 3, stt_nanos=usage // 5, tts_nanos=0,
            sip_nanos=usage // 7, margin_nanos=usage - usage // 3 - usage // 5 - usage // 7,
        ),
        closing_promo_nanos=opening + sum(promo for _, promo, _ in lines),
        closing_paid_nanos=paid + sum(paid for _, _, paid in lines),
        entries=(),
        entries_left_out=0,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(200))
def test_what_is_shown_adds_up(seed: int) -> None:
    """Whatever the amounts, also below zero and on the half step, what is shown adds up and whole
    dollars are shown as they are."""
    chance = random.Random(seed)

    def amount() -> int:
        exact = chance.randrange(-3 * 10**9, 3 * 10**9)
        step = chance.choice([1, FINEST_NANOS // 2, FINEST_NANOS, 10**9])
        return exact // step * step

    calls = (EntryKind.CALL, -chance.randrange(10**9), -chance.randrange(10**9))
    lines = [(EntryKind.TOP_UP, 0, abs(amount()) // 10**9 * 10**9), (EntryKind.COUPON, amount(), 0)]
    one = statement_of([*lines, calls], opening=amount(), paid=amount())
    check_ties(one)
    check_shown(one)
    top_up = shown(one).lines[0]
    assert top_up.paid_nanos == one.lines[0].paid_nanos


async def test_a_month_stays_where_it_was_told(platform: Platform, connection: Connection) -> None:
    """After two changes of the time zone, a statement that was read before reads the same."""
    life = await begin(platform, f"zones-{random.random()}", "UTC")
    await life.adjust("opening", paid=NANOS_PER_USD)
    life.at = datetime(2026, 9, 30, 23, tzinfo=UTC)
    await life.adjust("late", paid=NANOS_PER_USD)
    life.at = datetime(2026, 10, 5, tzinfo=UTC)
    september = await life.statement(date(2026, 9, 1))
    for zone, day in (("Asia/Kathmandu", 5), ("America/New_York", 50)):
        life.at = datetime(2026, 10, 1, tzinfo=UTC) + timedelta(days=day)
        await change_account(
            connection, life.account_id, AccountChange(time_zone=zone), now=life.at
        )
    life.at = datetime(2026, 12, 20, tzinfo=UTC)
    assert await life.statement(date(2026, 9, 1)) == september
    told = [await life.statement(date(2026, month, 1)) for month in (12, 11, 10, 9)]
    for later, earlier in itertools.pairwise(told):
        assert earlier.until == later.since
        assert earlier.closing_nanos == later.opening_nanos


async def test_months_that_there_are(platform: Platform, connection: Connection) -> None:
    """From the month in which the account was opened up to this one, in its zone; no others."""
    life = await begin(platform, f"months-{random.random()}", "Pacific/Kiritimati")
    life.at = datetime(2026, 11, 30, 12, tzinfo=UTC)  # December there
    account = await life.account()
    assert [month.month for month in months_of(account, now=life.at)] == [12, 11, 10, 9]
    assert not (await life.statement(date(2026, 12, 1))).is_over
    assert (await life.statement(date(2026, 11, 1))).is_over
    for month in (date(2026, 8, 1), date(2027, 1, 1)):
        with pytest.raises(DocumentUnknown):
            await life.statement(month)


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-1", "1999-12", "2026-11-01", "202\u0666-11"]
)
def test_a_month_is_year_and_month(text: str) -> None:
    """What is no month is refused by its field."""
    with pytest.raises(InvalidInput) as refused:
        parse_month(text)
    assert refused.value.field == "month"


async def test_everything_of_a_month_by_kind(platform: Platform, connection: Connection) -> None:
    """Welcome bonus, coupon, correction and calls each have their line, calls last; and the paper
    tells them with the number of the receipt, each column with the same decimals throughout."""
    life = await begin(platform, f"kinds-{random.random()}", "Europe/Berlin")
    code = f"HELLO-{random.randrange(10**9)}"
    await create_coupon(
        connection, Coupon(code=code, amount_nanos=2 * NANOS_PER_USD, created_at=life.at)
    )
    await redeem_coupon(
        connection, account_id=life.account_id, code=code, terms=platform.terms, now=life.at
    )
    await life.adjust("a", paid=10 * NANOS_PER_USD)
    await life.bots.call("c", LineReport(service="llm", provider="x", provider_cost="1.505"))
    one = await life.statement(date(2026, 9, 1))
    assert [line.kind for line in one.lines] == [
        EntryKind.WELCOME_BONUS,
        EntryKind.COUPON,
        EntryKind.ADJUSTMENT,
        EntryKind.CALL,
    ]
    assert one.lines[-1].promo_nanos == -1_956_500_000
    assert (one.usage.calls, one.usage.parts) == (1, (1_505_000_000, 0, 0, 0, 451_500_000))
    life.at = datetime(2026, 10, 2, tzinfo=UTC)
    account, one = await life.account(), await life.statement(date(2026, 9, 1))
    made = [
        statement_pdf(one, account, seller=Seller(), buyer=Party(name="Ada"), numbers={3: "R-1"})
        for _ in "ab"
    ]
    assert made[0] == made[1]
    paper = pypdfium2.PdfDocument(made[0])
    said = paper[0].get_textpage().get_text_bounded()
    paper.close()
    for words in (
        "September 2026", "Opening balance", "Welcome bonus (1)", "Coupons (1)", "Calls (1)", code,
        "\N{MINUS SIGN}$1.9565", "+$10.00", "$10.5435",
        "+$0.5000", "+$10.0000", "$1.5050", "Language model", "Margin", "1 call", "R-1",
    ):  # fmt: skip
        assert words in said
