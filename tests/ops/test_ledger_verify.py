"""The audit: clean books are clean, and every kind of tampering is found and named."""

import psycopg
import pytest

from talktime.core.call import EndFacts, Outcome, StartFacts
from talktime.core.errors import AccountUnknown
from talktime.core.ratecard import Channel
from talktime.core.usage import LineReport
from talktime.db.migrate import APP_ROLE
from talktime.ops.call_end import EndAnswer, EndRequest, end_calls
from talktime.ops.call_start import Admission, start_calls
from talktime.ops.call_usage import UsageReport, report_usage
from talktime.ops.ledger_verify import Verification, verify_ledger
from talktime.ops.platform import Platform
from tests.conftest import AccountFactory


async def run_call(
    platform: Platform,
    account_id: str,
    call_id: str,
    outcome: Outcome | None = Outcome.COMPLETED,
    cost: str = "0.4",
) -> None:
    """A web call with one STT line at the provider's own cost, left running without an outcome."""
    lines = [LineReport(service="stt", provider="deepgram", provider_cost=cost)]
    async with platform.connection() as connection:
        facts = StartFacts(account_id=account_id, call_id=call_id, channel=Channel.WEB)
        [admission] = await start_calls(
            connection, [facts], terms=platform.terms, now=platform.clock()
        )
        assert isinstance(admission, Admission)
        report = UsageReport(account_id=account_id, call_id=call_id, lines=lines)
        await report_usage(connection, [report], book=platform.prices.book, now=platform.clock())
        if outcome is None:
            return
        end = EndRequest(account_id=account_id, call_id=call_id, facts=EndFacts(outcome=outcome))
        [answer] = await end_calls(
            connection,
            [end],
            book=platform.prices.book,
            terms=platform.terms,
            now=platform.clock(),
        )
        assert isinstance(answer, EndAnswer)


async def audited(platform: Platform, account_id: str) -> Verification:
    async with platform.connection() as connection:
        return await verify_ledger(connection, account_id=account_id)


@pytest.fixture
async def books(platform: Platform, make_account: AccountFactory) -> str:
    """An account with a call over promo and paid, one on paid, a free and a running one."""
    account_id = await make_account(promo="0.50", paid="5.00")
    await run_call(platform, account_id, "both")
    await run_call(platform, account_id, "paid")
    await run_call(platform, account_id, "busy", Outcome.BUSY)
    await run_call(platform, account_id, "running", None)
    return account_id


async def test_books_as_written_are_clean(platform: Platform, books: str) -> None:
    """What Talktime wrote itself has no fault, and all of it is gone through."""
    found = await audited(platform, books)
    assert found.faults == []
    assert (found.accounts, found.entries, found.calls, found.open_calls) == (1, 3, 4, 1)


async def test_an_unknown_account_is_refused(platform: Platform) -> None:
    """Nothing verified is not the same as verified."""
    with pytest.raises(AccountUnknown):
        await audited(platform, "nobody")


async def test_every_account_is_gone_through(platform: Platform, books: str) -> None:
    """Without an account named, the audit pages through all of them and tells how far it is."""
    told: list[int] = []
    async with platform.connection() as connection:
        found = await verify_ledger(connection, tell=lambda so_far: told.append(so_far.accounts))
    assert found.accounts >= 1
    assert told[-1] == found.accounts


PAID_CALL = "call_id = 'paid'"
FREE_CALL = "call_id = 'busy'"

