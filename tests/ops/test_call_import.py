"""Importing calls: checked whole before anything is written, settled once, however often run."""

import json
from datetime import timedelta
from typing import Any

import pytest

from talktime.core.call import BillingStatus
from talktime.core.errors import CallAlreadyEnded, CallIdConflict
from talktime.ops.accounts import read_account
from talktime.ops.call_history import read_call
from talktime.ops.call_import import (
    Imported,
    ImportedCall,
    LineFault,
    import_calls,
    read_line,
    unknown_accounts,
)
from talktime.ops.ledger_verify import verify_ledger
from talktime.ops.platform import Platform
from tests.conftest import AccountFactory


def record(**changes: Any) -> dict[str, Any]:
    """The worked example as a line of a file; a change to None takes a member out."""
    call = {
        "call_id": "CA1",
        "channel": "phone",
        "outcome": "completed",
        "started_at": "2026-11-01T10:00:00Z",
        "duration_seconds": 60,
        "lines": [
            {"service": "llm", "provider_cost": "0.005"},
            {"service": "stt", "provider_cost": "0.006"},
            {"service": "tts", "provider_cost": "0.022"},
            {"service": "sip", "provider_cost": "0.007"},
        ],
        **changes,
    }
    return {name: value for name, value in call.items() if value is not None}


def checked(
    platform: Platform, account_id: str | None, *records: dict[str, Any]
) -> list[tuple[int, ImportedCall]]:
    return [
        (
            number,
            read_line(
                number,
                json.dumps(one).encode(),
                account_id=account_id,
                book=platform.prices.book,
                now=platform.clock(),
            ),
        )
        for number, one in enumerate(records, start=1)
    ]


async def imported(platform: Platform, account_id: str, *records: dict[str, Any]) -> Imported:
    async with platform.connection() as connection:
        return await import_calls(
            connection,
            checked(platform, account_id, *records),
            book=platform.prices.book,
            terms=platform.terms,
            now=platform.clock(),
        )


async def test_an_imported_call_is_settled_like_any_other(
    platform: Platform, make_account: AccountFactory
) -> None:
    """The worked example costs $0.052 when it is imported, too; promo bears it first."""
    account_id = await make_account(promo="0.05", paid="1")
    done = await imported(platform, account_id, record())
    [call] = done.settled
    assert call.charge_nanos == 52_000_000
    assert (call.promo_charged_nanos, call.paid_charged_nanos) == (50_000_000, 2_000_000)
    assert call.duration_ms == 60_000
    assert call.admitted_at == call.started_at
    async with platform.connection() as connection:
        account = await read_account(connection, account_id, now=platform.clock())
        assert (account.promo_nanos, account.paid_nanos) == (0, 998_000_000)
        assert account.held_nanos == 0
        assert (await verify_ledger(connection, account_id=account_id)).is_clean


async def test_metadata_are_kept_with_the_call(
    platform: Platform, make_account: AccountFactory
) -> None:
    """An object comes back as it was given; null is as good as none."""
    account_id = await make_account()
    done = await imported(
        platform, account_id, record(metadata={"campaign": "autumn"}), record(call_id="CA2")
    )
    assert done.settled[0].metadata is not None
    assert json.loads(done.settled[0].metadata) == {"campaign": "autumn"}
    assert done.settled[1].metadata is None


async def test_importing_twice_changes_nothing(
    platform: Platform, make_account: AccountFactory
) -> None:
    """Calls that are there already stay as they are, whatever the batches look like."""
    account_id = await make_account(paid="5")
    records = [record(call_id=f"CA{n}") for n in range(5)]
    first = await imported(platform, account_id, *records, records[0])
    assert (len(first.settled), first.known) == (5, [6])
    again = await imported(platform, account_id, *reversed(records))
    assert (again.settled, again.known, again.conflicts) == ([], [1, 2, 3, 4, 5], [])
    async with platform.connection() as connection:
        account = await read_account(connection, account_id, now=platform.clock())
    assert account.paid_nanos == 5_000_000_000 - 5 * 52_000_000


async def test_no_gate_holds_back_what_has_taken_place(
    platform: Platform, make_account: AccountFactory
) -> None:
    """An empty account pays its past calls below zero, from the paid balance."""
    account_id = await make_account()
    done = await imported(platform, account_id, record(), record(call_id="CA2", outcome="busy"))
    assert [call.billing_status for call in done.settled] == [
        BillingStatus.CHARGED,
        BillingStatus.FREE,
    ]
    async with platform.connection() as connection:
        account = await read_account(connection, account_id, now=platform.clock())
    assert account.paid_nanos == -52_000_000