# What is changed -> the table, the change (None: the rows go), which rows, words of the fault.
TAMPERINGS: dict[str, tuple[str, str | None, str, str]] = {
    "an entry's amount": (
        "entry",
        "paid_delta_nanos = paid_delta_nanos + 1",
        "seq = 3",
        "the entries add up to",
    ),
    "an entry's balance": (
        "entry",
        "paid_after_nanos = paid_after_nanos + 1",
        "seq = 2",
        "the entries add up to",
    ),
    "promo kept back": (
        "entry",
        "promo_delta_nanos = promo_delta_nanos + 7, paid_delta_nanos = paid_delta_nanos - 7",
        "seq = 2",
        "promo was not spent before paid",
    ),
    "an entry taken out": ("entry", None, "seq = 2", "so 1 are missing"),
    "the last entry taken out": (
        "entry",
        None,
        "seq = 3",
        "counts 3 entries, the last one is 2",
    ),
    "the paid balance": ("account", "paid_nanos = paid_nanos + 1", "true", "paid is "),
    "the promo balance": (
        "account",
        "promo_nanos = promo_nanos + 1",
        "true",
        "promo is 1 nanos, its entries give 0",
    ),
    "what is held": ("account", "held_nanos = held_nanos - 1", "true", "its open calls hold"),
    "a running call's hold": (
        "call",
        "hold_nanos = hold_nanos + 1",
        "call_id = 'running'",
        "it runs with a hold of",
    ),
    "a line's cost": (
        "call",
        """lines = replace(lines::text, ',400000000,[]]', ',400000001,[]]')::json""",
        PAID_CALL,
        "its quantities give 400000000",
    ),
    "a call's margin": ("call", "margin_nanos = margin_nanos + 1", PAID_CALL, "its margin is"),
    "a call's margin rate": ("call", "margin_ppm = margin_ppm + 1", PAID_CALL, "its margin is"),
    "a call's charge": ("call", "charge_nanos = charge_nanos + 1", PAID_CALL, "its charge is"),
    "a call's cost by service": (
        "call",
        "stt_nanos = stt_nanos - 1, llm_nanos = 1",
        PAID_CALL,
        "its LLM cost is 1 nanos",
    ),
    "a call's split": (
        "call",
        "promo_charged_nanos = 1, paid_charged_nanos = paid_charged_nanos - 1",
        PAID_CALL,
        "it says promo 1 and paid",
    ),
    "a call cut from its entry": (
        "call",
        "entry_seq = NULL",
        PAID_CALL,
        "which points at entry None",
    ),
    "a charged call made free": (
        "call",
        "billing_status = 'free', free_reason = 'failed'",
        PAID_CALL,
        "nothing was due, and it has entry 3",
    ),
    "a free call given an entry": (
        "call",
        "entry_seq = 2",
        FREE_CALL,
        "nothing was due, and it has entry 2",
    ),
    "a free call without a reason": ("call", "free_reason = NULL", FREE_CALL, "does not say why"),
    "a call taken out": ("call", None, PAID_CALL, "which points at entry None"),
    "a running call the watchdog would miss": (
        "open_call",
        None,
        "call_id = 'running'",
        "is open and not listed so",
    ),
    "a listing without its call": (
        "open_call",
        "call_id = 'nobody'",
        "true",
        "call nobody: is listed as open and is not",
    ),
    "a roll-up": ("usage_rollup", "charge_nanos = charge_nanos + 1", "true", "usage of"),
}


@pytest.mark.parametrize("what", sorted(TAMPERINGS))
async def test_tampering_is_found(
    platform: Platform, books: str, database_url: str, what: str
) -> None:
    """Whatever the owner of the database changes behind Talktime's back, the audit names it."""
    table, change, rows, words = TAMPERINGS[what]
    begin = f"UPDATE {table} SET {change}" if change else f"DELETE FROM {table}"
    with psycopg.connect(database_url) as owner:
        owner.execute("SET session_replication_role = replica")  # no trigger fires
        changed = owner.execute(f"{begin} WHERE account_id = %s AND {rows}", [books])
        assert changed.rowcount >= 1
        owner.commit()
    found = await audited(platform, books)
    assert not found.is_clean
    assert any(words in fault and books in fault for fault in found.faults), found.faults
    with psycopg.connect(database_url) as owner:  # other tests audit every account
        owner.execute("SET session_replication_role = replica")
        for table in ("entry", "call", "open_call", "usage_rollup", "event", "account"):
            owner.execute(f"DELETE FROM {table} WHERE account_id = %s", [books])


async def test_a_coupons_count_is_compared_with_its_entries(untouched: Platform) -> None:
    """A coupon that counts a redemption nobody made is found."""
    async with untouched.connection() as connection:
        await connection.execute(
            "INSERT INTO coupon (code, amount_nanos, redemptions, created_at) "
            "VALUES ('TAMPERED', 1, 1, now())"
        )
        found = await verify_ledger(connection)
    assert found.faults == ["coupon TAMPERED: counts 1 redemptions, 0 entries redeemed it"]


async def test_the_audit_runs_as_the_application(platform: Platform, books: str) -> None:
    """An audit needs no right to change anything."""
    async with platform.connection() as connection:
        row = await (await connection.execute("SELECT current_user")).fetchone()
        assert row == (APP_ROLE,)
        assert (await verify_ledger(connection, account_id=books)).is_clean
        # The connection is as it was for whoever gets it next.
        await run_call(platform, books, "later")