async def test_what_contradicts_the_books_is_refused_by_line(
    platform: Platform, make_account: AccountFactory
) -> None:
    """A known id with other facts, outcome, usage or length is a conflict; the rest goes on."""
    account_id = await make_account(paid="5")
    await imported(platform, account_id, record())
    done = await imported(
        platform,
        account_id,
        record(channel="web", lines=None),
        record(outcome="failed"),
        record(call_id="CA2"),
        record(lines=[{"service": "llm", "provider_cost": "0.006"}]),
        record(duration_seconds=61),
        record(call_id="CA2", reason="caller hung up"),
        record(call_id="CA2", duration_seconds=60.0),
    )
    assert [(number, type(error)) for number, error in done.conflicts] == [
        (1, CallIdConflict),
        (2, CallAlreadyEnded),
        (4, CallIdConflict),
        (5, CallIdConflict),
        (6, CallIdConflict),
    ]
    assert "with another usage; it stays as it is" in done.conflicts[2][1].message
    assert (done.known, done.refused) == ([7], [])
    assert [call.call_id for call in done.settled] == ["CA2"]
    async with platform.connection() as connection:
        kept = await read_call(connection, account_id, "CA1", now=platform.clock())
        assert (kept.charge_nanos, kept.is_late) == (52_000_000, False)
        assert (await verify_ledger(connection, account_id=account_id)).is_clean


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no account": ({"account_id": None}, "account_id"),
    "another channel": ({"channel": "fax"}, "channel"),
    "another outcome": ({"outcome": "gone"}, "outcome"),
    "another direction": ({"direction": "sideways"}, "direction"),
    "metadata that are no object": ({"metadata": [1]}, "metadata"),
    "metadata larger than a start may have": ({"metadata": {"a": "x" * 5000}}, "metadata"),
    "no call id": ({"call_id": None}, "call_id"),
    "an id that no path can have": ({"call_id": "a/b"}, "call_id"),
    "a number with what no text can have": ({"from": "+1\x00"}, "from"),
    "a number longer than any": ({"to": "1" * 300}, "to"),
    "an agent on two lines": ({"agent_id": "a\nb"}, "agent_id"),
    "a reason longer than a line": ({"reason": "x" * 501}, "reason"),
    "an unknown member": ({"colour": "red"}, "colour"),
    "no end": ({"duration_seconds": None}, "ended_at"),
    "end before start": ({"ended_at": "2026-11-01T09:59:59Z"}, "ended_at"),
    "a time without an offset": ({"started_at": "2026-11-01T10:00:00"}, "started_at"),
    "no time at all": ({"started_at": "yesterday"}, "started_at"),
    "digits that only Python reads": ({"duration_seconds": "6_0"}, "duration_seconds"),
    "too long": ({"duration_seconds": 40 * 86_400}, "duration_seconds"),
    "a line its channel cannot have": (
        {"channel": "chat", "lines": [{"service": "stt"}]},
        "lines[0].service",
    ),
    "a negative quantity": (
        {"lines": [{"service": "stt", "quantities": {"audio_seconds": -1}}]},
        "lines[0].quantities.audio_seconds",
    ),
    "parts beyond their total": (
        {"lines": [{"service": "llm", "quantities": {"cached_input_tokens": 5}}]},
        "lines[0].quantities.cached_input_tokens",
    ),
    "more than nine decimals": (
        {"lines": [{"service": "stt", "provider_cost": "0.0000000001"}]},
        "lines[0].provider_cost",
    ),
}


@pytest.mark.parametrize("what", sorted(FAULTS))
async def test_a_bad_line_is_named(platform: Platform, what: str) -> None:
    """Each fault names its line and its field, before anything is written."""
    changes, field = FAULTS[what]
    with pytest.raises(LineFault) as caught:
        checked(
            platform, None, record(account_id="acme"), record(**{"account_id": "acme", **changes})
        )
    assert (caught.value.number, caught.value.field) == (2, field)
    assert str(caught.value).startswith("line 2: ")


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("channel", "use one of phone, web, whatsapp, chat"),
        ("outcome", "use one of completed, voicemail, failed, rejected, busy, no_answer, canceled"),
        ("direction", "use one of inbound, outbound"),
    ],
)
async def test_a_misspelt_word_is_answered_with_those_there_are(
    platform: Platform, field: str, words: str
) -> None:
    """Whoever misspelt a channel, an outcome or a direction is told the words to choose from."""
    with pytest.raises(LineFault, match=words):
        checked(platform, "acme", record(**{field: "sideways"}))


async def test_what_is_no_json_is_named(platform: Platform) -> None:
    """A torn line is refused by its number."""
    with pytest.raises(LineFault, match="line 7: is no JSON object"):
        read_line(
            7, b'{"call_id": ', account_id="a", book=platform.prices.book, now=platform.clock()
        )


async def test_a_call_of_tomorrow_is_refused(platform: Platform) -> None:
    """What has not taken place cannot be imported; a clock that is hours off is let through."""
    tomorrow = (platform.clock() + timedelta(days=1)).isoformat()
    with pytest.raises(LineFault, match="lies in the future"):
        checked(platform, "acme", record(started_at=tomorrow))


async def test_unknown_accounts_are_told_beforehand(
    platform: Platform, make_account: AccountFactory
) -> None:
    """Accounts that do not exist are known before the first call is written."""
    account_id = await make_account()
    async with platform.connection() as connection:
        assert await unknown_accounts(connection, [account_id, "nobody"]) == {"nobody"}
